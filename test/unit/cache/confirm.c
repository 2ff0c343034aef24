/* SPDX-License-Identifier: MIT */
/* confirm.c - a mark is a suspicion: what confirms it, and what does not */
#include "cache/confirm.h"

#include "cache/cache.h"
#include "engines/engine.h"
#include "unit.h"

enum { SIZE = 64, NR = 4000 };

static char *blocks[NR];

static void *alloc(size_t size)
{
	void *block = sea_engine_alloc(size);
	CHECK(block);
	return block;
}

static void alloc_all(void)
{
	for (size_t i = 0; i < NR; i++)
		blocks[i] = alloc(SIZE);
}

/* As a program that copies old bytes back does. */
static void put_mark_back(void *block) { ((struct sea_link *)block)->mark = sea_link_mark(block); }

static bool is_confirmed(void *block)
{
	put_mark_back(block);
	return sea_confirm_freed(block);
}

/* --- live blocks ------------------------------------------------------------------------ */

static void live_blocks_are_never_confirmed(void)
{
	alloc_all();
	for (size_t i = 0; i < NR; i += 2)
		sea_engine_free(blocks[i]);
	for (size_t i = 1; i < NR; i += 2)
		CHECK(!is_confirmed(blocks[i]));
}

static void marked_live_blocks_can_be_freed(void)
{
	alloc_all();
	for (size_t i = 0; i < NR; i++) {
		put_mark_back(blocks[i]);
		CHECK_EQ(sea_engine_expect_live("test", blocks[i]), SIZE);
		/* only looked at */
		CHECK_EQ(((struct sea_link *)blocks[i])->mark, sea_link_mark(blocks[i]));
		sea_engine_free(blocks[i]);
	}
	sea_engine_send_waiting();
	CHECK(sea_engine_is_sound());
}

/* More than 64 KiB without an allocation: marks are looked at when the outbox is delivered. */
static void marked_live_blocks_can_be_freed_in_a_teardown(void)
{
	for (size_t size = 16; size <= 20000; size = size * 3 / 2 / 16 * 16 + 16) {
		for (size_t i = 0; i < NR; i++)
			blocks[i] = alloc(size);
		for (size_t i = 0; i < NR; i++) {
			put_mark_back(blocks[i]);
			sea_engine_free(blocks[i]);
		}
	}
	sea_engine_send_waiting();
	CHECK(sea_engine_is_sound());
}

/* --- this thread -------------------------------------------------------------------------- */

static void own_stack(void)
{
	alloc_all();
	for (size_t i = 0; i < 50; i++)
		sea_engine_free(blocks[i]);
	CHECK(is_confirmed(blocks[0]) && is_confirmed(blocks[49]));
	CHECK(!is_confirmed(blocks[50]));
}

static void own_fresh_run(void)
{
	char *last;
	const struct sea_bin *bin = &sea_own.cache->bin[SIZE / 16];
	do
		last = alloc(SIZE), bin = &sea_own.cache->bin[SIZE / 16];
	while (bin->cur == bin->end);
	CHECK(is_confirmed(bin->cur));
	CHECK(!is_confirmed(last));
}

static void sent_back(void)
{
	alloc_all();
	for (size_t i = 0; i < NR; i++)
		sea_engine_free(blocks[i]);
	sea_cache_send_all();
	for (size_t i = 0; i < NR; i++) {
		bool is_chunk = sea_zone_of(blocks[i]) != NULL;
		CHECK(!is_chunk || is_confirmed(blocks[i]));
	}
}

static void merged(void)
{
	alloc_all();
	for (size_t i = 0; i < NR - 1; i++)
		sea_engine_free(blocks[i]);
	sea_cache_merge_all();
	CHECK(is_confirmed(blocks[5]));
	CHECK(!is_confirmed(blocks[NR - 1]));
}

/* A chunk in the outbox has no mark, and a malloc() between makes room in the stack. */
static void between_free_and_mark(void)
{
	alloc_all();
	for (size_t i = NR - 1; i >= 1000; i--)
		sea_engine_free(blocks[i]);
	CHECK(sea_usage_is_tearing_down(&sea_own.cache->usage));
	sea_engine_free(blocks[500]);
	CHECK_EQ(sea_own.nr_classes, 0); /* K5 */
	alloc(SIZE);
	CHECK(sea_own.nr_classes > 0);
	sea_engine_free(blocks[500]);
	sea_engine_send_waiting();
}

