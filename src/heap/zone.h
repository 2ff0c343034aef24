/* SPDX-License-Identifier: MIT */
/* zone.h - a coalescing heap inside one MiB, kept in bitmaps
 *
 *    granule   0       4           10    13
 *    chunk     | used  |   free    |used | free ...
 *    seam      1 0 0 0 1 0 0 0 0 0 1 0 0 1 0 0
 *    used      1 1 1 1 0 0 0 0 0 0 1 1 1 0 0 0
 *
 * A granule is 16 bytes.  A seam is the boundary at which a chunk starts.  The size of a chunk
 * is the distance to the next seam.  A used chunk has no header.
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

/* Words of a bitmap in one cache line. */
#define SEA_LINE_WORDS (SEA_CACHE_LINE / 8)
#define SEA_ZONE_LINES (SEA_ZONE_WORDS / SEA_LINE_WORDS)

/* Words for which one hint byte stands: 8 KiB of the zone. */
#define SEA_HINT_WORDS SEA_LINE_WORDS
#define SEA_ZONE_HINTS (SEA_ZONE_WORDS / SEA_HINT_WORDS)
#define SEA_HINT_UNKNOWN 255

/* A row of idle pages of this many bytes is worth a purge of its own.  A purge of 1 page takes 1.5
 * us and of 16 pages 7.5 us, and each page that is used again is a fault of 1.6 us (a virtual
 * machine on an AMD EPYC).  Shorter rows mostly grow soon, or are used again. */
#define SEA_ZONE_LONG_ROW (64 * SEA_KIB)

/* Pending granules that are worth merging: 16 KiB, some 100 chunks of the usual sizes.
 * Neighbours among them are likely. */
#define SEA_MERGE_LEAST (16 * (uint32_t)SEA_KIB / SEA_GRANULE)

/* A cache miss, counted as work: words of a bitmap that are looked at. */
#define SEA_MISS_WORK 2

struct sea_shard;

/* The queues in which a zone may be (queue.h): WORTH if enough is pending to be worth merging, ANY
 * if anything is pending. */
enum sea_which_queue { SEA_QUEUE_WORTH, SEA_QUEUE_ANY, SEA_NR_QUEUES };

struct sea_zone {
	uint64_t used[SEA_ZONE_WORDS + 1];   /* shard lock */

	/* Threads that send chunks write these fields.  They share no cache line with the fields
	 * that the lock's holder writes. */
	/* chunks that were sent: any thread sets bits, the lock's holder takes
	 * them; ordered with `lines` */
	uint64_t pending[SEA_ZONE_WORDS] SEA_LINE_ALIGNED;
	/* lines of `pending` that may have a bit: any thread sets a line's bit after the
	 * chunk's bit (before it if the process has one thread), the lock's holder takes it
	 * before */
	uint64_t lines[SEA_ZONE_LINES / 64] SEA_LINE_ALIGNED;
	struct sea_shard *shard;	     /* constant while the zone is in use; NULL: spare */
	/* written by the thread that pushes, later under the shard lock */
	struct sea_zone *queue_next[SEA_NR_QUEUES];
	uint32_t nr_pending;		     /* granules, not exact; atomic */
	/* so many pending granules are worth a merge; atomic */
	uint32_t worth;
	uint32_t is_queued[SEA_NR_QUEUES];   /* atomic, ordered with `pending` */

	/* words in which a large hole may start that is in no list */
	uint64_t unlisted[SEA_ZONE_WORDS / 64] SEA_LINE_ALIGNED;
	/* upper bound in granules for holes that start in these words */
	uint8_t hint[SEA_ZONE_HINTS];
	/* SEA_ZONE_WORDS words, in the seam map or at own_seam; the shard lock to
	 * write, free() reads without it */
	uint64_t *seam;
	/* a byte for each seam word, for the chunk that starts in the word and has its last
	 * granule: 1 + bit of a listed hole, or the class of a used chunk; 0: none, or not
	 * known.  Shard lock; the owner of a used chunk may read it */
	uint8_t *start;
	/* seams and `start` bytes for a zone that the seam map does not reach; kept when the
	 * struct is reused; or NULL */
	uint64_t *own_seam;
	char *base;
	struct sea_touched touched;	     /* which pages of the zone are touched */
	struct sea_holes *holes;	     /* the shard's lists */
	/* in the shard's list of emptied zones or spare structs */
	struct sea_zone *next;
	uint32_t index;			     /* in the shard's table */
	uint32_t nr_used;		     /* granules */
	/* touched pages inside holes, behind a descriptor: a purge would free them */
	uint32_t nr_idle;
	/* upper bound for the pages of a row of idle pages with a touched one, up to
	 * SEA_ZONE_LONG_ROW; untouched pages of the row count */
	uint32_t longest_idle;
	uint32_t is_apart;		     /* a heap object's (apart.h); constant while in use */
	/* of its shard, for a heap object; constant while in use */
	uint64_t owner;
	uint32_t is_purged;		     /* a spare struct: its bitmaps have no memory */
};

