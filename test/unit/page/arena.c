/* SPDX-License-Identifier: MIT */
/* arena.c - reserve, commit, touch, purge, release */
#include "page/arena.h"

#include "base/bits.h"
#include "base/options.h"
#include "map/pagemap.h"
#include "map/region.h"
#include "map/span.h"
#include "unit.h"

#define PAGES 1024

static struct sea_arena arena;
static uint64_t touched[PAGES / 64 + 1], hollow[PAGES / 64 + 1], huge[1];
static char pool_stands_in; /* arena.c only asks whether there is one */

static size_t purge_now(size_t from, size_t to)
{
	unsigned nr_emptied = 0;
	return sea_arena_purge(&arena, from, to, &nr_emptied);
}

static void reserve(size_t size, size_t align, bool whole)
{
	CHECK(sea_arena_reserve(&arena, size, align, whole ? sim.page_size : 0));
	if (!whole) {
		arena.pool = (struct sea_pool *)&pool_stands_in;
		arena.touched = touched;
		arena.hollow = hollow;
		arena.huge = huge;
	}
}

static void count_region(const struct sea_region *region, void *nr)
{
	*(size_t *)nr += region->kind != SEA_REGION_METADATA;
}

static size_t nr_regions(void)
{
	size_t nr = 0;
	sea_region_walk(count_region, &nr);
	return nr;
}

/* A1 */
static void check_reserved(size_t size, size_t align)
{
	CHECK_EQ((uintptr_t)arena.base % sea_max(align, SEA_SLOT_SIZE), 0);
	CHECK_EQ(arena.size, sea_round_up(size, SEA_SLOT_SIZE));
	CHECK(sim_is_reserved(arena.base - sea_span_guard(), arena.size + 2 * sea_span_guard()));
	CHECK_EQ(arena.committed, arena.block_size);
	for (size_t offset = 0; offset < arena.size; offset += SEA_SLOT_SIZE)
		CHECK(sea_pagemap_arena(arena.base + offset) == (arena.block_size && offset ? NULL : &arena));
	CHECK_EQ(nr_regions(), 1);
}

static void aligned_reservations(void)
{
	static const size_t pages[] = {4 * KiB, 16 * KiB, 64 * KiB};
	for (size_t p = 0; p < NR(pages); p++)
		for (size_t align = 1; align <= 256 * MiB; align *= 4)
			for (size_t size = 1; size <= 8 * MiB; size = 3 * size + 1) {
				reserve(size, align, true);
				check_reserved(size, align);
				sea_arena_release(&arena);
				CHECK(!sea_pagemap_arena(arena.base));
				CHECK_EQ(nr_regions(), 0);
				CHECK(!sim_is_reserved(arena.base, 4096));
			}
}

/* Nothing stays behind: the ends that alignment cost are given back as well. */
static void the_slack_goes_back(void)
{
	reserve(MiB, 64 * MiB, true);
	size_t overhead = sim.reserved - MiB - 2 * sea_span_guard();
	sea_arena_release(&arena);
	CHECK_EQ(sim.reserved, overhead);
	CHECK(overhead < 2 * MiB); /* one window */
}

static void impossible_sizes(void)
{
	CHECK(!sea_arena_reserve(&arena, (size_t)1 << 47, 1, 4096));
	CHECK(!sea_arena_reserve(&arena, PTRDIFF_MAX - SEA_SLOT_SIZE, (size_t)1 << 62, 4096));
	CHECK_EQ(nr_regions(), 0);
}

/* A2 */
static void check_committed(size_t end)
{
	CHECK(arena.committed >= end);
	CHECK(arena.committed <= arena.size);
	CHECK_EQ(arena.committed % sim.page_size, 0);
	CHECK(!arena.committed || sim_is_committed(arena.base, arena.committed));
}

static void commit_grows_only(void)
{
	uint64_t seed = test_seed();
	size_t largest = 0;
	reserve(32 * MiB, 1, false);
	for (int i = 0; i < 300; i++) {
		size_t end = below(&seed, 1 + (arena.size >> (below(&seed, 2) * 6)));
		largest = sea_max(largest, end);
		CHECK(sea_arena_commit(&arena, end));
		check_committed(largest);
	}
	CHECK(sea_arena_commit(&arena, arena.size));
	CHECK_EQ(arena.committed, arena.size);
}

