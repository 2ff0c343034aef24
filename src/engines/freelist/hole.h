/* SPDX-License-Identifier: MIT */
/* freelist/hole.h - the descriptor of a hole
 *
 *    |size|seal|next|prev| free ...
 *    `-- chunk --'`-- in the block, which has at least 16 bytes
 *
 * All holes are in one list, lowest address first.  So are the marks: a mark has size 0 and ends a
 * zone.  No block fits into it, and it merges with nothing.
 */
#ifndef SEA_FREELIST_HOLE_H
#define SEA_FREELIST_HOLE_H

#include "engines/textbook/chunk.h"

struct hole {
	struct sea_chunk chunk;	  /* free */
	struct hole *next, *prev; /* NULL at the ends of the list */
};

/* The smallest chunk. */
#define CHUNK_MIN sizeof(struct hole)
_Static_assert(CHUNK_MIN == SEA_CHUNK_HEADER + SEA_GRANULE, "the smallest block has room for the links");

SEA_INLINE bool is_mark(const struct hole *hole) { return hole->chunk.size == 0; }

SEA_INLINE bool touch_each_other(const struct hole *low, const struct hole *high)
{
	return sea_chunk_next(&low->chunk) == &high->chunk;
}

#endif
