/* SPDX-License-Identifier: MIT */
/* meta.h - memory for our own structures, out of band
 *
 * A pointer that only rises, over mappings of its own, never next to user bytes, so that
 * no overflow of a block reaches them.  Nothing is given back: each kind of
 * structure keeps a list of its own spare ones.
 */
#ifndef SEA_META_H
#define SEA_META_H

#include "base/compiler.h"

/* Zeroed, aligned to a cache line, or NULL.  Any thread. */
void *sea_meta_alloc(size_t size);

/* The same, aligned to a power of two of a cache line or more, and untouched: costs no
 * memory until used. */
void *sea_meta_alloc_aligned(size_t size, size_t align);

/* The same, aligned to a page. */
void *sea_meta_alloc_pages(size_t size);

/* Bytes handed out so far. */
size_t sea_meta_size(void);

/* Claim: M1 and M2 of meta.c.  Walks what is left of the last mapping. */
bool sea_meta_is_sound(void);

#endif