static void few_calls_for_much_memory(void)
{
	reserve(64 * MiB, 1, false);
	for (size_t end = 4096; end <= arena.size; end += 4096)
		CHECK(sea_arena_commit(&arena, end));
	CHECK_AT_MOST(sim.nr_calls[SIM_COMMIT], 45);
}

/* A whole arena commits what it is asked for and no more. */
static void whole_commits_exactly(void)
{
	reserve(8 * MiB, 1, true);
	CHECK(sea_arena_commit(&arena, 3 * MiB + 1));
	CHECK_EQ(arena.committed, 3 * MiB + 4096);
}

/* Where the generous step is refused, the exact one may pass. */
static void short_of_memory(void)
{
	reserve(8 * MiB, 1, false);
	sim.max_committed = sim.committed + 64 * KiB;
	CHECK(sea_arena_commit(&arena, 60 * KiB));
	CHECK_EQ(arena.committed, 60 * KiB);
	CHECK(!sea_arena_commit(&arena, 80 * KiB));
	CHECK_EQ(arena.committed, 60 * KiB);
}

static void commit_can_fail(void)
{
	reserve(8 * MiB, 1, false);
	sim_fail(SIM_COMMIT, 1, true);
	CHECK(!sea_arena_commit(&arena, 4096));
	CHECK_EQ(arena.committed, 0);
	sim_heal();
	CHECK(sea_arena_commit(&arena, 4096));
	check_committed(4096);
}

static void *commit_all(void *unused)
{
	for (size_t end = 4096; end <= arena.size; end += 4096) {
		CHECK(sea_arena_commit(&arena, end));
		arena.base[end - 1] = 1; /* faults if it is not usable */
	}
	return unused;
}

static void threads_commit_at_once(void)
{
	pthread_t threads[3];
	reserve(16 * MiB, 1, false);
	for (size_t i = 0; i < NR(threads); i++)
		threads[i] = start_thread(commit_all, NULL);
	for (size_t i = 0; i < NR(threads); i++)
		pthread_join(threads[i], NULL);
	check_committed(arena.size);
}

/* --- touched pages ------------------------------------------------------------------- */

static bool naive[PAGES];

static size_t naive_count(size_t from, size_t to)
{
	size_t count = 0;
	for (; from < to; from++)
		count += naive[from];
	return count;
}

/* A3, seen from outside: what is not touched reads as zero; the others were written. */
static void check_pages(size_t page)
{
	CHECK_EQ(sea_arena_count_touched(&arena, 0, PAGES), naive_count(0, PAGES));
	for (size_t i = 0; i < PAGES; i++)
		CHECK_EQ(arena.base[i * page], naive[i]);
}

static void touch(size_t from, size_t to, size_t page)
{
	sea_arena_touch(&arena, from, to, true);
	for (size_t i = from; i < to; i++) {
		arena.base[i * page] = 1;
		naive[i] = true;
	}
}

static void purge(size_t from, size_t to, bool works)
{
	size_t want = naive_count(from, to);
	CHECK_EQ(purge_now(from, to), works ? want : 0);
	if (works)
		memset(naive + from, 0, to - from);
}

static void touch_and_purge(size_t page)
{
	uint64_t seed = test_seed();
	sim.page_size = page;
	reserve(PAGES * page, 1, false);
	CHECK(sea_arena_commit(&arena, arena.size));
	for (size_t step = 0; step < rounds(600); step++) {
		size_t from = below(&seed, PAGES), to = from + below(&seed, PAGES - from + 1);
		if (below(&seed, 3) == 0)
			purge(from, to, true);
		else
			touch(from, sea_min(to, from + 20), page);
		CHECK_EQ(sea_arena_count_touched(&arena, from, to), naive_count(from, to));
	}
	check_pages(page);
}

static void touched_pages(void) { touch_and_purge(4 * KiB); }
static void touched_pages_of_16k(void) { touch_and_purge(16 * KiB); }

static void purge_asks_for_touched_pages_only(void)
{
	reserve(PAGES * 4096, 1, false);
	CHECK(sea_arena_commit(&arena, arena.size));
	CHECK_EQ(purge_now(0, PAGES), 0);
	CHECK_EQ(sim.nr_calls[SIM_PURGE], 0);
	touch(10, 20, 4096);
	touch(90, 91, 4096);
	purge(0, PAGES, true);
	CHECK_EQ(sim.nr_calls[SIM_PURGE], 2);
	CHECK_EQ(sim.purged, 11 * 4096);
}

