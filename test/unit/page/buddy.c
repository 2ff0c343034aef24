/* SPDX-License-Identifier: MIT */
/* buddy.c - the buddy system against a string of bools
 *
 * For a set of free pages there is one way to write it as blocks that cannot be
 * merged: the largest aligned ones.  So the naive copy, which page is free, predicts
 * every answer exactly: which pfn an allocation gets, and when there is none.
 */
#include "base/step.h"
#include "page/buddy.h"

#include "unit.h"

#define MAX_PAGES 4096
#define MAX_RUNS 512

struct model {
	size_t nr_pages, nr_runs;
	bool free[MAX_PAGES];
	struct {
		pfn_t pfn;
		size_t nr;
	} runs[MAX_RUNS];
};

static struct model model;
static struct sea_pool pool;
static uint64_t meta[1 << 16];

/* --- the naive copy ------------------------------------------------------------------- */

static bool all_free(size_t from, size_t nr)
{
	if (from + nr > model.nr_pages)
		return false;
	for (size_t i = from; i < from + nr; i++)
		if (!model.free[i])
			return false;
	return true;
}

/* A free block of this order that cannot be merged starts at pfn. */
static bool is_block(size_t pfn, unsigned order)
{
	size_t nr = (size_t)1 << order, parent = pfn & ~nr;
	if (pfn % nr || !all_free(pfn, nr))
		return false;
	return order == SEA_MAX_ORDER || !all_free(parent, 2 * nr);
}

static pfn_t naive_alloc(size_t nr_pages)
{
	for (size_t pfn = 0; pfn < model.nr_pages; pfn++)
		for (unsigned order = sea_log2_ceil(nr_pages); order <= SEA_MAX_ORDER; order++)
			if (is_block(pfn, order))
				return (pfn_t)pfn;
	return SEA_NO_PFN;
}

/* Order of the largest block in the free pages [from, to). */
static unsigned largest_order(size_t from, size_t to)
{
	unsigned largest = 0;
	for (unsigned order = 0; order <= SEA_MAX_ORDER; order++)
		if (sea_round_up(from, (size_t)1 << order) + ((size_t)1 << order) <= to)
			largest = order;
	return largest;
}

/* The lowest row of free pages that is long enough, among the first that have a block of
 * half the largest power of two in nr_pages + 1. */
static pfn_t naive_alloc_unaligned(size_t nr_pages)
{
	int nr_rows = 0;
	unsigned least = sea_highest_bit(nr_pages + 1) - 1;
	for (size_t from = 0, to; from < model.nr_pages; from = to + 1) {
		for (to = from; to < model.nr_pages && model.free[to];)
			to++;
		if (to == from || largest_order(from, to) < least)
			continue;
		if (to - from >= nr_pages)
			return (pfn_t)from;
		if (++nr_rows == SEA_SEARCH_DEPTH)
			break;
	}
	return naive_alloc(nr_pages);
}

static void mark(size_t from, size_t nr, bool free)
{
	memset(model.free + from, free, nr);
}

static size_t nr_free(void)
{
	size_t nr = 0;
	for (size_t i = 0; i < model.nr_pages; i++)
		nr += model.free[i];
	return nr;
}

static void start(size_t nr_pages)
{
	size_t size = sea_buddy_meta_size(nr_pages);
	CHECK(size <= sizeof(meta));
	memset(meta, 0, size);
	memset(&model, 0, sizeof(model));
	model.nr_pages = nr_pages;
	mark(0, nr_pages, true);
	sea_buddy_init(&pool, nr_pages, meta);
	CHECK(sea_buddy_is_sound(&pool));
	CHECK_EQ(pool.nr_free, nr_pages);
}

/* P1 to P4: the claim, and that the blocks are those of the naive copy. */
static void check_pool(void)
{
	CHECK(sea_buddy_is_sound(&pool));
	CHECK_EQ(pool.nr_free, nr_free());
}

static void check_blocks(void)
{
	for (pfn_t pfn = 0; pfn < model.nr_pages; pfn++) {
		unsigned order;
		pfn_t head = sea_buddy_around(&pool, pfn, &order);
		CHECK_EQ(head != SEA_NO_PFN, model.free[pfn]);
		CHECK(head == SEA_NO_PFN || (is_block(head, order) && head <= pfn && pfn - head < 1u << order));
	}
}

/* --- operations on both ---------------------------------------------------------------------- */

/* The run at `got`, which was to be at `want`, is out of the pool. */
static bool own(pfn_t got, pfn_t want, size_t nr)
{
	CHECK_EQ(got, want);
	if (got == SEA_NO_PFN)
		return false;
	mark(got, nr, false);
	model.runs[model.nr_runs].pfn = got;
	model.runs[model.nr_runs++].nr = nr;
	return true;
}

