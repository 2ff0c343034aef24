/* SPDX-License-Identifier: MIT */
/* growth.c - a stack grows by what recurs, and by nothing else */
#include "cache/bin.h"

#include "base/options.h"
#include "cache/cache.h"
#include "cache/send.h"
#include "engines/engine.h"
#include "page/budget.h"
#include "unit.h"

enum { SIZE = 64, C = SIZE / 16, FIRST_LIMIT = 64 + SEA_STACKED_BYTES / SIZE, NR = 300 };

static char *blocks[NR];

static char *alloc(size_t size)
{
	char *block = sea_cache_alloc(size, sea_cache_alloc_slow);
	CHECK(block != NULL);
	return block;
}

/* US4 among others: what is granted is what the limits allow together. */
static void check_granted(void) { CHECK(sea_bins_are_sound(sea_threads_own())); }

/* Leaves the stack empty. */
static void alloc_all(void)
{
	for (size_t i = 0; i < NR; i++)
		blocks[i] = alloc(SIZE);
	while (sea_threads_own()->head[C])
		alloc(SIZE);
}

static void free_all(void)
{
	for (size_t i = 0; i < NR; i++) {
		sea_cache_free(blocks[i]);
		check_granted();
	}
	sea_cache_send_waiting();
}

static struct sea_bin *bin(void) { return &sea_threads_own()->bin[C]; }

/* --- first limits ------------------------------------------------------------------------ */

/* A chunk of a class from which the thread has drawn. */
static void a_class_starts_with_4_kib_or_5(void)
{
	for (unsigned c = 1; c < SEA_NR_CLASSES; c++) {
		size_t size = sea_class_size(c);
		if (!size || size > 4 * KiB)
			continue;
		sea_cache_free(alloc(size));
		size_t stacked = size <= SEA_SMALL_MAX ? SEA_STACKED_BYTES / size : 0;
		CHECK_EQ(sea_threads_own()->bin[c].limit, 4 * KiB / size + stacked);
		check_granted();
	}
}

/* Of a large chunk, the first four may have been the last. */
static void a_large_class_starts_with_the_fifth_chunk(void)
{
	unsigned c = sea_class_for(sea_granules_for(20000));
	for (int i = 0; i < 4; i++) {
		sea_cache_free(alloc(20000));
		CHECK_EQ(sea_threads_own()->bin[c].limit, 0);
		CHECK_EQ(sea_threads_own()->bin[c].left, 1);
	}
	sea_cache_free(alloc(20000));
	CHECK_EQ(sea_threads_own()->bin[c].limit, 1);
	check_granted();
}

static void *free_it(void *block)
{
	sea_cache_free(alloc(1000)); /* so that it has a cache */
	sea_cache_free(block);
	CHECK(bin()->limit == 0 && bin()->drawn == 0 && bin()->is_shut);
	CHECK_EQ(bin()->left, 1);
	check_granted();
	return NULL;
}

static void who_has_drawn_nothing_keeps_nothing(void)
{
	run_in_thread(free_it, alloc(SIZE));
}

/* --- what recurs ---------------------------------------------------------------------------- */

static void what_leaves_earns_credit_when_it_comes_again(void)
{
	alloc_all();
	free_all();
	CHECK_EQ(bin()->limit, FIRST_LIMIT);
	CHECK_EQ(bin()->left, NR - FIRST_LIMIT);
	CHECK_EQ(bin()->credit, 0);
	CHECK(bin()->is_shut);
	alloc_all();
	CHECK(bin()->credit > 0);
	CHECK_EQ(bin()->left + bin()->credit, NR - FIRST_LIMIT);
	CHECK(!bin()->is_shut); /* a refill opens it */
	uint32_t credit = bin()->credit;
	free_all();
	CHECK_EQ(bin()->limit, FIRST_LIMIT + credit);
	CHECK_EQ(bin()->credit, 0);
}

/* By twice its size at a time, and in the end nothing leaves. */
static void the_limit_grows_until_all_fit(void)
{
	int nr_rounds = 0;
	do {
		CHECK(nr_rounds++ < 10);
		alloc_all();
		free_all();
	} while (bin()->limit < NR);
	size_t net = sea_threads_own()->usage.net;
	uint32_t left = bin()->left;
	for (int round = 0; round < 5; round++) {
		alloc_all();
		free_all();
	}
	CHECK_EQ(sea_threads_own()->usage.net, net); /* neither drawn nor sent */
	CHECK_EQ(bin()->left, left);
	CHECK_AT_MOST(bin()->limit, 2 * NR);
}

