/* SPDX-License-Identifier: MIT */
/* forked.c - threads that a fork caught while they sent a chunk */
#include "heap/forked.h"

#include "heap/shard.h"
#include "unit.h"

static struct sea_shard *shard;
static struct sea_zone *zone;
static char *chunk;

static void start(void)
{
	struct sea_batch batch;
	shard = sea_shard_join();
	CHECK(sea_shard_take(shard, 4, 1, &batch));
	chunk = batch.piece[0].start;
	zone = sea_zone_of(chunk);
	((struct sea_hole *)chunk)->mark[1] = sea_mark_of(chunk, sea_seams);
}

/* What a thread does to send a chunk, up to a step. */
static void send_up_to(unsigned step)
{
	unsigned g = sea_granule_of(chunk);
	size_t line = g / 64 / SEA_LINE_WORDS;
	zone->pending[g / 64] |= 1ull << g % 64;
	if (step > 0)
		zone->lines[line / 64] |= 1ull << line % 64;
	if (step > 1)
		zone->nr_pending += 4;
	if (step > 2)
		zone->is_queued[SEA_QUEUE_ANY] = 1;
}

static void merge(void)
{
	sea_forked_requeue();
	CHECK(sea_shard_is_sound(shard));
	sea_shard_merge(shard);
	CHECK_EQ(zone->nr_used, 0);
	CHECK(sea_shard_is_sound(shard));
}

static void after_the_bit(void) { start(), send_up_to(0), merge(); }
static void after_the_line(void) { start(), send_up_to(1), merge(); }
static void after_the_count(void) { start(), send_up_to(2), merge(); }
static void before_the_push(void) { start(), send_up_to(3), merge(); }

/* The zone was emptied meanwhile: its struct may be used again. */
static void before_the_push_of_a_spare_struct(void)
{
	struct sea_batch batch;
	start();
	send_up_to(3);
	merge();
	zone->is_queued[SEA_QUEUE_WORTH] = 1;
	sea_forked_requeue();
	CHECK(!zone->is_queued[SEA_QUEUE_ANY] && !zone->is_queued[SEA_QUEUE_WORTH]);
	CHECK(sea_shard_take(shard, 4, 1, &batch));
	CHECK(sea_shard_is_sound(shard));
}

static void nothing_is_pending(void)
{
	start();
	sea_forked_requeue();
	CHECK(sea_shard_is_sound(shard));
	CHECK(sea_queue_is_empty(&shard->queue[SEA_QUEUE_ANY]));
}

static void what_was_queued_is_queued(void)
{
	unsigned g;
	start();
	g = sea_granule_of(chunk);
	sea_shard_send(zone, g / 64, 1ull << g % 64, 4);
	merge();
}

static const struct test_case cases[] = {
	PASSES(after_the_bit),
	PASSES(after_the_line),
	PASSES(after_the_count),
	PASSES(before_the_push),
	PASSES(before_the_push_of_a_spare_struct),
	PASSES(nothing_is_pending),
	PASSES(what_was_queued_is_queued),
};

HARNESS_MAIN(cases)
