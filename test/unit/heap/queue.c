/* SPDX-License-Identifier: MIT */
/* queue.c - what was sent is merged in steps, and none of it is forgotten */
#include "heap/queue.h"

#include "base/options.h"
#include "heap/shard.h"
#include "unit.h"

enum { NR_ZONES = 12, K = 32, PER_ZONE = SEA_ZONE_GRANULES / K };

static struct sea_shard *shard = &sea_shards[0];
static char *chunks[NR_ZONES * PER_ZONE];
static size_t nr_chunks;

static void fill_zones(void)
{
	struct sea_batch batch;
	sea_options.dirty_max = GiB;
	while (nr_chunks < NR_ZONES * PER_ZONE) {
		CHECK(sea_shard_take(shard, K, NR_ZONES * PER_ZONE - (unsigned)nr_chunks, &batch));
		for (unsigned p = 0; p < batch.nr_pieces; p++)
			for (unsigned i = 0; i < batch.piece[p].count; i++)
				chunks[nr_chunks++] = batch.piece[p].start + (size_t)i * K * SEA_GRANULE;
	}
	CHECK_EQ(shard->nr_zones, NR_ZONES);
}

static void send(char *start)
{
	struct sea_zone *zone = sea_zone_of(start);
	unsigned g = sea_granule_of(start);
	((struct sea_hole *)start)->mark[1] = sea_mark_of(start, sea_seams);
	sea_shard_send(zone, g / 64, 1ull << g % 64, K);
}

/* Something in each word of each zone. */
static void send_every_second(void)
{
	for (size_t i = 0; i < nr_chunks; i += 2)
		send(chunks[i]);
}

static unsigned nr_waiting(void)
{
	unsigned nr = 0;
	for (uint32_t i = 0; i < shard->nr_zones; i++)
		nr += shard->zones[i]->nr_pending > 0;
	return nr;
}

static void help_is_a_step(void)
{
	fill_zones();
	send_every_second();
	CHECK(sea_shard_is_sound(shard));
	unsigned waiting = nr_waiting();
	CHECK_EQ(waiting, NR_ZONES);
	unsigned steps = 0;
	for (unsigned before; waiting > 0; steps++) {
		before = waiting;
		bool goes_on = sea_shard_merge_some(shard);
		waiting = nr_waiting();
		CHECK_EQ(goes_on, waiting > 0);
		CHECK_AT_MOST(before - waiting, 1);
		CHECK(sea_shard_is_sound(shard));
	}
	CHECK_EQ(steps, NR_ZONES); /* a zone is all that a step has */
	CHECK(!sea_shard_merge_some(shard));
}

/* Little in each of many zones: a request that finds nothing merges some and grows. */
static void a_request_merges_some(void)
{
	struct sea_batch batch;
	fill_zones();
	for (unsigned i = 0; i < NR_ZONES; i++)
		send(chunks[i * PER_ZONE]);
	CHECK_EQ(nr_waiting(), NR_ZONES);
	CHECK(sea_shard_take(shard, 2 * K, 1, &batch)); /* no hole is so long */
	CHECK_EQ(nr_waiting(), 0); /* a few words of work each */
	for (size_t i = 1; i < nr_chunks; i += 2)
		send(chunks[i]);
	CHECK_EQ(nr_waiting(), NR_ZONES);
	CHECK(sea_shard_take(shard, 700, 1, &batch)); /* it fits into the new zone */
	CHECK_EQ(nr_waiting(), NR_ZONES - 1);
	CHECK(sea_shard_is_sound(shard));
}

/* Zones that have less than is worth draining are merged by who needs memory, one after the
 * other. */
static void nothing_waits_for_ever(void)
{
	struct sea_batch batch;
	fill_zones();
	for (unsigned i = 0; i < NR_ZONES; i++)
		send(chunks[i * PER_ZONE + 7]);
	CHECK(!sea_shard_merge_some(shard));
	CHECK_EQ(nr_waiting(), NR_ZONES);
	for (unsigned i = 0; i < NR_ZONES; i++)
		CHECK(sea_shard_take(shard, K, 1, &batch));
	CHECK_EQ(shard->nr_zones, NR_ZONES); /* all are served from what was sent */
	CHECK_EQ(nr_waiting(), 0);
}

/* A thread that ends looks at so many zones a step, and at all in the end. */
static void the_end_of_a_thread_is_in_steps(void)
{
	fill_zones();
	send_every_second();
	unsigned steps = 0;
	while (sea_shard_merge_worth(shard))
		CHECK_AT_MOST(++steps, 2 * NR_ZONES);
	CHECK(steps >= NR_ZONES / 2);
	CHECK_EQ(nr_waiting(), 0);
}

/* An empty zone goes while it is in a queue; its struct serves the next. */
static void a_zone_may_go_while_it_is_queued(void)
{
	fill_zones();
	for (size_t i = 0; i < nr_chunks; i++)
		send(chunks[i]);
	while (sea_shard_merge_some(shard))
		;
	CHECK_EQ(shard->nr_zones, 0);
	CHECK(!sea_queue_is_empty(&shard->queue[SEA_QUEUE_ANY]));
	nr_chunks = 0;
	fill_zones();
	CHECK(sea_shard_is_sound(shard));
	send_every_second();
	sea_shard_merge(shard);
	CHECK_EQ(nr_waiting(), 0);
	CHECK(sea_queue_is_empty(&shard->queue[SEA_QUEUE_ANY]));
	CHECK(sea_shard_is_sound(shard));
}

static void what_is_forgotten_is_noticed(void)
{
	fill_zones();
	send(chunks[0]);
	struct sea_zone *zone = sea_zone_of(chunks[0]);
	CHECK(sea_shard_is_sound(shard));
	zone->is_queued[SEA_QUEUE_ANY] = 0;
	CHECK(!sea_shard_is_sound(shard)); /* S4 */
	zone->is_queued[SEA_QUEUE_ANY] = 1;
	zone->is_queued[SEA_QUEUE_WORTH] = 1;
	CHECK(!sea_queue_is_sound(&shard->queue[SEA_QUEUE_WORTH], SEA_QUEUE_WORTH, zone)); /* Q1 */
	CHECK(!sea_shard_is_sound(shard)); /* Q1 */
	zone->is_queued[SEA_QUEUE_WORTH] = 0;
	CHECK(sea_shard_is_sound(shard));
	for (unsigned q = 0; q < SEA_NR_QUEUES; q++)
		CHECK(sea_queue_is_sound(&shard->queue[q], q, zone));
	CHECK_EQ(sea_queue_count(shard->queue[SEA_QUEUE_ANY].pushed, SEA_QUEUE_ANY, zone), 1);
}

static const struct test_case cases[] = {
	PASSES(help_is_a_step), PASSES(a_request_merges_some), PASSES(nothing_waits_for_ever),
	PASSES(the_end_of_a_thread_is_in_steps), PASSES(a_zone_may_go_while_it_is_queued),
	PASSES(what_is_forgotten_is_noticed),
};

HARNESS_MAIN(cases)