_Static_assert(SEA_ZONE_GRANULES == 1u << 16, "a granule's number is the low half of a rotated address");
_Static_assert(SEA_HINT_WORDS * SEA_ZONE_HINTS == SEA_ZONE_WORDS, "a hint for every word");

/* Chunks of equal size side by side. */
struct sea_piece {
	char *start;
	uint32_t count;
};

/* The result of one refill. */
#define SEA_BATCH_PIECES 16
struct sea_batch {
	uint32_t want;	/* chunks that are asked for */
	uint32_t nr_pieces, nr_chunks;
	/* two or more pages of the last piece have no memory, and each will be written to */
	bool is_fresh;
	struct sea_piece piece[SEA_BATCH_PIECES];
};

/* A piece of so many chunks, half of what a refill of single chunks brings, ends a refill:
 * it becomes a fresh run. */
#define SEA_LONG_PIECE (SEA_BATCH_PIECES / 2)

SEA_INLINE void sea_batch_begin(struct sea_batch *batch, unsigned want)
{
	batch->want = want;
	batch->nr_pieces = batch->nr_chunks = 0;
	batch->is_fresh = false;
}

/* True: the batch is complete. */
SEA_INLINE bool sea_batch_add(struct sea_batch *batch, struct sea_piece piece, bool is_fresh)
{
	SEA_ASSERT(piece.count > 0 && batch->nr_pieces < SEA_BATCH_PIECES);
	batch->piece[batch->nr_pieces++] = piece;
	batch->nr_chunks += piece.count;
	batch->is_fresh = is_fresh;
	return batch->nr_chunks >= batch->want || piece.count >= SEA_LONG_PIECE || batch->nr_pieces == SEA_BATCH_PIECES;
}

/* Prepares a zone at `base`.  The metadata is zeroed or that of an empty zone.  `seam` and `start`
 * are zeros: the zone's words in the seam map and their bytes, or others. */
void sea_zone_init(struct sea_zone *zone, char *base, uint64_t *seam, uint8_t *start, struct sea_shard *shard,
		   struct sea_holes *holes);

/* Takes the metadata of an empty zone out of use. */
void sea_zone_retire(struct sea_zone *zone);

/* Makes every chunk free at once, also pending ones, without a look at the zone's
 * memory.  The lists of holes forget the zone's holes before.  The next call for the
 * zone is sea_zone_retire(). */
void sea_zone_clear(struct sea_zone *zone);

/* Work is counted in words of a bitmap.  A word takes 10 to 30 ns: merging 10 to 26 ns, a sweep
 * that finds no hole 8 to 28 ns (150 zones, a tenth to a half of their chunks sent by another
 * processor; AMD EPYC).  What else is counted as so many words may take twice as long. */

/* Takes what was used from the work that is left. */
SEA_INLINE void sea_use_up(unsigned *work, size_t used) { *work -= (unsigned)sea_min(*work, used); }

/* Takes small chunks of k granules from the holes that fit, at or after stripe *stripe.  A
 * stripe is the words of one hint, 8 KiB.  True: the batch is complete, and *stripe is the
 * stripe of the last hole.  False: no other hole fits; or *work was used up, and then
 * *stripe is not at the end. */
bool sea_zone_sweep(struct sea_zone *zone, unsigned k, struct sea_batch *batch, unsigned *stripe, unsigned *work);

/* The same for up to `max` chunks of any size from one hole, each at a multiple of `align`
 * granules (a power of two).  If k is a multiple of `align`, the chunks are side by side; else a
 * hole gives one.  count is 0 where the other returns false. */
struct sea_piece sea_zone_sweep_aligned(struct sea_zone *zone, unsigned k, unsigned align, unsigned max,
					unsigned *stripe, unsigned *work);

