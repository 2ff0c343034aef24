/* SPDX-License-Identifier: MIT */
/* layout.h - what a segment has where, and how it is read
 *
 *    | header | seam bitmap | ends bitmap | granule 0, 1, 2 ...            | (not yet grown) |
 *                                         '------- nr_granules -----------'
 *
 *    granule   0       4           10    13
 *    chunk     | used  |   free    |used | free ... |
 *    seam      1 0 0 0 1 0 0 0 0 0 1 0 0 1 0 0      1     a chunk starts
 *    ends      0 0 0 0 1 0 0 0 0 1 0 0 0 1 0 1            first and last granule of a hole
 *
 *    hole      | next  prev | size    ...           size |     in the hole itself, 4 bytes each
 *
 * The bitmaps have room for the segment's limit, so growth moves nothing.  Pages of them that no
 * block needs are never touched.  All numbers are offsets; a list's link is a granule plus one.
 *
 * The memory may be shared with a process that writes anything into it.  So each field is read
 * once, and checked before it is used as a place or a length.  What bounds every access
 * is in struct sea_segment, in private memory.
 */
#ifndef SEA_LAYOUT_H
#define SEA_LAYOUT_H

#include "base/bits.h"
#include "segment/journal.h"
#include "segment/segment.h"

#define SEA_SEGMENT_MAGIC 0x746e656d67657321ull /* "!segment" */
#define SEA_SEGMENT_VERSION 1

/* Sizes up to 15 granules have a list each; above, 8 lists for each doubling, up to 2^31. */
#define SEA_SEGMENT_EXACT 16u
#define SEA_SEGMENT_LISTS 240u

struct sea_segment_header {
	uint64_t magic;
	uint64_t version;
	uint64_t limit;	      /* bytes that the segment may grow to */
	uint64_t nr_granules; /* of now */
	uint64_t nr_used;     /* granules in used chunks */
	uint64_t nr_blocks;   /* used chunks */
	uint64_t nr_holes;
	uint64_t nr_unused;
	uint64_t filled[4];   /* bit b: list b is not empty */
	uint32_t first[SEA_SEGMENT_LISTS]; /* granule + 1 of the first hole; 0: none */
};

_Static_assert(sizeof(struct sea_segment_header) % 16 == 0, "the bitmaps behind it are aligned");
_Static_assert(SEA_SEGMENT_LISTS <= 4 * 64, "a bit for each list");

/* The start of a hole. */
struct sea_gap {
	uint32_t next, prev; /* granule + 1; 0: none */
	uint32_t size;	     /* granules */
	uint32_t size_at_end; /* in the last granule of the hole */
};

_Static_assert(sizeof(struct sea_gap) == SEA_SEGMENT_GRANULE, "the smallest hole has room for it");

SEA_INLINE struct sea_gap *sea_gap_at(const struct sea_segment *segment, size_t g)
{
	SEA_ASSERT(g < segment->nr_granules);
	return (struct sea_gap *)(segment->data + g * SEA_SEGMENT_GRANULE);
}

SEA_INLINE bool sea_layout_bit(const uint64_t *map, size_t g) { return sea_load_relaxed(&map[g / 64]) >> g % 64 & 1; }

/* Sets or clears a bit of `seam` or `ends`. */
SEA_INLINE void sea_layout_put_bit(struct sea_segment *segment, uint64_t *map, size_t g, bool value)
{
	SEA_ASSERT(g <= segment->nr_granules);
	uint64_t word = sea_load_relaxed(&map[g / 64]), bit = 1ull << g % 64;
	uint64_t changed = value ? word | bit : word & ~bit;
	if (changed != word)
		sea_journal_put(segment->journal, &map[g / 64], changed);
}

SEA_INLINE bool sea_layout_is_seam(const struct sea_segment *segment, size_t g)
{
	return g == segment->nr_granules || sea_layout_bit(segment->seam, g);
}

/* Claim: granule g is the first or the last of a hole. */
SEA_INLINE bool sea_layout_is_end(const struct sea_segment *segment, size_t g)
{
	return g < segment->nr_granules && sea_layout_bit(segment->ends, g);
}

/* The next seam behind g. */
SEA_INLINE size_t sea_layout_next(const struct sea_segment *segment, size_t g)
{
	SEA_ASSERT(g < segment->nr_granules);
	return sea_bits_find(segment->seam, g + 1, segment->nr_granules, true);
}

/* Adds to a count of the header. */
SEA_INLINE void sea_layout_count(struct sea_segment *segment, uint64_t *count, int64_t difference)
{
	sea_journal_put(segment->journal, count, sea_load_relaxed(count) + (uint64_t)difference);
}

/* The contents are not what this code writes.  Later calls refuse. */
SEA_INLINE void sea_layout_break(struct sea_segment *segment) { segment->is_broken = true; }

#endif