/* Pages that do not count as touched have no memory, and get none. */
static void clearing_skips_what_is_not_touched(void)
{
	reserve(PAGES * 4096, 1, false);
	CHECK(sea_arena_commit(&arena, arena.size));
	memset(arena.base, 1, arena.size);
	touch(10, 20, 4096);
	touch(63, 130, 4096);
	touch(140, 141, 4096);
	CHECK_EQ(sea_arena_clear(&arena, 12, 140), 8 + 67);
	for (size_t i = 0; i < PAGES; i++)
		CHECK_EQ(arena.base[i * 4096 + i], !((i >= 12 && i < 20) || (i >= 63 && i < 130)));
}

/* A call costs more than what it passes over. */
static void what_lies_close_goes_in_one_call(void)
{
	reserve(PAGES * 4096, 1, false);
	CHECK(sea_arena_commit(&arena, arena.size));
	for (size_t pfn = 0; pfn < PAGES; pfn += 10)
		touch(pfn, pfn + 1, 4096);
	purge(0, PAGES, true);
	CHECK_EQ(sim.nr_calls[SIM_PURGE], 1);
}

/* The pages stay touched: they may hold old bytes. */
/* Rows of several parts lose their memory in one call, 16 at most; no row is purged twice. */
static void rows_are_emptied_together(void)
{
	reserve(PAGES * 4096, 1, false);
	CHECK(sea_arena_commit(&arena, arena.size));
	struct sea_arena_part part[2] = {{&arena, 0, PAGES / 2}, {&arena, PAGES / 2, PAGES}};
	CHECK_EQ(sea_arena_empty(part, 2), 0);
	sea_arena_touch(&arena, 5, 6, true);
	CHECK_EQ(sea_arena_empty(part, 2), 0); /* one row */
	sea_arena_touch(&arena, PAGES / 2, PAGES / 2 + 3, true);
	sea_arena_touch(&arena, PAGES - 1, PAGES, true);
	arena.base[5 * 4096] = arena.base[(PAGES - 1) * 4096] = 1;
	unsigned nr_emptied = sea_arena_empty(part, 2);
	CHECK_EQ(nr_emptied, 3);
	CHECK_EQ(sim.purged, 5 * 4096);
	CHECK_EQ(arena.base[5 * 4096] + arena.base[(PAGES - 1) * 4096], 0);
	CHECK_EQ(sea_arena_purge(&arena, 0, PAGES / 2, &nr_emptied), 1);
	CHECK_EQ(sea_arena_purge(&arena, PAGES / 2, PAGES, &nr_emptied), 4);
	CHECK_EQ(nr_emptied, 0);
	CHECK_EQ(sim.purged, 5 * 4096);
	CHECK_EQ(sea_arena_count_touched(&arena, 0, PAGES), 0);
}

static void purge_can_fail(void)
{
	reserve(PAGES * 4096, 1, false);
	CHECK(sea_arena_commit(&arena, arena.size));
	touch(10, 20, 4096);
	sim.purge_is_ignored = true;
	purge(0, PAGES, false);
	sim.purge_is_ignored = false;
	sim_fail(SIM_PURGE, 1, false);
	purge(0, PAGES, false);
	check_pages(4096);
	purge(0, PAGES, true);
}

/* --- huge pages ----------------------------------------------------------------------- */

#define HUGE_PAGES 512

/* First page of a range that lies in the arena as a whole. */
static size_t a_range(void) { return (size_t)(-((uintptr_t)arena.base / 4096) % HUGE_PAGES); }

static void check_hollow(size_t held, size_t nr_hollow, size_t nr_huge)
{
	CHECK_EQ(sea_arena_count_held(&arena, 0, PAGES), held);
	CHECK_EQ(sea_arena_hollow(), nr_hollow * 4096);
	CHECK_EQ(sim.huge, nr_huge * sea_huge_size());
}

