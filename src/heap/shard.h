/* SPDX-License-Identifier: MIT */
/* shard.h - independent heaps that threads are spread over
 *
 * A shard is a set of zones and a lock.  A thread is assigned to one for life; a
 * block may be freed by any thread, which sets a bit in the block's zone and needs
 * no lock.  There are up to two shards for each processor that the process may use, and
 * one where that is one processor.
 *
 * Sizes are in granules of 16 bytes.  Functions take the shard's lock themselves.
 */
#ifndef SEA_SHARD_H
#define SEA_SHARD_H

#include "base/bittree.h"
#include "base/lock.h"
#include "heap/queue.h"
#include "heap/zone.h"

#define SEA_MAX_SHARDS 256

/* Where the sweep for a size goes on; from the first zone if it comes from another epoch. */
struct sea_cursor {
	uint32_t zone, stripe, epoch;
};

struct sea_shard {
	struct sea_lock lock;
	uint32_t nr_threads;	   /* assigned now; threads lock */
	struct sea_holes holes;
	struct sea_zone **zones;
	uint8_t *zone_hint;	   /* by zone: the largest of its hints, or more */
	uint32_t nr_zones, capacity;
	struct sea_bittree unlisted; /* numbers of zones that were merged since their holes were listed */
	struct sea_bittree rows;   /* of zones that may have a long row of idle pages */
	struct sea_zone *emptied;  /* waits until the lock is dropped */
	struct sea_zone *spare;	   /* structs; atomic */
	struct sea_zone *purged;   /* the same, whose bitmaps have no memory */
	struct sea_queue queue[SEA_NR_QUEUES]; /* zones to merge */
	size_t nr_freed;	   /* granules freed since the epoch began */
	uint32_t epoch;
	struct sea_cursor cursor[SEA_SMALL_GRANULES + 1];
	struct sea_cursor (*aligned)[SEA_NR_CLASSES]; /* the same by alignment and class; NULL: none was asked for */
} SEA_LINE_ALIGNED;

extern SEA_HIDDEN struct sea_shard sea_shards[SEA_MAX_SHARDS];

/* What one refill brings. */
#define SEA_BATCH_PIECES 16
struct sea_batch {
	uint32_t nr_pieces, nr_chunks;
	struct sea_piece piece[SEA_BATCH_PIECES];
};

/* Takes up to `want` chunks of k granules, one at least.  False: no memory. */
bool sea_shard_take(struct sea_shard *shard, unsigned k, unsigned want, struct sea_batch *batch);

/* The same, and each of them is aligned to `align` bytes, a power of two of at least a granule and
 * less than a zone. */
bool sea_shard_take_aligned(struct sea_shard *shard, unsigned k, unsigned want, size_t align, struct sea_batch *batch);

/* Sends the chunks whose bits are set in `mask` back to their zone: they start in
 * word `word` and have nr_granules together.  Any thread, no lock. */
void sea_shard_send(struct sea_zone *zone, size_t word, uint64_t mask, unsigned nr_granules);

/* A step of merging: zones that are worth it, until the work is done that a step may be.  Does
 * nothing if another thread holds the lock.  True: there is more to do. */
bool sea_shard_merge_some(struct sea_shard *shard);

/* The same for zones that have more than a little pending, for what they hold; waits for the
 * lock. */
bool sea_shard_merge_worth(struct sea_shard *shard);

/* Drains every zone, step by step; what is sent meanwhile may stay. */
void sea_shard_merge(struct sea_shard *shard);

/* For reclaim.c.  Drains one zone, as far as the work of `most` words; the lock is held.  Returns the work.
 * Drops the lock, then gives emptied zones to the page allocator. */
unsigned sea_shard_merge_zone(struct sea_shard *shard, struct sea_zone *zone, unsigned most);
void sea_shard_drop_lock(struct sea_shard *shard);

/* Lengthens a used chunk in place. */
bool sea_shard_extend(struct sea_zone *zone, unsigned g, unsigned from, unsigned to);

/* Claim: sea_shard_join() knows how many shards there may be, or need not know, for the
 * first thread.  Else sea_shard_learn_limit() comes first, which asks the system: no lock
 * held.  Threads lock held for the others. */
bool sea_shard_may_join(void);
void sea_shard_learn_limit(void);

/* Assigns a thread to the shard with the fewest, and takes it away again. */
struct sea_shard *sea_shard_join(void);
void sea_shard_leave(struct sea_shard *shard);

struct sea_shard_stats {
	size_t nr_zones;
	size_t used;	/* bytes in used chunks, thread caches and what was sent back included */
	size_t pending; /* of them sent back and not merged yet; roughly */
};
void sea_shard_stats(struct sea_shard *shard, struct sea_shard_stats *stats);

/* Shards in use so far; at least 1. */
unsigned sea_shard_count(void);

/* Claim: every zone, list and hint is sound, and nothing that was sent is forgotten.  No other
 * thread is sending. */
bool sea_shard_is_sound(struct sea_shard *shard);

#endif
