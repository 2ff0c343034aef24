/* SPDX-License-Identifier: MIT */
/* threads.c - what a thread that ends leaves to the next
 *
 * T3 is checked after each step.  How threads come and go is in cache.c's tests too.
 */
#include "front/account.h"
#include "cache/cache.h"
#include "engines/engine.h"
#include "base/options.h"
#include "unit.h"

#define MANY 400

static struct sea_stats stats(void)
{
	struct sea_stats stats;
	sea_account(&stats);
	return stats;
}

static char *alloc(size_t size)
{
	char *block = sea_cache_alloc(size, sea_cache_alloc_slow);
	CHECK(block != NULL);
	return block;
}

/* T3, and that nothing is alive. */
static void check_left(size_t nr_threads)
{
	struct sea_stats now = stats();
	CHECK_EQ(now.nr_threads, nr_threads);
	CHECK_EQ(now.live, 0);
	CHECK_AT_MOST(now.cached, (sea_shard_count() + nr_threads) * sea_options.cache);
	CHECK(sea_threads_are_sound());
	CHECK_EQ(now.live + now.cached + now.pending + now.free + now.metadata + now.reserved, now.mapped);
	CHECK(sea_engine_is_sound());
}

/* --- one after the other ------------------------------------------------------------------- */

static void *free_in_thread(void *block)
{
	sea_cache_free(block);
	return NULL;
}

static void *take_one(void *block)
{
	*(char **)block = alloc(48);
	return NULL;
}

static void the_next_thread_finds_it(void)
{
	char *block = NULL, *again = NULL;
	run_in_thread(take_one, &block);
	run_in_thread(free_in_thread, block);
	CHECK_EQ(stats().nr_threads, 0);
	run_in_thread(take_one, &again);
	CHECK(again == block);
}

static void *use_many(void *unused)
{
	char *mine[MANY];
	for (size_t i = 0; i < MANY; i++)
		test_fill(mine[i] = alloc(i * 5), i * 5, i);
	for (size_t i = 0; i < MANY; i++) {
		CHECK(test_is_filled(mine[i], i * 5, i));
		sea_cache_free(mine[i]);
	}
	return unused;
}

/* Refills come from the shard; a thread that finds what it needs makes none. */
static void threads_in_turn_draw_nothing_new(void)
{
	run_in_thread(use_many, NULL);
	run_in_thread(use_many, NULL);
	size_t cached = stats().cached;
	for (size_t i = 0; i < rounds(200); i++)
		run_in_thread(use_many, NULL);
	check_left(0);
	CHECK_AT_MOST(stats().cached, cached + cached / 4);
}

static pthread_barrier_t barrier;

/* --- how much ------------------------------------------------------------------------------ */

static void *use_megabytes(void *unused)
{
	for (int round = 0; round < 4; round++) {
		static char *mine[4000];
		for (size_t i = 0; i < NR(mine); i++)
			mine[i] = alloc(500);
		for (size_t i = 0; i < NR(mine); i++)
			sea_cache_free(mine[i]);
	}
	CHECK(stats().cached > sea_options.cache);
	return unused;
}

static void too_much_is_not_left(void)
{
	run_in_thread(use_megabytes, NULL);
	CHECK_EQ(stats().cached, 0);
	check_left(0);
}

#define LASTING 30000
static char *lasting[LASTING];

/* Grows its limits by what recurs, and then lets everything live on. */
static void *fill_and_end(void *unused)
{
	for (int round = 0; round < 8; round++) {
		for (size_t i = 0; i < LASTING; i++)
			if (lasting[i])
				sea_cache_free(lasting[i]);
		for (size_t i = 0; i < LASTING; i++)
			lasting[i] = alloc(64);
	}
	CHECK(sea_budget.cached > sea_options.cache);
	return unused;
}

static void limits_are_not_left(void)
{
	run_in_thread(fill_and_end, NULL);
	CHECK(stats().cached > 0);
	CHECK_AT_MOST(sea_budget.cached, sea_options.cache);
}

static size_t next_to_free;

static void *free_some(void *unused)
{
	for (size_t i = 0; i < 1000 && next_to_free < LASTING; i++)
		sea_cache_free(lasting[next_to_free++]);
	return unused;
}

static void *stay(void *unused)
{
	sea_cache_free(alloc(1));
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return unused;
}

/* Each sends too little for it to be merged when it ends; together it is much. */
static void what_threads_in_turn_send_is_merged(void)
{
	pthread_barrier_init(&barrier, NULL, 2);
	pthread_t other = start_thread(stay, NULL);
	pthread_barrier_wait(&barrier);
	sea_cache_free(alloc(1));
	run_in_thread(fill_and_end, NULL);
	while (next_to_free < LASTING)
		run_in_thread(free_some, NULL);
	CHECK_AT_MOST(stats().pending, 300 * KiB);
	pthread_barrier_wait(&barrier);
	pthread_join(other, NULL);
}