static void a_huge_range_is_hollow_until_touched(void)
{
	reserve(PAGES * 4096, 1, false);
	size_t from = a_range();
	CHECK_EQ(sea_huge_size(), HUGE_PAGES * 4096);
	CHECK(sea_arena_make_huge(&arena, from + 300));
	check_committed((from + HUGE_PAGES) * 4096);
	check_hollow(HUGE_PAGES, HUGE_PAGES, 1);
	CHECK(!sea_arena_make_huge(&arena, from));
	CHECK_EQ(sea_arena_touch(&arena, from + 5, from + 15, true).nr, 10);
	check_hollow(HUGE_PAGES, HUGE_PAGES - 10, 1);
	CHECK_EQ(sea_arena_count_touched(&arena, 0, PAGES), 10);
	CHECK_EQ(purge_now(from, from + 100), 10);
	check_hollow(HUGE_PAGES - 100, HUGE_PAGES - 100, 0);
	CHECK(!sea_arena_make_huge(&arena, from)); /* pages that it had are still there */
	CHECK_EQ(purge_now(from, from + HUGE_PAGES), 0);
	check_hollow(0, 0, 0);
	CHECK(sea_arena_make_huge(&arena, from + HUGE_PAGES - 1));
	check_hollow(HUGE_PAGES, HUGE_PAGES, 1);
	sea_arena_release(&arena);
	CHECK_EQ(sea_arena_hollow(), 0);
	CHECK_EQ(sim.huge, 0);
}

/* A renewal ends huge ranges, and hollow pages. */
static void a_huge_range_is_renewed(void)
{
	reserve(PAGES * 4096, 1, false);
	arena.pool = (struct sea_pool *)&arena; /* a regular arena; nobody looks into its pool */
	size_t from = a_range();
	CHECK(sea_arena_make_huge(&arena, from));
	CHECK_EQ(sea_arena_touch(&arena, from, from + 10, true).nr_empty, 0);
	sea_arena_renew(&arena, from + 100, from + 200);
	check_hollow(HUGE_PAGES - 100, HUGE_PAGES - 110, 0);
	sea_arena_renew(&arena, from, from + HUGE_PAGES);
	check_hollow(0, 0, 0);
	CHECK(sea_arena_make_huge(&arena, from));
}

#define ROW_RANGES 9

/* Each range in turn is made huge or loses that at random; the borders are those of the row. */
static void borders_between_huge_ranges_and_others(void)
{
	static uint64_t row_touched[ROW_RANGES * HUGE_PAGES / 64 + 64], row_hollow[ROW_RANGES * HUGE_PAGES / 64 + 64];
	bool want[ROW_RANGES + 2] = {false};
	uint64_t seed = test_seed();
	reserve((ROW_RANGES + 1) * HUGE_PAGES * 4096, 1, false);
	arena.touched = row_touched;
	arena.hollow = row_hollow;
	for (size_t step = 0; step < 500; step++) {
		size_t i = below(&seed, ROW_RANGES), from = a_range() + i * HUGE_PAGES, nr = 0;
		if (below(&seed, 2))
			want[i + 1] |= sea_arena_make_huge(&arena, from);
		else if (want[i + 1]) {
			purge_now(from, from + HUGE_PAGES);
			want[i + 1] = false;
		}
		for (size_t k = 0; k <= ROW_RANGES; k++)
			nr += want[k] != want[k + 1];
		CHECK_EQ(sea_arena_borders(&arena), nr);
	}
	sea_arena_release(&arena);
	CHECK_EQ(sea_arena_hollow(), 0);
}

static void a_range_in_use_is_not_made_huge(void)
{
	reserve(PAGES * 4096, 1, false);
	size_t from = a_range();
	CHECK_EQ(sea_arena_make_huge(&arena, 0), from == 0);	     /* begins before the arena, */
	CHECK_EQ(sea_arena_make_huge(&arena, PAGES - 1), from == 0); /* or ends behind it */
	purge_now(0, PAGES);
	CHECK(sea_arena_commit(&arena, PAGES * 4096));
	touch(from + HUGE_PAGES - 1, from + HUGE_PAGES, 4096);
	CHECK(!sea_arena_make_huge(&arena, from));
	purge(0, PAGES, true);
	sim_fail(SIM_ADVISE, 1, false);
	CHECK(!sea_arena_make_huge(&arena, from));
	sim_heal();
	check_hollow(0, 0, 0);
	sim_fail(SIM_COMMIT, 1, true);
	arena.committed = 0;
	CHECK(!sea_arena_make_huge(&arena, from));
}

/* What the kernel does: all of a huge range that has no memory gets it. */
static bool is_hollow[PAGES];

