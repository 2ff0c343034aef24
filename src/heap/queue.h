/* SPDX-License-Identifier: MIT */
/* queue.h - zones to which chunks were sent
 *
 *    any thread --> pushed --> all at once --> taken --> the lock's holder, one by one
 *
 * Q1  If is_queued[q] of a zone is set, the zone is in that queue of its shard once, or is about
 *     to be pushed.  If it is clear, the zone is not in the queue.
 * Q2  The thread that pops clears is_queued first and then looks at what was sent.  The thread
 *     that sends does so first and then looks at is_queued.  So no chunk is missed.
 *
 * All zones in `taken` are popped before the next ones move there, so no zone waits forever.  A
 * queue may have zone structs that are spare by now.
 */
#ifndef SEA_QUEUE_H
#define SEA_QUEUE_H

#include "heap/zone.h"

struct sea_queue {
	struct sea_zone *pushed; /* atomic */
	struct sea_zone *taken;	 /* shard lock to write; atomic */
};

/* Adds the zone unless it is in the queue.  Any thread. */
SEA_INLINE void sea_queue_push(struct sea_queue *queue, enum sea_which_queue q, struct sea_zone *zone)
{
	SEA_ASSERT(q < SEA_NR_QUEUES);
	if (likely(sea_load_ordered(&zone->is_queued[q])) || sea_exchange_ordered(&zone->is_queued[q], 1))
		return;
	struct sea_zone *first;
	do
		sea_store_relaxed(&zone->queue_next[q], first = sea_load_relaxed(&queue->pushed));
	while (!sea_swap_if(&queue->pushed, first, zone));
}

/* Removes a zone; NULL if the queue is empty.  Shard lock. */
SEA_INLINE struct sea_zone *sea_queue_pop(struct sea_queue *queue, enum sea_which_queue q)
{
	SEA_ASSERT(q < SEA_NR_QUEUES);
	if (!queue->taken && sea_load_relaxed(&queue->pushed))
		sea_store_relaxed(&queue->taken, sea_exchange_acq_rel_mt(&queue->pushed, NULL));
	struct sea_zone *zone = queue->taken;
	if (!zone)
		return NULL;
	sea_store_relaxed(&queue->taken, sea_load_relaxed(&zone->queue_next[q]));
	SEA_ASSERT(sea_load_relaxed(&zone->is_queued[q])); /* Q1 */
	sea_exchange_ordered(&zone->is_queued[q], 0);
	return zone;
}

/* May be out of date at once.  Any thread. */
SEA_INLINE bool sea_queue_is_empty(const struct sea_queue *queue)
{
	return !sea_load_relaxed(&queue->pushed) && !sea_load_relaxed(&queue->taken);
}

/* How often the zone is in a list. */
static inline unsigned sea_queue_count(const struct sea_zone *first, enum sea_which_queue q, const struct sea_zone *zone)
{
	unsigned nr = 0;
	for (const struct sea_zone *each = first; each; each = each->queue_next[q])
		nr += each == zone;
	return nr;
}

/* Claim: Q1 for this zone.  Shard lock; no other thread pushes. */
static inline bool sea_queue_is_sound(const struct sea_queue *queue, enum sea_which_queue q, const struct sea_zone *zone)
{
	unsigned nr = sea_queue_count(sea_load_acquire(&queue->pushed), q, zone) + sea_queue_count(queue->taken, q, zone);
	return nr == zone->is_queued[q];
}

#endif