static void what_does_not_recur_earns_nothing(void)
{
	alloc_all();
	free_all();
	for (int i = 0; i < 1000; i++)
		sea_cache_free(alloc(SIZE));
	CHECK_EQ(bin()->limit, FIRST_LIMIT);
	CHECK_EQ(bin()->credit, 0);
}

/* --- who may not ----------------------------------------------------------------------------- */

/* A full stack of the first size, and credit. */
static struct sea_cache *full_with_credit(uint32_t credit)
{
	alloc_all();
	struct sea_cache *cache = sea_threads_own();
	for (size_t i = 0; i < FIRST_LIMIT; i++)
		sea_cache_free(blocks[i]);
	CHECK_EQ(cache->room[C], 0);
	cache->bin[C].credit = credit;
	return cache;
}

static void growing_is_twofold_at_most(void)
{
	struct sea_cache *cache = full_with_credit(1000);
	CHECK(sea_bin_grow(cache, C));
	CHECK_EQ(cache->bin[C].limit, 2 * FIRST_LIMIT);
	CHECK_EQ(cache->bin[C].credit, 1000 - FIRST_LIMIT);
	CHECK_EQ(cache->room[C], FIRST_LIMIT);
	check_granted();
}

static void without_credit_it_is_shut(void)
{
	struct sea_cache *cache = full_with_credit(0);
	CHECK(!sea_bin_grow(cache, C));
	CHECK(cache->bin[C].is_shut);
	CHECK_EQ(cache->bin[C].limit, FIRST_LIMIT);
	cache->bin[C].credit = 1;
	CHECK(sea_bin_grow(cache, C));
	CHECK(!cache->bin[C].is_shut);
	CHECK_EQ(cache->bin[C].limit, FIRST_LIMIT + 1);
}

/* Credit that buys nothing is void. */
static void the_budget_bounds_all(void)
{
	sea_options.cache = FIRST_LIMIT * SIZE;
	struct sea_cache *cache = full_with_credit(500);
	cache->usage.peak = 0;
	cache->usage.peak_live = MiB;
	CHECK_EQ(cache->usage.granted, FIRST_LIMIT * SIZE);
	CHECK(!sea_bin_grow(cache, C));
	CHECK_EQ(cache->bin[C].credit, 0);
	CHECK_EQ(cache->bin[C].limit, FIRST_LIMIT);
	cache->bin[C].credit = 500;
	sea_options.cache = (FIRST_LIMIT + 10) * SIZE;
	CHECK(sea_bin_grow(cache, C));
	CHECK_EQ(cache->bin[C].limit, FIRST_LIMIT + 10);
	cache->usage.peak = MiB; /* US3 */
	check_granted();
}

/* It holds more than was live at its peak and may be cached beside. */
static void who_holds_much_does_not_grow(void)
{
	struct sea_cache *cache = full_with_credit(500);
	sea_options.cache = MiB;
	cache->usage.peak_live = 0;
	cache->usage.net += MiB;
	CHECK(!sea_bin_grow(cache, C));
	cache->usage.net -= MiB;
	cache->bin[C].credit = 500;
	CHECK(sea_bin_grow(cache, C));
}

/* A bin without a limit gets none. */
static void who_clears_up_starts_none(void)
{
	do
		alloc(SIZE);
	while (sea_threads_own()->head[C]);
	struct sea_cache *cache = sea_threads_own();
	cache->usage.returned = 2 * MiB;
	CHECK(sea_usage_is_clearing(&cache->usage));
	CHECK(!sea_bin_grow(cache, C));
	CHECK(bin()->is_shut && !bin()->limit);
	cache->usage.returned = 0;
	CHECK(sea_bin_grow(cache, C));
	CHECK_EQ(bin()->limit, FIRST_LIMIT);
	check_granted();
}

/* --- tightening ------------------------------------------------------------------------------ */

