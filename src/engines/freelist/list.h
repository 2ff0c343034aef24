/* SPDX-License-Identifier: MIT */
/* freelist/list.h - zones and the list of their holes (layer 9)
 *
 * Chunks in, chunks out; blocks, sizes of requests and counts of what is live are the
 * caller's.  sea_small.lock is held for all of these.
 */
#ifndef SEA_FREELIST_LIST_H
#define SEA_FREELIST_LIST_H

#include "engines/textbook/chunk.h"

/* Takes a hole that fits out of the list: a used chunk with exactly `size` bytes behind
 * its header.  Adds a zone where none fits, and drops the lock while it asks for pages.
 * NULL: no memory. */
struct sea_chunk *sea_list_take(size_t size);

/* Makes a used chunk a hole and merges it with its neighbours.  Returns a zone that
 * became empty, for sea_pages_free() once the lock is dropped; mostly NULL. */
void *sea_list_give(struct sea_chunk *chunk);

/* Lengthens a used chunk to `size` bytes, or 16 more, by the hole behind it; false if
 * there is none that is long enough. */
bool sea_list_extend(struct sea_chunk *chunk, size_t size);

/* Takes all holes with `least` bytes or more out of the list, as used chunks.  The
 * first word of a block points to the next chunk, in address order. */
struct sea_chunk *sea_list_withhold(size_t least);

struct sea_list_count {
	size_t nr_zones, zone_bytes;
	size_t nr_live, live; /* used chunks, and bytes behind their headers */
};

/* Claim: F1 to F5 of list.c.  Walks everything, and counts. */
bool sea_list_is_sound(struct sea_list_count *count);

#endif