static void make_huge(size_t pfn)
{
	size_t from = a_range() + (pfn >= a_range() ? (pfn - a_range()) / HUGE_PAGES * HUGE_PAGES : 0);
	bool made = sea_arena_make_huge(&arena, pfn);
	for (size_t i = from; made && i < from + HUGE_PAGES; i++) {
		CHECK(!naive[i] && !is_hollow[i]);
		is_hollow[i] = true;
	}
}

static size_t count_hollow(void)
{
	size_t count = 0;
	for (size_t i = 0; i < PAGES; i++)
		count += is_hollow[i];
	return count;
}

static void touch_purge_and_make_huge(void)
{
	uint64_t seed = test_seed();
	size_t nr_made = 0;
	reserve(PAGES * 4096, 1, false);
	CHECK(sea_arena_commit(&arena, arena.size));
	for (size_t step = 0; step < rounds(2000); step++) {
		size_t from = below(&seed, PAGES), to = from + 1 + below(&seed, PAGES - from);
		switch (below(&seed, 4)) {
		case 0: /* now and then all of it, so that whole ranges become free */
			from = step % 4 ? from : 0;
			to = step % 4 ? to : PAGES;
			purge(from, to, true);
			memset(is_hollow + from, 0, to - from);
			break;
		case 1:
			to = sea_min(to, from + 20);
			touch(from, to, 4096);
			memset(is_hollow + from, 0, to - from);
			break;
		default:
			make_huge(from);
			nr_made += sim.huge > 0;
		}
		CHECK_EQ(sea_arena_hollow(), count_hollow() * 4096);
		CHECK_EQ(sea_arena_count_held(&arena, 0, PAGES), count_hollow() + naive_count(0, PAGES));
	}
	check_pages(4096);
	CHECK(nr_made > 0);
}

/* --- failures ---------------------------------------------------------------------------- */

static void reserve_can_fail(void)
{
	for (size_t n = 1;; n++) {
		size_t reserved = sim.reserved, failed = sim.nr_failed;
		sim_fail(SIM_ANY, n, false);
		bool done = sea_arena_reserve(&arena, MiB, 16 * MiB, 4096);
		sim_heal();
		if (done) {
			check_reserved(MiB, 16 * MiB);
			sea_arena_release(&arena);
		} else {
			CHECK_EQ(nr_regions(), 0);
			CHECK(sim.reserved >= reserved); /* a window may have come to stay */
		}
		if (sim.nr_failed == failed)
			break;
	}
	CHECK(sea_region_is_sound());
}

/* Too many mappings to unmap one: at least the memory goes. */
static void release_can_fail(void)
{
	reserve(4 * MiB, 1, true);
	CHECK(sea_arena_commit(&arena, MiB));
	memset(arena.base, 1, MiB);
	sim_fail(SIM_RELEASE, 1, false);
	sea_arena_release(&arena);
	CHECK_EQ(sim.nr_calls[SIM_PURGE], 1);
	CHECK_EQ(arena.base[0], 0);
	CHECK(!sea_pagemap_arena(arena.base));
}

static void release_can_fail_before_any_commit(void)
{
	reserve(4 * MiB, 1, true);
	sim_fail(SIM_RELEASE, 1, false);
	sea_arena_release(&arena);
	CHECK(!sea_pagemap_arena(arena.base));
}

static const struct test_case cases[] = {
	PASSES(aligned_reservations), PASSES(the_slack_goes_back), PASSES(impossible_sizes), PASSES(commit_grows_only),
	PASSES(few_calls_for_much_memory), PASSES(whole_commits_exactly), PASSES(short_of_memory),
	PASSES(commit_can_fail), PASSES(threads_commit_at_once), PASSES(touched_pages), PASSES(touched_pages_of_16k),
	PASSES(purge_asks_for_touched_pages_only), PASSES(clearing_skips_what_is_not_touched),
	PASSES(rows_are_emptied_together), PASSES(what_lies_close_goes_in_one_call), PASSES(purge_can_fail),
	PASSES(a_huge_range_is_hollow_until_touched), PASSES(a_huge_range_is_renewed), PASSES(a_range_in_use_is_not_made_huge),
	PASSES(touch_purge_and_make_huge), PASSES(borders_between_huge_ranges_and_others), PASSES(reserve_can_fail),
	PASSES(release_can_fail), PASSES(release_can_fail_before_any_commit),
};

HARNESS_MAIN(cases)