static void nothing_is_left_if_threads_may_not_cache(void)
{
	sea_options.cache = 0;
	run_in_thread(use_many, NULL);
	CHECK_EQ(stats().cached, 0);
	check_left(0);
}

static void *use_many_together(void *unused)
{
	use_many(NULL);
	pthread_barrier_wait(&barrier);
	return unused;
}

static void not_more_caches_than_shards(void)
{
	pthread_t threads[40];
	size_t one;
	run_in_thread(use_many, NULL);
	one = stats().cached;
	pthread_barrier_init(&barrier, NULL, NR(threads));
	for (size_t i = 0; i < NR(threads); i++)
		threads[i] = start_thread(use_many_together, NULL);
	for (size_t i = 0; i < NR(threads); i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	check_left(0);
	CHECK_AT_MOST(stats().cached, sea_shard_count() * 2 * one);
	CHECK(sea_shard_count() < NR(threads) / 2);
}

static void scavenging_takes_it(void)
{
	run_in_thread(use_many, NULL);
	CHECK(stats().cached > 0);
	sea_cache_merge_all();
	CHECK_EQ(stats().cached, 0);
	CHECK_EQ(stats().nr_zones, 0);
	CHECK_EQ(sea_budget.cached, 0);
	run_in_thread(use_many, NULL);
	check_left(0);
}

static void a_child_has_it_too(void)
{
	run_in_thread(use_many, NULL);
	size_t granted = sea_budget.cached, cached = stats().cached;
	CHECK(granted > 0);
	sea_threads_forget_others();
	CHECK_EQ(sea_budget.cached, granted);
	CHECK_EQ(stats().cached, cached);
	run_in_thread(use_many, NULL);
	check_left(0);
}

static void unsound_lists_are_noticed(void)
{
	run_in_thread(use_many, NULL); /* left its cache */
	alloc(48);
	alloc(48);
	struct sea_cache *cache = sea_threads_own();
	CHECK(sea_threads_are_sound());
	struct sea_cache **link = cache->link;
	cache->link = &cache;
	CHECK(!sea_threads_are_sound()); /* T1 */
	cache->link = link;
	struct sea_shard *shard = cache->shard;
	cache->shard = NULL;
	CHECK(!sea_threads_are_sound()); /* T2 */
	cache->shard = shard;
	shard->nr_threads++;
	CHECK(!sea_threads_are_sound()); /* SH3 */
	shard->nr_threads--;
	sea_shards[SEA_MAX_SHARDS - 1].capacity = 1;
	CHECK(!sea_threads_are_sound()); /* SH2 */
	sea_shards[SEA_MAX_SHARDS - 1].capacity = 0;
	sea_counted.parked++;
	CHECK(!sea_threads_are_sound()); /* F1 */
	sea_counted.parked--;
	sea_usage_grant(&cache->usage, 1);
	CHECK(!sea_threads_are_sound()); /* US4 */
	sea_usage_revoke(&cache->usage, 1);
	size_t most = sea_options.cache;
	run_in_thread(use_many, NULL);
	sea_options.cache = 1;
	CHECK(!sea_threads_are_sound()); /* T3 */
	sea_options.cache = most;
	CHECK(sea_threads_are_sound());
	sea_threads_nobody.room[5] = 1;
	CHECK(!sea_threads_are_sound()); /* T4 */
	sea_threads_nobody.room[5] = -3; /* as it is after three calls of free() */
	CHECK(sea_threads_are_sound());
}

/* --- mistakes ------------------------------------------------------------------------------- */

static void twice_with_a_thread_between(void)
{
	char *block = NULL;
	run_in_thread(take_one, &block);
	run_in_thread(free_in_thread, block);
	run_in_thread(use_many, NULL);
	run_in_thread(free_in_thread, block);
}

static const struct test_case cases[] = {
	PASSES(the_next_thread_finds_it),
	PASSES(threads_in_turn_draw_nothing_new),
	PASSES(too_much_is_not_left),
	PASSES(limits_are_not_left),
	PASSES(what_threads_in_turn_send_is_merged),
	PASSES(nothing_is_left_if_threads_may_not_cache),
	PASSES(not_more_caches_than_shards),
	PASSES(scavenging_takes_it),
	PASSES(a_child_has_it_too),
	PASSES(unsound_lists_are_noticed),
	ABORTS(twice_with_a_thread_between, "this block was freed already"),
};

HARNESS_MAIN(cases)
