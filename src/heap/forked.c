/* SPDX-License-Identifier: MIT */
/* forked.c - makes the queues anew
 *
 * Fork takes all locks, but threads that send take none.  What one of them had not done yet is
 * done here: the bit of the line, the count, and the push.  Only the chunk's own bit may be there,
 * so all bits of all zones are looked at: 8 KiB for each MiB of zones, less than the kernel
 * touches for that MiB in a fork.
 */
#include "heap/forked.h"

#include "base/lock.h"
#include "heap/shard.h"

/* True: something is pending. */
static bool complete_lines(struct sea_zone *zone)
{
	bool is_pending = false;
	for (size_t line = 0; line < SEA_ZONE_LINES; line++)
		if (sea_zone_line_is_pending(zone, line)) {
			sea_or_ordered_mt(&zone->lines[line / 64], 1ull << line % 64);
			is_pending = true;
		}
	return is_pending;
}

/* Says that the zone is in no queue.  Writes only if it must: many structs have no memory. */
static void unqueue(struct sea_zone *zone)
{
	for (unsigned q = 0; q < SEA_NR_QUEUES; q++)
		if (sea_load_relaxed(&zone->is_queued[q]))
			sea_store_relaxed(&zone->is_queued[q], 0);
}

static void unqueue_all(struct sea_zone *zone)
{
	for (; zone; zone = zone->next)
		unqueue(zone);
}

static void requeue(struct sea_shard *shard, struct sea_zone *zone)
{
	SEA_ASSERT(zone->shard == shard);
	bool is_pending = complete_lines(zone);
	unqueue(zone);
	if (!is_pending)
		return;
	if (!sea_load_relaxed(&zone->nr_pending))
		sea_store_relaxed(&zone->nr_pending, 1);
	sea_queue_push(&shard->queue[SEA_QUEUE_ANY], SEA_QUEUE_ANY, zone);
	if (sea_load_relaxed(&zone->nr_pending) >= sea_load_relaxed(&zone->worth))
		sea_queue_push(&shard->queue[SEA_QUEUE_WORTH], SEA_QUEUE_WORTH, zone);
}

static void requeue_shard(struct sea_shard *shard)
{
	sea_lock_take(&shard->lock);
	for (unsigned q = 0; q < SEA_NR_QUEUES; q++)
		while (sea_queue_pop(&shard->queue[q], q))
			;
	unqueue_all(shard->spare);
	unqueue_all(shard->purged);
	unqueue_all(shard->emptied);
	for (uint32_t i = 0; i < shard->nr_zones; i++)
		requeue(shard, shard->zones[i]);
	sea_lock_drop(&shard->lock);
}

void sea_forked_requeue(void)
{
	for (unsigned i = 0; i < sea_shard_count(); i++)
		requeue_shard(&sea_shards[i]);
}
