/* SPDX-License-Identifier: MIT */
/* meta.h - memory for our own structures, out of band
 *
 * A pointer that only rises, in mappings of its own.  They are never next to user bytes, so no
 * overflow of a block reaches them.  Nothing is freed: each kind of structure keeps a list of its
 * unused ones.
 */
#ifndef SEA_META_H
#define SEA_META_H

#include "base/compiler.h"

/* Zeroed memory, aligned to a cache line; NULL: out of memory.  Any thread. */
void *sea_meta_alloc(size_t size);

/* The same, aligned to a power of two of at least a cache line.  It is untouched and costs no
 * memory until it is used. */
void *sea_meta_alloc_aligned(size_t size, size_t align);

/* The same, aligned to a page. */
void *sea_meta_alloc_pages(size_t size);

/* Bytes handed out so far. */
size_t sea_meta_size(void);

/* Claim: M1 and M2 of meta.c hold.  Walks the rest of the last mapping. */
bool sea_meta_is_sound(void);

#endif
