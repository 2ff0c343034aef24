/* SPDX-License-Identifier: MIT */
/* zone.h - a coalescing heap inside one MiB, kept in bitmaps
 *
 *    granule   0       4           10    13
 *    chunk     | used  |   free    |used | free ...
 *    seam      1 0 0 0 1 0 0 0 0 0 1 0 0 1 0 0
 *    used      1 1 1 1 0 0 0 0 0 0 1 1 1 0 0 0
 *
 * A granule is 16 bytes.  A seam is the boundary at which a chunk starts; the size
 * of a chunk is the distance to the next seam.  Nothing is written into a used
 * chunk or next to it.
 */
#ifndef SEA_ZONE_H
#define SEA_ZONE_H

#include "base/atomic.h"
#include "base/bits.h"
#include "base/check.h"
#include "map/map.h"
#include "page/page_alloc.h"
#include "heap/hole.h"
#include "heap/sizeclass.h"

#define SEA_ZONE_SIZE SEA_SLOT_SIZE
#define SEA_ZONE_GRANULES (SEA_ZONE_SIZE / SEA_GRANULE)
#define SEA_ZONE_WORDS (SEA_ZONE_GRANULES / 64)

/* Words that one hint byte stands for: 8 KiB of zone, one cache line of bitmap. */
#define SEA_HINT_WORDS 8
#define SEA_ZONE_HINTS (SEA_ZONE_WORDS / SEA_HINT_WORDS)
#define SEA_HINT_UNKNOWN 255

/* Bytes of a row of idle pages that is worth being given back by itself: giving back and
 * faulting in again costs some 1.5 us a call and 0.3 us a page, and shorter rows are
 * mostly on their way to become longer ones, or to be filled. */
#define SEA_ZONE_LONG_ROW (64 * SEA_KIB)

/* Words of a bitmap that share a line of the processor's cache. */
#define SEA_LINE_WORDS 8
#define SEA_ZONE_LINES (SEA_ZONE_WORDS / SEA_LINE_WORDS)

struct sea_shard;

/* The queues that a zone may be in (queue.h): so much is pending that merging it is worth it;
 * anything is. */
enum sea_which_queue { SEA_QUEUE_WORTH, SEA_QUEUE_ANY, SEA_NR_QUEUES };

struct sea_zone {
	uint64_t used[SEA_ZONE_WORDS + 1];   /* shard lock */

	/* What threads that send chunks back use lies apart from what the lock's holder writes. */
	uint64_t pending[SEA_ZONE_WORDS] SEA_LINE_ALIGNED; /* chunks sent back: set by any thread, taken
						by the lock's holder; ordered with `lines` */
	uint64_t lines[SEA_ZONE_LINES / 64] SEA_LINE_ALIGNED; /* lines of `pending` in which a bit may be
						set: set by any thread after the bit, taken by the
						lock's holder before it */
	struct sea_shard *shard;	     /* constant while the zone lives; NULL: spare */
	struct sea_zone *queue_next[SEA_NR_QUEUES]; /* the pusher's, then the shard lock */
	uint32_t nr_pending;		     /* granules, roughly; atomic */
	uint32_t worth;			     /* pending granules that make merging worth it; atomic */
	uint32_t is_queued[SEA_NR_QUEUES];   /* atomic, ordered with `pending` */

	uint64_t unlisted[SEA_ZONE_WORDS / 64] SEA_LINE_ALIGNED; /* words in which a large hole may start
						that is not listed */
	uint8_t hint[SEA_ZONE_HINTS];	     /* no hole that starts in these words is longer; granules */
	uint64_t *seam;			     /* SEA_ZONE_WORDS, in the seam map or of our own; shard lock
						to write, read by free() without */
	uint8_t *start;			     /* SEA_ZONE_WORDS, beside the seams: the chunk that starts in the
						word and has its last granule: 1 + bit of a listed hole, or the
						class of a used chunk; 0: none, or not known.  Shard lock; a
						used chunk's owner may read it */
	uint64_t *own_seam;		     /* NULL unless the seam map did not reach one day; `start` behind it */
	char *base;
	struct sea_touched touched;	     /* pages of the zone that are */
	struct sea_holes *holes;	     /* the shard's lists */
	struct sea_zone *next;		     /* shard: emptied zones, spare structs */
	uint32_t index;			     /* in the shard's table */
	uint32_t nr_used;		     /* granules */
	uint32_t nr_idle;		     /* touched pages inside holes, behind a descriptor: what
						purging would give back */
	uint32_t longest_idle;		     /* pages in the longest row of them, with what lies between
						that is not touched; or more; or a long row's */
	uint32_t is_purged;		     /* spare: its bitmaps have no memory */
};