static bool alloc(size_t nr)
{
	pfn_t want = naive_alloc(nr);
	return own(sea_buddy_alloc(&pool, nr), want, nr);
}

static bool alloc_unaligned(size_t nr)
{
	pfn_t want = naive_alloc_unaligned(nr);
	return own(sea_buddy_alloc_unaligned(&pool, nr), want, nr);
}

static bool take(pfn_t pfn, size_t nr)
{
	bool want = all_free(pfn, nr);
	CHECK_EQ(sea_buddy_take(&pool, pfn, nr), want);
	if (!want)
		return false;
	mark(pfn, nr, false);
	model.runs[model.nr_runs].pfn = pfn;
	model.runs[model.nr_runs++].nr = nr;
	return true;
}

/* Frees pages [from, from + nr) of a run; what is left and right of them stays. */
static void free_part(size_t run, size_t from, size_t nr)
{
	pfn_t pfn = model.runs[run].pfn;
	size_t length = model.runs[run].nr;
	sea_buddy_free(&pool, pfn + (pfn_t)from, nr);
	mark(pfn + from, nr, true);
	model.runs[run] = model.runs[--model.nr_runs];
	if (from) {
		model.runs[model.nr_runs].pfn = pfn;
		model.runs[model.nr_runs++].nr = from;
	}
	if (from + nr < length) {
		model.runs[model.nr_runs].pfn = pfn + (pfn_t)(from + nr);
		model.runs[model.nr_runs++].nr = length - from - nr;
	}
}

/* --- cases ----------------------------------------------------------------------------------- */

static void starts_with_all_pages_free(void)
{
	for (size_t nr_pages = 1; nr_pages <= 300; nr_pages++) {
		start(nr_pages);
		check_blocks();
	}
	start(MAX_PAGES);
	check_blocks();
}

static void takes_the_lowest_pages(void)
{
	start(64);
	for (size_t i = 0; i < 64; i++) {
		CHECK(alloc(1));
		CHECK_EQ(model.runs[i].pfn, i);
	}
	CHECK(!alloc(1));
	check_pool();
}

static void runs_have_their_exact_length(void)
{
	start(64);
	CHECK(alloc(33)); /* out of the block of 64 */
	CHECK_EQ(pool.nr_free, 31);
	CHECK(alloc(16));
	CHECK_EQ(model.runs[1].pfn, 48);
	CHECK(!alloc(15)); /* pages 33 to 47 are free, but in blocks of 1, 2, 4 and 8 */
	CHECK(take(33, 15));
	CHECK_EQ(pool.nr_free, 0);
}

static void too_long_for_any_block(void)
{
	start(100);
	/* 64 + 32 + 4 are free, and no more in a row that starts at a multiple of 128 */
	CHECK(!alloc(65));
	CHECK(!alloc(101));
	CHECK(!alloc((size_t)1 << 19));
	CHECK_EQ(sea_buddy_alloc(&pool, (size_t)1 << 40), SEA_NO_PFN);
	check_pool();
}

static void rows_of_blocks_serve_longer_runs(void)
{
	start(100);
	CHECK(alloc_unaligned(65));
	CHECK_EQ(model.runs[0].pfn, 0);
	CHECK(!alloc_unaligned(36));
	CHECK(alloc_unaligned(35));
	CHECK_EQ(pool.nr_free, 0);
	free_part(1, 0, 35);
	free_part(0, 10, 20);
	CHECK(alloc_unaligned(20));
	CHECK(!alloc_unaligned((size_t)1 << 40));
	check_pool();
}

static void nothing_outside_the_pool_is_free(void)
{
	start(100);
	CHECK(!sea_buddy_take(&pool, 99, 2));
	CHECK(!sea_buddy_take(&pool, 100, 1));
	CHECK(take(99, 1));
	check_pool();
}

static void step_randomly(uint64_t *seed)
{
	size_t action = below(seed, 100);
	if (model.nr_runs && (action < 45 || model.nr_runs > MAX_RUNS - 3)) {
		size_t run = below(seed, model.nr_runs), length = model.runs[run].nr;
		size_t from = below(seed, 3) ? 0 : below(seed, length);
		size_t nr = below(seed, 3) ? length - from : 1 + below(seed, length - from);
		free_part(run, from, nr);
	} else if (action < 65) {
		alloc_unaligned(1 + test_random_size(seed, model.nr_pages / 2));
	} else if (action < 80) {
		alloc(1 + test_random_size(seed, model.nr_pages / 2));
	} else {
		take((pfn_t)below(seed, model.nr_pages), 1 + test_random_size(seed, 40));
	}
}

