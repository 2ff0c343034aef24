/* SPDX-License-Identifier: MIT */
/* shard.h - independent heaps that threads are spread over
 *
 * A shard is a set of zones and a lock.  A thread is assigned to one shard for its life.  Any
 * thread may free a block: it sets a bit in the block's zone and needs no lock.  There are up to
 * two shards for each processor that the process may use, but one if it may use one processor.
 *
 * Sizes are in granules of 16 bytes.  Functions take the shard's lock unless they say otherwise.
 */
#ifndef SEA_SHARD_H
#define SEA_SHARD_H

#include "base/bittree.h"
#include "base/lock.h"
#include "heap/queue.h"
#include "heap/zone.h"

#define SEA_MAX_SHARDS 256

/* The owner of a zone that is no heap object's.  No handle is near it, and no program's
 * pointer. */
#define SEA_NO_OWNER 0xfeed5ea5feed5ea5ull

/* Where the sweep for a size continues.  If the epoch is not the shard's, the sweep starts at the
 * first zone. */
struct sea_cursor {
	uint32_t zone, stripe, epoch;
};

struct sea_shard {
	struct sea_lock lock;
	uint32_t nr_threads;	   /* threads assigned now; threads lock */
	struct sea_holes holes;
	struct sea_zone **zones;
	uint8_t *zone_hint;	   /* by zone: upper bound for its hints */
	uint32_t nr_zones, capacity;
	struct sea_bittree unlisted; /* zones that may have large holes that are in no list */
	struct sea_bittree rows;   /* zones that may have a long row of idle pages */
	struct sea_zone *emptied;  /* go to the page allocator when the lock is dropped */
	struct sea_zone *spare;	   /* unused structs; atomic */
	/* the same, after reclaim has seen them: mostly without memory */
	struct sea_zone *purged;
	struct sea_queue queue[SEA_NR_QUEUES]; /* zones to merge */
	size_t nr_freed;	   /* granules freed since the epoch began */
	uint32_t epoch;
	struct sea_cursor cursor[SEA_SMALL_GRANULES + 1];
	/* cursors by alignment and class; NULL until the first aligned request */
	struct sea_cursor (*aligned)[SEA_NR_CLASSES];
	/* threads that hold chunks of a zone while they purge them without the lock */
	uint32_t nr_purging;
	bool is_clearing; /* a thread waits for these, so no other begins */
	bool is_apart; /* a heap object's (apart.h): the seam map does not show its zones */
	uint64_t owner; /* the handle of that heap, for its zones */
} SEA_LINE_ALIGNED;

extern SEA_HIDDEN struct sea_shard sea_shards[SEA_MAX_SHARDS];

/* Takes up to `want` chunks of k granules, at least one.  False: out of memory. */
bool sea_shard_take(struct sea_shard *shard, unsigned k, unsigned want, struct sea_batch *batch);

/* The same, with each chunk aligned to `align` bytes: a power of two, at least a granule, less
 * than a zone. */
bool sea_shard_take_aligned(struct sea_shard *shard, unsigned k, unsigned want, size_t align, struct sea_batch *batch);

/* Sends the chunks whose bits are set in `mask` to their zone.  They start in word `word` and have
 * nr_granules together.  Any thread, no lock. */
void sea_shard_send(struct sea_zone *zone, size_t word, uint64_t mask, unsigned nr_granules);

/* Sends a chunk.  The process has one thread: an OR that is not atomic takes less time than a
 * search for chunks in the same word. */
SEA_INLINE void sea_shard_send_alone(const void *chunk, unsigned nr_granules)
{
	struct sea_zone *zone = sea_zone_with(chunk);
	unsigned g = sea_granule_of(chunk);
	SEA_ASSERT(zone && zone->shard);
	sea_zone_send_alone(zone, g / 64, 1ull << g % 64, nr_granules);
	if (unlikely(!zone->is_queued[SEA_QUEUE_ANY]))
		sea_queue_push(&zone->shard->queue[SEA_QUEUE_ANY], SEA_QUEUE_ANY, zone);
	if (unlikely(zone->nr_pending >= zone->worth))
		sea_queue_push(&zone->shard->queue[SEA_QUEUE_WORTH], SEA_QUEUE_WORTH, zone);
}

/* One step of merging the zones that are worth it.  Does nothing if another thread holds the
 * lock.  True: there is more to do. */
bool sea_shard_merge_some(struct sea_shard *shard);

/* One step that also merges zones with less pending, compared with what they hold.  Waits for the
 * lock.  True: there is more to do. */
bool sea_shard_merge_worth(struct sea_shard *shard);

/* Merges every zone, step by step.  Chunks that are sent meanwhile may stay pending. */
void sea_shard_merge(struct sea_shard *shard);

/* For reclaim.c, with the lock held: merges one zone, up to `most` words of work, and returns the
 * work. */
unsigned sea_shard_merge_zone(struct sea_shard *shard, struct sea_zone *zone, unsigned most);

/* Lengthens a used chunk in place, from `from` to `to` granules. */
bool sea_shard_extend(struct sea_zone *zone, unsigned g, unsigned from, unsigned to);

/* Claim: sea_shard_join() can run: the limit of shards is known, or this is the first thread.  If
 * not, call sea_shard_learn_limit() first.  It asks the system, so the caller holds no lock.  For
 * the others it holds the threads lock. */
bool sea_shard_may_join(void);
void sea_shard_learn_limit(void);

/* Assigns a thread to the shard with the fewest threads, and ends the assignment. */
struct sea_shard *sea_shard_join(void);
void sea_shard_leave(struct sea_shard *shard);

/* Claim: SH1 to SH3 of shards.c hold, for so many threads with a cache.  Threads lock. */
bool sea_shards_are_sound(size_t nr_threads);

struct sea_shard_stats {
	size_t nr_zones;
	size_t used;	/* bytes in used chunks; those in thread caches and pending ones count */
	size_t pending; /* part of used: sent, not merged yet; not exact */
};
void sea_shard_stats(struct sea_shard *shard, struct sea_shard_stats *stats);

/* Shards in use so far; at least 1. */
unsigned sea_shard_count(void);

/* Claim: every zone, list and hint is sound, and each zone with pending chunks is queued.  No
 * other thread sends. */
bool sea_shard_is_sound(struct sea_shard *shard);

#endif
