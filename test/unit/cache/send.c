/* SPDX-License-Identifier: MIT */
/* send.c - what is sent has its mark, and what is left behind */
#include "cache/send.h"

#include "base/options.h"
#include "cache/cache.h"
#include "engines/engine.h"
#include "front/account.h"
#include "unit.h"

enum { SIZE = 64, C = SIZE / 16, NR = 200, FIRST_LIMIT = 64 + SEA_STACKED_BYTES / SIZE };

static char *blocks[NR];

static char *alloc(size_t size)
{
	char *block = sea_cache_alloc(size, sea_cache_alloc_slow);
	CHECK(block != NULL);
	return block;
}

static struct sea_stats stats(void)
{
	struct sea_stats stats;
	sea_account(&stats);
	return stats;
}

static void alloc_all(void)
{
	for (size_t i = 0; i < NR; i++)
		blocks[i] = alloc(SIZE);
}

static void free_first(size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		sea_cache_free(blocks[i]);
}

/* The bin has a full stack and a fresh run. */
static struct sea_cache *filled(void)
{
	alloc_all();
	struct sea_cache *cache = sea_threads_own();
	while (cache->head[C] || cache->bin[C].cur == cache->bin[C].end)
		alloc(SIZE);
	free_first(FIRST_LIMIT);
	CHECK_EQ(cache->bin[C].limit, FIRST_LIMIT);
	CHECK_EQ(cache->room[C], 0);
	return cache;
}

static size_t fresh(const struct sea_cache *cache) { return (size_t)(cache->bin[C].end - cache->bin[C].cur) / SIZE; }

static void check_bin_is_empty(const struct sea_cache *cache)
{
	CHECK(!sea_bin_has_any(cache, C)); /* K6 */
	CHECK(!cache->head[C] && !cache->room[C] && !cache->bin[C].limit && !cache->bin[C].drawn);
	CHECK(!cache->bin[C].is_shut && cache->bin[C].cur == cache->bin[C].end);
	CHECK(sea_bins_are_sound(cache));
}

static void a_bin_goes_as_a_whole(void)
{
	struct sea_cache *cache = filled();
	size_t nr = FIRST_LIMIT + fresh(cache), held = sea_usage_net(&cache->usage);
	CHECK_EQ(sea_send_bin(cache, C, SIZE_MAX), nr);
	check_bin_is_empty(cache);
	sea_send_outbox(cache);
	CHECK_EQ(sea_usage_net(&cache->usage), held - nr * SIZE);
	CHECK_EQ(cache->usage.granted, 0);
	CHECK_EQ(sea_cache_bytes(cache), 0);
	CHECK_EQ(stats().pending, nr * SIZE);
	CHECK(sea_engine_is_sound());
}

/* The limit goes down with the chunks (K1). */
static void or_in_steps(void)
{
	struct sea_cache *cache = filled();
	size_t left = FIRST_LIMIT + fresh(cache), granted = cache->usage.granted;
	while (left > 10) {
		CHECK_EQ(sea_send_bin(cache, C, 10), 10);
		left -= 10;
		CHECK_EQ(cache->bin[C].limit, left > fresh(cache) ? left - fresh(cache) : 0);
		CHECK_EQ(cache->usage.granted, cache->bin[C].limit * SIZE);
		CHECK(cache->usage.granted <= granted);
		CHECK(sea_bins_are_sound(cache));
	}
	CHECK_EQ(sea_send_bin(cache, C, 1000), left);
	check_bin_is_empty(cache);
}

/* K4 */
static void what_was_sent_is_marked(void)
{
	struct sea_cache *cache = filled();
	char *cur = cache->bin[C].cur, *end = cache->bin[C].end;
	sea_send_all(cache);
	CHECK(sea_cache_is_empty(cache));
	for (size_t i = 0; i < FIRST_LIMIT; i++)
		CHECK(sea_link_is_marked(blocks[i]));
	for (; cur < end; cur += SIZE)
		CHECK(sea_link_is_marked(cur));
	for (size_t i = FIRST_LIMIT; i < NR; i++)
		CHECK(!sea_link_is_marked(blocks[i]));
}

static void all_classes_go_in_steps(void)
{
	static const size_t sizes[] = {1, 48, 100, 640, 1000, 5000, 30000};
	for (size_t s = 0; s < NR(sizes); s++)
		for (int round = 0; round < 2; round++) {
			char *pair[2] = {alloc(sizes[s]), alloc(sizes[s])};
			sea_cache_free(pair[0]);
			sea_cache_free(pair[1]);
		}
	struct sea_cache *cache = sea_threads_own();
	CHECK(!sea_cache_is_empty(cache));
	size_t bytes = sea_cache_bytes(cache), nr_steps = 1;
	for (; !sea_send_some(cache, 3); nr_steps++) {
		CHECK(sea_bins_are_sound(cache));
		CHECK_AT_MOST(sea_cache_bytes(cache), bytes);
		bytes = sea_cache_bytes(cache);
	}
	CHECK(nr_steps > 3);
	CHECK(sea_cache_is_empty(cache));
	CHECK_EQ(stats().live, 0);
	CHECK(sea_engine_is_sound());
}