_Static_assert(SEA_ZONE_GRANULES == 1u << 16, "a granule's number is the low half of a rotated address");
_Static_assert(SEA_HINT_WORDS * SEA_ZONE_HINTS == SEA_ZONE_WORDS, "a hint for every word");

/* Equal chunks side by side. */
struct sea_piece {
	char *start;
	uint32_t count;
};

/* Prepares zeroed metadata, or that of an empty zone, for the zone at `base`.  `seam` are
 * its words in the seam map, or others, `start` their bytes; zeros. */
void sea_zone_init(struct sea_zone *zone, char *base, uint64_t *seam, uint8_t *start, struct sea_shard *shard,
		   struct sea_holes *holes);

/* Takes the metadata of an empty zone out of use. */
void sea_zone_retire(struct sea_zone *zone);

/* Work is counted in words of a bitmap, some 50 ns where they are in memory. */

/* Takes up to `max` chunks of k granules (at most 63) from the first hole that fits
 * at or after stripe *stripe (the words of one hint, 8 KiB), and moves *stripe there.  count is 0 if there is none, or if *work
 * was used up before: then *stripe is not at the end. */
struct sea_piece sea_zone_sweep(struct sea_zone *zone, unsigned k, unsigned max, unsigned *stripe, unsigned *work);

/* So much of it is done. */
SEA_INLINE void sea_use_up(unsigned *work, size_t used) { *work -= (unsigned)sea_min(*work, used); }

/* The same for chunks of any size, each at a multiple of `align` granules (a power of two): one
 * after the other where k is a multiple of it, else one from a hole. */
struct sea_piece sea_zone_sweep_aligned(struct sea_zone *zone, unsigned k, unsigned align, unsigned max,
					unsigned *stripe, unsigned *work);

/* Takes `count` chunks of k granules out of a hole of this zone, from address `at` on.
 * The hole must be long enough.  Returns `at`. */
char *sea_zone_carve(struct sea_zone *zone, struct sea_hole *hole, char *at, unsigned k, unsigned count);

/* The same, for a caller that will not write to them. */
void sea_zone_hold(struct sea_zone *zone, struct sea_hole *hole, char *at, unsigned k, unsigned count);

/* Before a chunk that was held is freed: marks it, unless it is going to be merged with
 * the hole in front of it, where there is a mark. */
void sea_zone_mark(struct sea_zone *zone, unsigned g);

/* Frees chunks that were sent back, and merges them with their neighbours, until the work of `most`
 * words is done.  Touches bitmaps only: large holes that come of it are not listed yet.  Returns the
 * work; something is left if nr_pending is not 0. */
unsigned sea_zone_merge(struct sea_zone *zone, unsigned most);

/* Lists the large holes that are not.  Returns the work: a descriptor lies in memory that may be cold. */
unsigned sea_zone_list(struct sea_zone *zone);

/* Lengthens a used chunk into the hole behind it, if that is long enough. */
bool sea_zone_extend(struct sea_zone *zone, unsigned g, unsigned from, unsigned to);

/* The zone that has an address which the seam map reaches, or NULL. */
SEA_INLINE struct sea_zone *sea_zone_near(const void *address)
{
	SEA_ASSERT(sea_seams_bit(address) < sea_load_constant(&sea_seams_nr));
	return sea_load_acquire(&sea_seams_zone[sea_seams_bit(address) / SEA_ZONE_GRANULES]);
}

/* The zone that has `address`, or NULL. */
SEA_INLINE struct sea_zone *sea_zone_of(const void *address)
{
	bool is_near = sea_seams_bit(address) < sea_load_constant(&sea_seams_nr);
	return likely(is_near) ? sea_zone_near(address) : sea_pagemap_zone(address);
}

/* Sends the chunks back whose bits are set in `mask`: they start in word `word`, and were
 * held, so that they are not counted.  Any thread, no lock.
 *
 * Who merges takes the bit of the line, then looks at the line: it finds this chunk, or the
 * bit is set again. */