/* Takes `count` chunks of k granules out of a hole of this zone, from address `at` on.
 * The hole must be long enough.  True: they are fresh (struct sea_batch). */
bool sea_zone_carve(struct sea_zone *zone, struct sea_hole *hole, char *at, unsigned k, unsigned count);

/* The same, but the caller will not write to the chunks: their pages are not touched. */
void sea_zone_hold(struct sea_zone *zone, struct sea_hole *hole, char *at, unsigned k, unsigned count);

/* Marks a chunk that was held, before it is freed.  Does nothing if a hole ends in front of it:
 * the two will merge, and that hole has a mark. */
void sea_zone_mark(struct sea_zone *zone, unsigned g);

/* Frees pending chunks and merges them with their neighbours, until the work of `most` words is
 * done.  Reads and writes bitmaps only: it does not list the large holes that it makes.  Returns
 * the work.  If something is left, nr_pending is not 0. */
unsigned sea_zone_merge(struct sea_zone *zone, unsigned most);

/* Lists the large holes that are not listed.  Returns the work, which is more for a hole than for
 * a word: its descriptor may be in no cache. */
unsigned sea_zone_list(struct sea_zone *zone);

/* Lengthens a used chunk from `from` to `to` granules into the hole behind it, if that is long
 * enough. */
bool sea_zone_extend(struct sea_zone *zone, unsigned g, unsigned from, unsigned to);

/* The zone of `address`, or NULL. */
SEA_INLINE struct sea_zone *sea_zone_of(const void *address) { return sea_pagemap_zone(address); }

/* The zone of a chunk that certainly is in one. */
SEA_INLINE struct sea_zone *sea_zone_with(const void *chunk)
{
	SEA_ASSERT(sea_pagemap_zone(chunk));
	struct sea_window *window = sea_load_acquire(&sea_pagemap_directory[(uintptr_t)chunk >> SEA_WINDOW_SHIFT]);
	return sea_load_acquire(&window->slot[sea_slot_of(chunk)].zone);
}

/* Sends the chunks whose bits are set in `mask`.  They start in word `word` and were held, so they
 * are not counted.  Any thread, no lock.
 *
 * The thread that merges takes the bit of the line and then looks at the line.  So it finds this
 * chunk, or the bit is set again. */
SEA_INLINE void sea_zone_send_held(struct sea_zone *zone, size_t word, uint64_t mask)
{
	SEA_ASSERT(mask && word < SEA_ZONE_WORDS);
	size_t line = word / SEA_LINE_WORDS;
	sea_or_ordered_mt(&zone->pending[word], mask);
	if (unlikely(!(sea_load_ordered(&zone->lines[line / 64]) >> line % 64 & 1)))
		sea_or_ordered_mt(&zone->lines[line / 64], 1ull << line % 64);
}

/* False: all that was sent is merged.  Reads `pending`, which a sending thread writes before it
 * looks whether the zone is queued, so no sent chunk is missed.  Shard lock. */
SEA_INLINE bool sea_zone_may_be_pending(const struct sea_zone *zone)
{
	uint64_t any = 0;
	for (size_t i = 0; i < SEA_ZONE_LINES / 64; i++)
		any |= sea_load_ordered(&zone->lines[i]);
	return any;
}

/* Sends used chunks that have nr_granules together.  If two threads send at once, the count is not
 * exact.  It is not 0 while a bit is set: the thread that merges sets it to 0 before it takes the
 * bits.  But a processor may show the new count late (sea_zone_may_be_pending()). */
SEA_INLINE void sea_zone_send(struct sea_zone *zone, size_t word, uint64_t mask, unsigned nr_granules)
{
	SEA_ASSERT(nr_granules > 0 && nr_granules <= SEA_ZONE_GRANULES);
	sea_zone_send_held(zone, word, mask);
	sea_count_roughly(&zone->nr_pending, nr_granules);
}

/* The same if the process has one thread.  A signal handler may fork between two of these
 * stores, and its child may send another chunk: so the count and the line's bit come first.
 * Without the chunk's bit they only make a merge look once more. */
SEA_INLINE void sea_zone_send_alone(struct sea_zone *zone, size_t word, uint64_t mask, unsigned nr_granules)
{
	uint64_t before = zone->pending[word];
	size_t line = word / SEA_LINE_WORDS;
	zone->nr_pending += nr_granules;
	if (!before)
		zone->lines[line / 64] |= 1ull << line % 64;
	sea_before_a_signal();
	zone->pending[word] = before | mask;
}