static void random_operations(void)
{
	static const size_t sizes[] = {1, 7, 64, 100, 1000, MAX_PAGES};
	uint64_t seed = test_seed();
	for (size_t i = 0; i < NR(sizes); i++) {
		start(sizes[i]);
		for (size_t step = 0; step < rounds(1500); step++) {
			step_randomly(&seed);
			check_pool();
			if (step % 16 == 0)
				check_blocks();
		}
		while (model.nr_runs)
			free_part(0, 0, model.runs[0].nr);
		check_pool();
		check_blocks();
	}
}

/* --- every sequence of a few operations on a few pages --------------------------------------- */

struct saved {
	struct model model;
	struct sea_pool pool;
	uint64_t meta[128];
};

static struct saved stack[8];
static size_t nr_sequences;

static void save(unsigned depth)
{
	stack[depth].pool = pool;
	memcpy(stack[depth].meta, meta, sizeof(stack[depth].meta));
	stack[depth].model.nr_runs = model.nr_runs;
	memcpy(stack[depth].model.free, model.free, 16);
	memcpy(stack[depth].model.runs, model.runs, 16 * sizeof(model.runs[0]));
}

static void restore(unsigned depth)
{
	pool = stack[depth].pool;
	memcpy(meta, stack[depth].meta, sizeof(stack[depth].meta));
	model.nr_runs = stack[depth].model.nr_runs;
	memcpy(model.free, stack[depth].model.free, 16);
	memcpy(model.runs, stack[depth].model.runs, 16 * sizeof(model.runs[0]));
}

static void explore(unsigned depth, bool with_takes);

/* One operation was done: it must be right, and so must all that follow. */
static void descend(unsigned depth, bool with_takes)
{
	nr_sequences++;
	check_pool();
	if (depth > 1)
		explore(depth - 1, with_takes);
	restore(depth);
}

static void explore(unsigned depth, bool with_takes)
{
	save(depth);
	for (size_t nr = 1; nr <= model.nr_pages; nr++) {
		if (alloc(nr))
			descend(depth, with_takes);
	}
	for (size_t run = 0; run < model.nr_runs; run++)
		for (size_t from = 0; from < stack[depth].model.runs[run].nr; from++)
			for (size_t nr = 1; from + nr <= stack[depth].model.runs[run].nr; nr++) {
				free_part(run, from, nr);
				descend(depth, with_takes);
			}
	for (pfn_t pfn = 0; with_takes && pfn < model.nr_pages; pfn++)
		for (size_t nr = 1; nr <= model.nr_pages - pfn + 1; nr++)
			if (take(pfn, nr))
				descend(depth, with_takes);
}

static void every_short_sequence(void)
{
	CHECK(sea_buddy_meta_size(16) <= sizeof(stack[0].meta));
	for (size_t nr_pages = 8; nr_pages <= 16; nr_pages++) {
		start(nr_pages);
		explore(IS_DEBUG ? 2 : 3, true);
	}
	CHECK(nr_sequences > 100000 || IS_DEBUG);
}

static void every_sequence_without_takes(void)
{
	for (size_t nr_pages = 8; nr_pages <= 11; nr_pages++) {
		start(nr_pages);
		explore(IS_DEBUG ? 3 : 5, false);
	}
}

/* --- the claim itself ------------------------------------------------------------------------ */

static void unsound_pools_are_noticed(void)
{
	start(64);
	CHECK(alloc(3));
	pool.nr_free++;
	CHECK(!sea_buddy_is_sound(&pool)); /* P4 */
	pool.nr_free--;
	pool.pages[1].state = SEA_PAGE_FREE;
	CHECK(!sea_buddy_is_sound(&pool)); /* P2, P3 */
	pool.pages[1].state = SEA_PAGE_INSIDE;
	sea_bittree_add(&pool.free[0], 2);
	CHECK(!sea_buddy_is_sound(&pool)); /* P2 */
	sea_bittree_remove(&pool.free[0], 2);
	CHECK(sea_buddy_is_sound(&pool));
}

static void unmerged_buddies_are_noticed(void)
{
	start(2);
	CHECK(alloc(2));
	for (pfn_t pfn = 0; pfn < 2; pfn++) {
		pool.pages[pfn].state = SEA_PAGE_FREE;
		pool.pages[pfn].order = 0;
		sea_bittree_add(&pool.free[0], pfn);
	}
	pool.nr_free = 2;
	CHECK(!sea_buddy_is_sound(&pool)); /* P3 */
}

static const struct test_case cases[] = {
	PASSES(starts_with_all_pages_free), PASSES(takes_the_lowest_pages), PASSES(runs_have_their_exact_length),
	PASSES(too_long_for_any_block), PASSES(rows_of_blocks_serve_longer_runs), PASSES(nothing_outside_the_pool_is_free), PASSES(random_operations),
	PASSES(every_short_sequence), PASSES(every_sequence_without_takes), PASSES(unsound_pools_are_noticed),
	PASSES(unmerged_buddies_are_noticed),
};

HARNESS_MAIN(cases)