/* A parked run goes as well. */
static void nothing_is_parked_any_more(void)
{
	sea_cache_free(alloc(500000));
	CHECK_EQ(sea_parked_bytes(&sea_threads_own()->parked) > 0, true);
	sea_send_all(sea_threads_own());
	CHECK(sea_cache_is_empty(sea_threads_own()));
	CHECK_EQ(stats().live + stats().cached, 0);
}

/* --- spills ------------------------------------------------------------------------------ */

enum { SPILLED = 100 };

/* The stack is full, and so many chunks lie beside it. */
static struct sea_cache *spilled(void)
{
	struct sea_cache *cache = filled();
	CHECK(cache->spill[C] = sea_meta_alloc_pages(sizeof(struct sea_spill)));
	sea_spill_widen(cache->spill[C], SPILLED);
	sea_usage_grant(&cache->usage, SPILLED * SIZE);
	for (size_t i = FIRST_LIMIT; i < FIRST_LIMIT + SPILLED; i++)
		sea_cache_free(blocks[i]);
	CHECK_EQ(sea_spill_length(cache->spill[C]), SPILLED);
	CHECK_EQ(cache->bin[C].limit, FIRST_LIMIT);
	return cache;
}

static void a_spill_goes_with_its_room(void)
{
	struct sea_cache *cache = spilled();
	size_t nr = FIRST_LIMIT + SPILLED + fresh(cache);
	sea_send_waiting(cache);
	CHECK_EQ(sea_send_bin(cache, C, SIZE_MAX), nr);
	check_bin_is_empty(cache);
	CHECK_EQ(cache->spill[C]->limit, 0);
	CHECK_EQ(cache->usage.granted, 0);
	sea_send_outbox(cache);
	CHECK_EQ(stats().pending, nr * SIZE);
}

static void waiting_chunks_are_entered(void)
{
	struct sea_cache *cache = spilled();
	CHECK_EQ(sea_own.nr_classes, 0); /* K5 */
	const void *last = blocks[FIRST_LIMIT + SPILLED - 1];
	CHECK(!sea_link_is_marked(last));
	sea_send_waiting(cache);
	CHECK(sea_link_is_marked(last) && sea_spill_has(cache->spill[C], last));
	CHECK(sea_spill_is_sound(cache->spill[C]));
}

static void only_empty_spills_lose_their_memory(void)
{
	struct sea_cache *cache = spilled();
	sea_send_purge_spills(cache);
	CHECK_EQ(sim.purged, 0);
	sea_send_all(cache);
	size_t purged = sim.purged;
	sea_send_purge_spills(cache);
	CHECK(sim.purged > purged);
	CHECK(sea_spill_is_sound(cache->spill[C]));
}

static void nor_where_the_system_refuses(void)
{
	struct sea_cache *cache = spilled();
	sim_fail(SIM_PURGE, 1, true);
	sea_send_all(cache);
	sea_send_purge_spills(cache);
	CHECK(sea_cache_is_empty(cache));
	CHECK(sea_spill_is_sound(cache->spill[C]));
	alloc_all();
	CHECK(sea_engine_is_sound());
}

/* --- clearing up --------------------------------------------------------------------------- */

#define MANY 20000

/* After a teardown the stacks are empty, and what was sent is merged but for a rest. */
static void who_clears_up_keeps_nothing(void)
{
	static char *many[MANY];
	for (size_t i = 0; i < MANY; i++)
		many[i] = alloc(400);
	for (size_t i = 0; i < MANY; i++) {
		sea_cache_free(many[i]);
		if (i % 1024 == 0)
			CHECK(sea_bins_are_sound(sea_threads_own()));
	}
	CHECK(sea_usage_is_clearing(&sea_threads_own()->usage));
	sea_cache_send_waiting();
	CHECK_AT_MOST(stats().cached, 64 * KiB);
	CHECK_AT_MOST(stats().pending, SEA_MERGE_BYTES);
	CHECK_EQ(stats().live, 0);
}

static void unsound_remainders_are_noticed(void)
{
	struct sea_cache *cache = filled();
	sea_send_all(cache);
	CHECK(sea_cache_is_empty(cache));
	cache->room[C] = -1;
	CHECK(!sea_cache_is_empty(cache)); /* K6 */
	cache->room[C] = 0;
	cache->usage.granted = 1;
	CHECK(!sea_cache_is_empty(cache)); /* K6 */
	cache->usage.granted = 0;
	cache->bin[C].limit = 1;
	CHECK(!sea_cache_is_empty(cache)); /* K6 */
	cache->bin[C].limit = 0;
	CHECK(sea_cache_is_empty(cache));
}

static const struct test_case cases[] = {
	PASSES(a_bin_goes_as_a_whole),
	PASSES(or_in_steps),
	PASSES(what_was_sent_is_marked),
	PASSES(all_classes_go_in_steps),
	PASSES(nothing_is_parked_any_more),
	PASSES(a_spill_goes_with_its_room),
	PASSES(waiting_chunks_are_entered),
	PASSES(only_empty_spills_lose_their_memory),
	PASSES(nor_where_the_system_refuses),
	PASSES(who_clears_up_keeps_nothing),
	PASSES(unsound_remainders_are_noticed),
};

HARNESS_MAIN(cases)