/* The class in the byte of a word; 0: none. */
SEA_INLINE unsigned sea_zone_class_in(const uint8_t *start)
{
	unsigned class = sea_load_relaxed(start);
	SEA_ASSERT(class < SEA_NR_CLASSES);
	return class > 64 ? class : 0;
}

/* The class of the used chunk that starts at g; 0 if another chunk starts behind it in its word,
 * or its length is not known.  For the chunk's owner. */
SEA_INLINE unsigned sea_zone_long_class(const struct sea_zone *zone, unsigned g)
{
	SEA_ASSERT(g < SEA_ZONE_GRANULES);
	bool is_last = sea_load_relaxed(&zone->seam[g / 64]) >> g % 64 == 1;
	return is_last ? sea_zone_class_in(&zone->start[g / 64]) : 0;
}

/* Granules of the used or free chunk that starts at g; 0 if no chunk starts there.  Needs the
 * shard's lock, unless the caller owns the chunk. */
unsigned sea_zone_chunk_size(const struct sea_zone *zone, unsigned g);

/* Start of the chunk that covers granule g.  Shard lock. */
unsigned sea_zone_chunk_start(const struct sea_zone *zone, unsigned g);

/* Start of the hole that covers a free address. */
char *sea_zone_hole_of(const struct sea_zone *zone, const void *address);

/* Claim: a chunk that starts in the line was sent, and is not merged yet. */
SEA_INLINE bool sea_zone_line_is_pending(const struct sea_zone *zone, size_t line)
{
	uint64_t any = 0;
	for (size_t word = line * SEA_LINE_WORDS; word < (line + 1) * SEA_LINE_WORDS; word++)
		any |= sea_load_ordered(&zone->pending[word]);
	return any;
}

/* Calls visit() for each row of idle pages: granules [from, to).  Shard lock. */
void sea_zone_walk_idle(const struct sea_zone *zone, void (*visit)(const struct sea_zone *, size_t, size_t, void *),
			void *context);

/* Makes longest_idle exact.  Shard lock. */
void sea_zone_measure_idle(struct sea_zone *zone);

/* Claim: a row of idle pages of SEA_ZONE_LONG_ROW bytes or more may exist. */
bool sea_zone_may_have_row(const struct sea_zone *zone);

/* Claim: each large hole is listed. */
bool sea_zone_is_listed(const struct sea_zone *zone);

/* The bytes of a zone.  used + free + purged is the whole zone. */
struct sea_zone_count {
	size_t used;	/* in used chunks */
	size_t pending; /* part of used: sent, not merged yet */
	size_t free;	/* in holes, on touched pages */
	size_t idle;	/* part of free: in idle pages */
	size_t purged;	/* in pages that are not touched */
};

/* Shard lock.  In zone_count.c. */
void sea_zone_count(const struct sea_zone *zone, struct sea_zone_count *count);

/* Claim: Z1 to Z8 of zone.c and Z9 of zone_idle.h hold.  Walks the whole zone.  Shard lock. */
bool sea_zone_is_sound(const struct sea_zone *zone);

/* The second word of a free chunk.  It depends on the address: a live block has it by chance once
 * in 2^48.  `seams` is sea_seams. */
SEA_INLINE uintptr_t sea_mark_of(const void *chunk, const char *seams)
{
	return (uintptr_t)chunk + (uintptr_t)seams;
}

/* A free chunk that a thread or a heap object keeps. */
struct sea_link {
	struct sea_link *next;
	uintptr_t mark; /* sea_mark_of() */
};

SEA_INLINE uintptr_t sea_link_mark(const void *chunk) { return sea_mark_of(chunk, sea_load_relaxed(&sea_seams)); }

SEA_INLINE unsigned sea_granule_of(const void *address)
{
	return (unsigned)((uintptr_t)address >> SEA_GRANULE_SHIFT & (SEA_ZONE_GRANULES - 1));
}

SEA_INLINE char *sea_zone_address(const struct sea_zone *zone, size_t granule)
{
	SEA_ASSERT(granule <= SEA_ZONE_GRANULES);
	return zone->base + (granule << SEA_GRANULE_SHIFT);
}

#endif
