/* SPDX-License-Identifier: MIT */
/* freelist/list.h - the free list
 *
 * It gives and takes chunks.  The caller cares for blocks and for the counts of what is live, and
 * holds sea_small.lock.
 */
#ifndef SEA_FREELIST_LIST_H
#define SEA_FREELIST_LIST_H

#include "engines/textbook/chunk.h"

/* Takes the lowest hole with room for a block of `size` bytes, as a live chunk.  If there is none,
 * adds a zone, and drops the lock while it asks for pages.  NULL: out of memory. */
struct sea_chunk *sea_list_take(size_t size);

/* Makes a live chunk a hole and merges it with its neighbours.  Mostly returns NULL.  Else returns
 * a zone that became empty: call sea_pages_free() for it after dropping the lock. */
void *sea_list_give(struct sea_chunk *chunk);

/* Returns the spare empty zone in the same way; NULL if there is none. */
void *sea_list_give_spare(void);

/* Makes the block of a live chunk `size` bytes long, at most its room.  The rest becomes a hole if
 * it is large enough for a chunk. */
void sea_list_cut(struct sea_chunk *chunk, size_t size);

/* Lengthens a live chunk's block to `size` bytes, more than its room, into the hole behind it.
 * False: there is no hole, or it is too short. */
bool sea_list_extend(struct sea_chunk *chunk, size_t size);

/* Takes all holes with at least `least` bytes out of the list, as live chunks.  The first word of
 * each block points to the next chunk, in address order. */
struct sea_chunk *sea_list_withhold(size_t least);

struct sea_list_count {
	size_t nr_zones, zone_bytes;
	size_t nr_live, live; /* live chunks, and bytes in their blocks */
};

/* Claim: FL1 to FL4 of list.c and FI1 to FI3 of index.c hold.  Walks everything, and counts. */
bool sea_list_is_sound(struct sea_list_count *count);

#endif