static void tightening_takes_the_room(void)
{
	do {
		alloc_all();
		free_all();
	} while (bin()->limit < NR);
	for (size_t i = 0; i < NR / 2; i++)
		alloc(SIZE);
	sea_cache_free(alloc(800));
	alloc(800);
	struct sea_cache *cache = sea_threads_own();
	size_t bytes = sea_cache_bytes(cache);
	CHECK(cache->room[C] > 0 && cache->room[800 / 16] > 0);
	sea_bins_tighten(cache);
	for (unsigned c = 1; c < SEA_NR_CLASSES; c++)
		CHECK(cache->room[c] <= 0);
	check_granted();
	CHECK_AT_MOST(cache->usage.granted, bytes);
	CHECK_EQ(sea_cache_bytes(cache), bytes);
	CHECK_EQ(sea_budget.cached, cache->usage.granted); /* BU1 */
}

/* --- large stacks ---------------------------------------------------------------------------- */

enum { MANY = 30000 };

static char *many[MANY];

static void cycle(size_t stride)
{
	for (size_t i = 0; i < MANY; i++)
		many[i] = alloc(SIZE);
	for (size_t i = 0; i < MANY; i++)
		sea_cache_free(many[i * stride % MANY]);
	sea_cache_send_waiting();
	check_granted();
}

/* Up to 512 KiB it is a stack (and once twice that); what is granted beyond is a spill's. */
static void a_scattered_stack_spills(void)
{
	for (int round = 0; round < 12; round++)
		cycle(7919);
	const struct sea_spill *spill = sea_threads_own()->spill[C];
	CHECK(spill && spill->limit > 0);
	CHECK_AT_MOST(bin()->limit, MiB / SIZE);
	CHECK_AT_MOST(512 * KiB / SIZE, bin()->limit);
	CHECK_AT_MOST(MANY * 3 / 4, bin()->limit + spill->limit);
	sea_bins_tighten(sea_threads_own());
	check_granted();
	CHECK_EQ(spill->room, 0);
}

static void a_stack_in_order_does_not(void)
{
	for (int round = 0; round < 12; round++)
		cycle(1);
	CHECK(!sea_threads_own()->spill[C]);
	CHECK_AT_MOST(MANY * 3 / 4, bin()->limit);
}

/* Blocks above 256 bytes have lines and pages of their own. */
static void large_chunks_do_not(void)
{
	static char *large[4000];
	for (int round = 0; round < 8; round++) {
		for (size_t i = 0; i < NR(large); i++)
			large[i] = alloc(272);
		for (size_t i = 0; i < NR(large); i++)
			sea_cache_free(large[i * 7919 % NR(large)]);
	}
	CHECK_AT_MOST(MiB / 272 / 2, sea_threads_own()->bin[272 / 16].limit);
	for (unsigned c = 0; c < SEA_SPILL_CLASSES; c++)
		CHECK(!sea_threads_own()->spill[c]);
	check_granted();
}

static void without_memory_for_a_spill_nothing_grows(void)
{
	cycle(1);
	sim_fail(SIM_RESERVE, 1, true);
	while (sea_meta_alloc_pages(sizeof(struct sea_spill)))
		;
	for (int round = 0; round < 12; round++)
		cycle(7919);
	CHECK(!sea_threads_own()->spill[C]);
	CHECK_AT_MOST(bin()->limit, MiB / SIZE);
	CHECK(sea_engine_is_sound());
}

static const struct test_case cases[] = {
	PASSES(a_class_starts_with_4_kib_or_5),
	PASSES(a_large_class_starts_with_the_fifth_chunk),
	PASSES(who_has_drawn_nothing_keeps_nothing),
	PASSES(what_leaves_earns_credit_when_it_comes_again),
	PASSES(the_limit_grows_until_all_fit),
	PASSES(what_does_not_recur_earns_nothing),
	PASSES(growing_is_twofold_at_most),
	PASSES(without_credit_it_is_shut),
	PASSES(the_budget_bounds_all),
	PASSES(who_holds_much_does_not_grow),
	PASSES(who_clears_up_starts_none),
	PASSES(tightening_takes_the_room),
	PASSES(a_scattered_stack_spills),
	PASSES(a_stack_in_order_does_not),
	PASSES(large_chunks_do_not),
	PASSES(without_memory_for_a_spill_nothing_grows),
};

HARNESS_MAIN(cases)
