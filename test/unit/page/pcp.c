/* SPDX-License-Identifier: MIT */
/* pcp.c - per-CPU lists: orders apart, processors apart, bounded */
#include "page/pcp.h"

#include "page/buddy.h"
#include "unit.h"

#define NR_PAGES 8192

static struct sea_pool pool;
static struct sea_arena arena;
static uint64_t meta[1 << 15];

static void start(void)
{
	CHECK(sea_buddy_meta_size(NR_PAGES) <= sizeof(meta));
	sea_buddy_init(&pool, NR_PAGES, meta);
	arena.pool = &pool;
}

static struct sea_buddy block_of(unsigned order)
{
	pfn_t pfn = sea_buddy_alloc(&pool, (size_t)1 << order);
	CHECK(pfn != SEA_NO_PFN);
	pool.pages[pfn].state = SEA_PAGE_RUN;
	return (struct sea_buddy){&arena, pfn, order};
}

/* Gives blocks of one order until the list takes no more; returns how many. */
static size_t fill(unsigned order)
{
	size_t nr = 0;
	while (sea_pcp_give(block_of(order)))
		nr++;
	return nr;
}

static void an_empty_list_has_nothing(void)
{
	struct sea_buddy block;
	for (unsigned order = 0; order <= SEA_PCP_MAX_ORDER; order++)
		CHECK(!sea_pcp_take(order, &block));
	CHECK_EQ(sea_pcp_drain(&block, 1), 0);
}

/* C2, and that a block comes back as it was given. */
static void each_order_has_its_own_stack(void)
{
	struct sea_buddy given[SEA_PCP_MAX_ORDER + 1], got;
	start();
	for (unsigned order = 0; order <= SEA_PCP_MAX_ORDER; order++) {
		given[order] = block_of(order);
		bool fits = sea_pcp_give(given[order]);
		CHECK_EQ(fits, order < 9);
		CHECK_EQ(pool.pages[given[order].pfn].state, SEA_PAGE_CACHED);
		CHECK_EQ(pool.pages[given[order].pfn].order, order);
		CHECK(sea_pcp_is_sound());
	}
	for (unsigned order = 0; order <= SEA_PCP_MAX_ORDER; order++) {
		CHECK(sea_pcp_take(order, &got));
		CHECK(got.arena == &arena);
		CHECK_EQ(got.pfn, given[order].pfn);
		CHECK_EQ(got.order, order);
		CHECK(!sea_pcp_take(order, &got));
		CHECK(sea_pcp_is_sound());
	}
}

static void last_in_first_out(void)
{
	struct sea_buddy first, second, got;
	start();
	first = block_of(0);
	second = block_of(0);
	CHECK(sea_pcp_give(first) && sea_pcp_give(second));
	CHECK(sea_pcp_take(0, &got));
	CHECK_EQ(got.pfn, second.pfn);
	CHECK(sea_pcp_take(0, &got));
	CHECK_EQ(got.pfn, first.pfn);
}

/* C1 */
static void lists_are_bounded(void)
{
	start();
	size_t nr = 0;
	for (unsigned order = 0; order <= SEA_PCP_MAX_ORDER; order++) {
		size_t fitted = fill(order);
		CHECK_AT_MOST(fitted, 8);
		nr += fitted << order;
	}
	CHECK_AT_MOST(nr, 512);
	CHECK(sea_pcp_is_sound());
	CHECK(nr >= 256);
}

static void a_refused_block_is_as_it_was(void)
{
	start();
	while (fill(0))
		;
	struct sea_buddy block = block_of(0);
	CHECK(!sea_pcp_give(block));
	CHECK_EQ(pool.pages[block.pfn].state, SEA_PAGE_RUN);
}

static void processors_have_lists_of_their_own(void)
{
	struct sea_buddy block;
	start();
	sim.cpu = 0;
	CHECK(sea_pcp_give(block_of(2)));
	sim.cpu = 1;
	CHECK(!sea_pcp_take(2, &block));
	sim.cpu = 16; /* shares with processor 0 */
	CHECK(sea_pcp_take(2, &block));
}

static void drain_empties_all_lists(void)
{
	struct sea_buddy blocks[5];
	size_t given = 0, drained = 0, nr;
	start();
	for (sim.cpu = 0; sim.cpu < 20; sim.cpu += 3)
		for (unsigned order = 0; order < 4; order++)
			given += fill(order);
	bool seen[NR_PAGES] = {false};
	while ((nr = sea_pcp_drain(blocks, NR(blocks))) > 0) {
		CHECK_AT_MOST(nr, NR(blocks));
		for (size_t i = 0; i < nr; i++) {
			CHECK(!seen[blocks[i].pfn]);
			seen[blocks[i].pfn] = true;
		}
		drained += nr;
	}
	CHECK_EQ(drained, given);
	CHECK(sea_pcp_is_sound());
}

/* A page in a list that does not say so: something has written over our own memory. */
static void a_wrong_page_state(void)
{
	struct sea_buddy block;
	start();
	block = block_of(0);
	CHECK(sea_pcp_give(block));
	pool.pages[block.pfn].state = SEA_PAGE_FREE;
	sea_pcp_take(0, &block);
}

static void unsound_lists_are_noticed(void)
{
	start();
	struct sea_buddy block = block_of(3);
	struct page *page = &pool.pages[block.pfn];
	CHECK(sea_pcp_give(block));
	CHECK(sea_pcp_is_sound());
	page->state = SEA_PAGE_FREE;
	CHECK(!sea_pcp_is_sound()); /* C2 */
	page->state = SEA_PAGE_CACHED;
	page->order = 2;
	CHECK(!sea_pcp_is_sound()); /* C2 */
	page->order = 3;
	CHECK(sea_pcp_is_sound());
}

static void *give_and_take(void *unused)
{
	struct sea_buddy block;
	for (size_t i = 0; i < rounds(20000); i++)
		if (sea_pcp_take(3, &block))
			CHECK(sea_pcp_give(block));
	return unused;
}

static void threads_share_a_list(void)
{
	struct sea_buddy block;
	pthread_t threads[3];
	start();
	for (int i = 0; i < 4; i++)
		CHECK(sea_pcp_give(block_of(3)));
	for (size_t i = 0; i < NR(threads); i++)
		threads[i] = start_thread(give_and_take, NULL);
	for (size_t i = 0; i < NR(threads); i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < 4; i++)
		CHECK(sea_pcp_take(3, &block));
	CHECK(!sea_pcp_take(3, &block));
}

static const struct test_case cases[] = {
	PASSES(an_empty_list_has_nothing),
	PASSES(each_order_has_its_own_stack),
	PASSES(last_in_first_out),
	PASSES(lists_are_bounded),
	PASSES(a_refused_block_is_as_it_was),
	PASSES(processors_have_lists_of_their_own),
	PASSES(drain_empties_all_lists),
	ABORTS(a_wrong_page_state, "heap corrupted: sea_load_relaxed(&page->state)"),
	PASSES(unsound_lists_are_noticed),
	PASSES(threads_share_a_list),
};

HARNESS_MAIN(cases)