static void twice_in_a_teardown(void)
{
	alloc_all();
	for (size_t i = NR - 1; i >= 1000; i--)
		sea_engine_free(blocks[i]);
	put_mark_back(blocks[500]);
	sea_engine_free(blocks[500]);
	sea_engine_free(blocks[500]);
	sea_engine_send_waiting();
}

/* --- other threads -------------------------------------------------------------------------- */

static pthread_barrier_t barrier;

/* Draws a class, frees one block of it, and sleeps. */
static void *holder(void *unused)
{
	(void)unused;
	for (size_t i = 0; i < 10; i++)
		blocks[i] = alloc(SIZE);
	sea_engine_free(blocks[3]);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return NULL;
}

/* Frees what it has not drawn: it keeps none of that class. */
static void *stranger(void *unused)
{
	(void)unused;
	sea_engine_free(blocks[7]);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return NULL;
}

static pthread_t start(void *(*run)(void *))
{
	pthread_barrier_init(&barrier, NULL, 2);
	pthread_t thread = start_thread(run, NULL);
	pthread_barrier_wait(&barrier);
	return thread;
}

static void stop(pthread_t thread)
{
	pthread_barrier_wait(&barrier);
	CHECK_EQ(pthread_join(thread, NULL), 0);
}

static void stack_of_a_thread_that_sleeps(void)
{
	alloc(SIZE);
	pthread_t thread = start(holder);
	CHECK(is_confirmed(blocks[3]));
	CHECK(!is_confirmed(blocks[4]));
	stop(thread);
}

/* What is read there proves nothing. */
static void stack_of_a_thread_that_runs(void)
{
	alloc(SIZE);
	sim.others_run = true;
	pthread_t thread = start(holder);
	CHECK(!is_confirmed(blocks[3]));
	stop(thread);
}

static void outbox_of_another_thread(void)
{
	alloc_all();
	sim.others_run = true;
	pthread_t thread = start(stranger);
	CHECK(is_confirmed(blocks[7]));
	CHECK(!is_confirmed(blocks[8]));
	stop(thread);
}

static void cache_that_an_ended_thread_left(void)
{
	alloc(SIZE);
	stop(start(holder));
	CHECK(is_confirmed(blocks[3]));
	CHECK(!is_confirmed(blocks[4]));
}

/* --- a program that puts marks back again and again ------------------------------------------ */

static void only_the_top_is_looked_at_in_the_end(void)
{
	alloc_all();
	sea_own.cache->bin[SIZE / 16].credit = NR; /* the stack may hold them all */
	sea_own.cache->usage.peak_live = 100 * MiB;
	for (size_t i = 0; i < 1000; i++) {
		sea_own.cache->bin[SIZE / 16].is_shut = 0;
		sea_engine_free(blocks[i]);
	}
	CHECK(is_confirmed(blocks[0]) && is_confirmed(blocks[999]));
	for (size_t i = 0; i < 100; i++)
		CHECK(!is_confirmed(blocks[2000]));
	CHECK(!is_confirmed(blocks[0]));
	CHECK(is_confirmed(blocks[999]));
}

static const struct test_case cases[] = {
	PASSES(live_blocks_are_never_confirmed),
	PASSES(marked_live_blocks_can_be_freed),
	PASSES(marked_live_blocks_can_be_freed_in_a_teardown),
	PASSES(own_stack),
	PASSES(own_fresh_run),
	PASSES(sent_back),
	PASSES(merged),
	ABORTS(between_free_and_mark, "freed already"),
	ABORTS(twice_in_a_teardown, "freed already"),
	PASSES(stack_of_a_thread_that_sleeps),
	PASSES(stack_of_a_thread_that_runs),
	PASSES(outbox_of_another_thread),
	PASSES(cache_that_an_ended_thread_left),
	PASSES(only_the_top_is_looked_at_in_the_end),
};

HARNESS_MAIN(cases)