SEA_INLINE void sea_zone_send_held(struct sea_zone *zone, size_t word, uint64_t mask)
{
	SEA_ASSERT(mask && word < SEA_ZONE_WORDS);
	size_t line = word / SEA_LINE_WORDS;
	sea_or_ordered_mt(&zone->pending[word], mask);
	if (unlikely(!(sea_load_ordered(&zone->lines[line / 64]) >> line % 64 & 1)))
		sea_or_ordered_mt(&zone->lines[line / 64], 1ull << line % 64);
}

/* The same for chunks that were used and have nr_granules together.  The count is not exact
 * where two threads send at once, but not 0 while a bit is set: whoever takes the bits sets
 * it to 0 first. */
SEA_INLINE void sea_zone_send(struct sea_zone *zone, size_t word, uint64_t mask, unsigned nr_granules)
{
	sea_zone_send_held(zone, word, mask);
	sea_count_roughly(&zone->nr_pending, nr_granules);
}

/* The class that the byte of a word names; 0: none. */
SEA_INLINE unsigned sea_zone_class_in(const uint8_t *start)
{
	unsigned class = sea_load_relaxed(start);
	SEA_ASSERT(class < SEA_NR_CLASSES);
	return class > 64 ? class : 0;
}

/* The class of the used chunk that starts at g, if that is the last to start in its word,
 * and goes on behind it; or 0.  For the chunk's owner. */
SEA_INLINE unsigned sea_zone_long_class(const struct sea_zone *zone, unsigned g)
{
	SEA_ASSERT(g < SEA_ZONE_GRANULES);
	bool is_last = sea_load_relaxed(&zone->seam[g / 64]) >> g % 64 == 1;
	return is_last ? sea_zone_class_in(&zone->start[g / 64]) : 0;
}

/* Granules of the used or free chunk that starts at g; 0 if no chunk starts there.
 * Without the shard's lock only for a chunk that the caller owns. */
unsigned sea_zone_chunk_size(const struct sea_zone *zone, unsigned g);

/* Start of the chunk that covers granule g.  Shard lock. */
unsigned sea_zone_chunk_start(const struct sea_zone *zone, unsigned g);

/* Start of the hole that covers a free address. */
char *sea_zone_hole_of(const struct sea_zone *zone, const void *address);

/* Calls visit() for each run of whole pages inside a hole, behind its descriptor: granules
 * [from, to).  Shard lock. */
void sea_zone_walk_idle(const struct sea_zone *zone, void (*visit)(const struct sea_zone *, size_t, size_t, void *),
			void *context);

/* Makes longest_idle exact.  Shard lock. */
void sea_zone_measure_idle(struct sea_zone *zone);

/* Claim: there may be a row of idle pages of SEA_ZONE_LONG_ROW bytes or more. */
bool sea_zone_may_have_row(const struct sea_zone *zone);

/* Claim: each large hole is listed. */
bool sea_zone_is_listed(const struct sea_zone *zone);

/* Where the zone's bytes are; used, free and purged are all of it. */
struct sea_zone_count {
	size_t used;	/* in used chunks */
	size_t pending; /* of them sent back */
	size_t free;	/* in holes, and may hold memory */
	size_t idle;	/* of them in whole pages behind a descriptor */
	size_t purged;	/* in pages that hold none */
};

/* Shard lock.  In zone_count.c. */
void sea_zone_count(const struct sea_zone *zone, struct sea_zone_count *count);

/* Claim: Z1 to Z8 of zone.c, Z9 of zone_idle.h.  Walks everything.  Shard lock. */
bool sea_zone_is_sound(const struct sea_zone *zone);

/* What the second word of a free chunk holds: it depends on the address, and is in no
 * live block but by a chance of one in 2^48.  `seams` is sea_seams. */
SEA_INLINE uintptr_t sea_mark_of(const void *chunk, const char *seams)
{
	return (uintptr_t)chunk + (uintptr_t)seams;
}

SEA_INLINE unsigned sea_granule_of(const void *address)
{
	return (unsigned)((uintptr_t)address >> SEA_GRANULE_SHIFT & (SEA_ZONE_GRANULES - 1));
}

SEA_INLINE char *sea_zone_address(const struct sea_zone *zone, size_t granule)
{
	return zone->base + (granule << SEA_GRANULE_SHIFT);
}

#endif
