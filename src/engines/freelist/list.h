/* SPDX-License-Identifier: MIT */
/* freelist/list.h - the free list
 *
 * Chunks in, chunks out; blocks and counts of what is live are the caller's.
 * sea_small.lock is held for all of these.
 */
#ifndef SEA_FREELIST_LIST_H
#define SEA_FREELIST_LIST_H

#include "engines/textbook/chunk.h"

/* Takes the lowest hole with room for a block of `size` bytes: a live chunk.  Adds a zone
 * where there is none, and drops the lock while it asks for pages.  NULL: no memory. */
struct sea_chunk *sea_list_take(size_t size);

/* Makes a live chunk a hole and merges it with its neighbours.  Returns a zone that
 * became empty, for sea_pages_free() once the lock is dropped; mostly NULL. */
void *sea_list_give(struct sea_chunk *chunk);

/* Returns the empty zone that is kept, in the same way; NULL if there is none. */
void *sea_list_give_spare(void);

/* Makes the block of a live chunk `size` bytes long, not more than its room, and what
 * is then behind it a hole, if that is large enough for a chunk. */
void sea_list_cut(struct sea_chunk *chunk, size_t size);

/* Lengthens a live chunk's block to `size` bytes, more than its room, by the hole behind
 * it; false if there is none that is long enough. */
bool sea_list_extend(struct sea_chunk *chunk, size_t size);

/* Takes all holes with `least` bytes or more out of the list, as live chunks.  The
 * first word of a block points to the next chunk, in address order. */
struct sea_chunk *sea_list_withhold(size_t least);

struct sea_list_count {
	size_t nr_zones, zone_bytes;
	size_t nr_live, live; /* live chunks, and bytes in their blocks */
};

/* Claim: FL1 to FL4 of list.c, FI1 to FI3 of index.c.  Walks everything, and counts. */
bool sea_list_is_sound(struct sea_list_count *count);

#endif
