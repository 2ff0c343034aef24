/* SPDX-License-Identifier: MIT */
/* page_move.c - runs that move, shrink, lie at large alignments, and that the program gave advice
 * about */
#include "page/arenas.h"
#include "base/bits.h"
#include "base/options.h"
#include "page/page_alloc.h"
#include "map/pagemap.h"
#include "map/region.h"
#include "unit.h"

#include <sys/mman.h>

/* --- blocks with a word in each page ---------------------------------------------------- */

static char *make(size_t size, size_t align)
{
	char *run = sea_pages_alloc(size, align, SEA_TOUCH_NOW, NULL);
	CHECK(run != NULL);
	CHECK_EQ((uintptr_t)run % align, 0);
	return run;
}

static void fill(char *run, size_t size)
{
	for (size_t at = 0; at < size; at += sim.page_size)
		*(size_t *)(run + at) = at + 1;
}

static void check(const char *run, size_t size)
{
	for (size_t at = 0; at < size; at += sim.page_size)
		CHECK_EQ(*(const size_t *)(run + at), at + 1);
}

static void count_regions(const struct sea_region *region, void *nr)
{
	*(size_t *)nr += region->kind != SEA_REGION_METADATA;
}

static size_t nr_arenas(void)
{
	size_t nr = 0;
	sea_region_walk(count_regions, &nr);
	return nr;
}

/* --- moves ------------------------------------------------------------------------------- */

/* From a pool to an arena of its own, by the system; what it leaves in the pool is as new. */
static void pages_are_moved(void)
{
	char *run = make(8 * MiB, 1), *behind = make(4096, 1);
	fill(run, 8 * MiB);
	char *moved = sea_pages_move(run, 20 * MiB);
	CHECK(moved && moved != run);
	check(moved, 8 * MiB);
	CHECK_EQ(sim.nr_calls[SIM_MOVE], 1);
	CHECK_EQ(sea_arenas.nr_whole, 1);
	CHECK_EQ(sea_pages_size(moved), 20 * MiB);
	CHECK_EQ(sea_pages_dirty(), 0);
	fill(moved, 20 * MiB);
	CHECK(sea_pages_resize(moved, 40 * MiB)); /* there is room for as much again */
	char *again = sea_pages_move(moved, 60 * MiB);
	check(again, 20 * MiB);
	CHECK_EQ(sea_arenas.nr_whole, 1);
	sea_pages_free(again);
	sea_pages_free(behind);
	CHECK(sea_pages_are_sound());
}

/* Small runs are copied, and so are all while there are many whole arenas: these are mappings. */
static void few_moves_by_the_system(void)
{
	char *run = make(2 * MiB, 1);
	fill(run, 2 * MiB);
	run = sea_pages_move(run, 5 * MiB);
	check(run, 2 * MiB);
	CHECK_EQ(sim.nr_calls[SIM_MOVE], 0);
	for (int i = 0; i < 120; i++)
		make(100 * MiB, 1);
	for (int i = 0; i < 20; i++) {
		char *large = make(5 * MiB, 1);
		*large = 1;
		large = sea_pages_move(large, 6 * MiB);
		CHECK(large && *large == 1);
	}
	CHECK_EQ(sim.nr_calls[SIM_MOVE], 8);
	for (int i = 0; i < 20; i++)
		make(100 * MiB, 1);
	CHECK_EQ(sea_arenas.nr_whole, 128);
	CHECK(sea_pages_are_sound());
}

/* The system does not move: the block is copied, and both ranges are ours still. */
static void a_move_that_fails(void)
{
	sim.move_unmaps = true;
	for (int i = 0; i < 3; i++) {
		char *run = make(8 * MiB, 1);
		fill(run, 8 * MiB);
		sim_fail(SIM_MOVE, 1, false);
		run = sea_pages_move(run, 16 * MiB);
		check(run, 8 * MiB);
		sea_pages_free(run);
		CHECK_EQ(sea_arenas.nr_whole, 0);
		CHECK_EQ(sim.nr_calls[SIM_MOVE], (size_t)i + 1);
	}
	CHECK(sea_pages_are_sound());
}

static char *stranger;
static size_t stranger_size;

/* Another thread maps something where the target was. */
static void intrude(char *to, size_t size)
{
	stranger = mmap(to, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	CHECK(stranger == to);
	memset(stranger, 0x5a, stranger_size = size);
}

/* Nothing is written there, nothing is given back, and the system is not asked to move again. */
static void a_target_that_is_lost(void)
{
	sim.move_unmaps = true;
	sim.on_unmap = intrude;
	for (int i = 0; i < 3; i++) {
		char *run = make(8 * MiB, 1);
		fill(run, 8 * MiB);
		sim_fail(SIM_MOVE, 1, true);
		run = sea_pages_move(run, 16 * MiB);
		check(run, 8 * MiB);
		CHECK(!sea_pagemap_arena(stranger));
		sea_pages_free(run);
	}
	CHECK_EQ(sim.nr_calls[SIM_MOVE], 1);
	CHECK_EQ(stranger_size, 8 * MiB);
	for (size_t i = 0; i < stranger_size; i++)
		CHECK_EQ(stranger[i], 0x5a);
	sea_pages_purge_free(0);
	CHECK(sea_pages_are_sound() && sea_region_is_sound());
}

/* --- shrinking ---------------------------------------------------------------------------- */

/* What is cut off is free, and free memory has a bound. */
static void a_run_that_shrinks_gives_back(void)
{
	for (int i = 0; i < 8; i++) {
		char *run = make(20 * MiB, 1);
		fill(run, 20 * MiB);
		CHECK(sea_pages_resize(run, 300 * KiB));
		CHECK_AT_MOST(sea_pages_dirty(), sea_budget_watermarks().high);
		check(run, 300 * KiB);
	}
	CHECK(sim.purged >= 8 * 19 * MiB - 16 * MiB);
}

/* The memory of a whole one goes at once, and so do addresses that it will not need. */
static void a_whole_arena_that_shrinks(void)
{
	char *run = make(400 * MiB, 1);
	size_t reserved = sim.reserved;
	*run = 1;
	run[399 * MiB] = 1;
	CHECK(sea_pages_resize(run, 200 * MiB));
	CHECK_EQ(sim.reserved, reserved);
	CHECK(sea_pages_resize(run, 300 * MiB));
	CHECK(sea_pages_resize(run, MiB));
	CHECK_EQ(sim.reserved, reserved - 398 * MiB);
	CHECK_EQ(sea_pages_size(run), MiB);
	CHECK(sea_pages_resize(run, 2 * MiB));
	CHECK(!sea_pages_resize(run, 3 * MiB));
	CHECK_EQ(run[0], 1);
	CHECK_EQ(run[2 * MiB - 1], 0);
	sea_pages_free(run);
	CHECK_EQ(nr_arenas(), 0);
}

/* --- large alignments ---------------------------------------------------------------------- */

/* Small blocks at the alignment of huge pages share arenas, and leave the space between them. */
static void large_alignments_share_arenas(void)
{
	static const size_t aligns[] = {2 * MiB, 4 * MiB, 32 * MiB};
	for (size_t i = 0; i < NR(aligns); i++) {
		for (int k = 0; k < 300; k++)
			make(4096, aligns[i]);
		CHECK_EQ(sea_arenas.nr_whole, 0);
		CHECK_AT_MOST(nr_arenas(), 8 + 300 * aligns[i] / (512 * MiB));
	}
	size_t before = nr_arenas();
	for (int k = 0; k < 100; k++)
		make(MiB, 1);
	CHECK_EQ(nr_arenas(), before);
	CHECK(sea_pages_are_sound());
}

/* --- a size that costs nothing --------------------------------------------------------------- */

/* The page map shows the first slot; places inside are found all the same. */
static void a_whole_arena_is_entered_once(void)
{
	void *base;
	size_t size, committed = sim.committed;
	char *run = make(8 * GiB, 1);
	CHECK_AT_MOST(sim.committed - committed, 8 * GiB + 2 * MiB);
	CHECK(!sea_pagemap_arena(run + 100 * MiB));
	for (size_t at = 0; at < 8 * GiB; at += GiB - 1) {
		CHECK_EQ(sea_pages_at(run + at, &base, &size), SEA_AT_RUN);
		CHECK(base == run && size == 8 * GiB);
	}
	CHECK_EQ(sea_pages_at(run + 8 * GiB, &base, &size), SEA_AT_FOREIGN);
	CHECK_EQ(sea_pages_size(run + 5 * GiB), 0);
	sea_pages_free(run);
	CHECK_EQ(sea_pages_at(run + 5 * GiB, &base, &size), SEA_AT_FREE);
}

/* What the system refuses leaves nothing behind, whatever its size. */
static void a_refusal_leaves_nothing(void)
{
	make(4096, 1);
	sim.max_committed = sim.committed + GiB;
	size_t reserved = sim.reserved, committed = sim.committed;
	for (unsigned shift = 31; shift < 46; shift++)
		CHECK(!sea_pages_alloc((size_t)1 << shift, 1, SEA_TOUCH_NOW, NULL));
	CHECK_EQ(sim.reserved, reserved);
	CHECK_EQ(sim.committed, committed);
}

/* --- advice ---------------------------------------------------------------------------------- */

/* A long run is renewed when its memory goes back, a short one is not. */
static void long_runs_are_renewed(void)
{
	fill(make(MiB, 1), MiB);
	char *run = make(8 * MiB, 2 * MiB);
	size_t resets = sim.nr_calls[SIM_RESET];
	fill(run, 8 * MiB);
	sea_pages_free(run);
	sea_pages_purge_free(0);
	CHECK(sim.nr_calls[SIM_RESET] > resets);
	CHECK(sim_is_committed(run, 8 * MiB));
	resets = sim.nr_calls[SIM_RESET];
	char *small[7];
	for (size_t i = 0; i < NR(small); i++)
		fill(small[i] = make(MiB, 1), MiB);
	for (size_t i = 0; i < NR(small); i++)
		sea_pages_free(small[i]);
	sea_pages_purge_free(0);
	CHECK_EQ(sim.nr_calls[SIM_RESET], resets);
	CHECK(sea_pages_are_sound());
}

static const struct page *page_of(void *run)
{
	size_t size;
	return sea_pages_run(run, &size);
}

/* Advice that changes what memory is ends with the run, or with the part that leaves it. */
static void noted_advice_ends_with_the_run(void)
{
	char *run = make(64 * KiB, 1), *beside = make(64 * KiB, 1);
	fill(run, 64 * KiB);
	sea_pages_note_advice(run + 20 * KiB);
	CHECK(page_of(run)->is_advised && !page_of(beside)->is_advised);
	size_t resets = sim.nr_calls[SIM_RESET];
	CHECK(sea_pages_resize(run, 32 * KiB));
	CHECK_EQ(sim.nr_calls[SIM_RESET], resets + 1);
	CHECK_EQ(sea_pages_free_dirty(), 0);
	sea_pages_free(run);
	CHECK_EQ(sim.nr_calls[SIM_RESET], resets + 2);
	CHECK_EQ(sea_pages_free_dirty(), 0);
	char *again = make(64 * KiB, 1);
	CHECK(again == run && !page_of(again)->is_advised);
	sea_pages_free(again);
	sea_pages_note_advice(again); /* in no run */
	sea_pages_note_advice(&again);
	sea_pages_note_advice(NULL);
	CHECK(sim_is_committed(run, 64 * KiB));
	CHECK(sea_pages_are_sound());
}

/* Renewed pages that cannot be committed again serve nobody before they are. */
static void a_renewal_that_fails(void)
{
	char *run = make(8 * MiB, 1);
	fill(run, 8 * MiB);
	sim_fail(SIM_COMMIT, 1, true);
	sea_pages_free(run);
	sea_pages_purge_free(0);
	CHECK(!sea_pages_alloc(8 * MiB, 1, SEA_TOUCH_NOW, NULL));
	sim_heal();
	bool zeroed;
	char *again = sea_pages_alloc(8 * MiB, 1, SEA_TOUCH_NOW, &zeroed);
	CHECK(again && zeroed);
	fill(again, 8 * MiB);
	CHECK(sea_pages_are_sound());
}

/* A system that refuses to reset keeps what it has, which is purged. */
static void a_reset_that_fails(void)
{
	char *run = make(8 * MiB, 1);
	fill(run, 8 * MiB);
	sim_fail(SIM_RESET, 1, true);
	sea_pages_free(run);
	sea_pages_purge_free(0);
	CHECK_EQ(sim.purged, 8 * MiB);
	fill(make(8 * MiB, 1), 8 * MiB);
	CHECK(sea_pages_are_sound());
}

static const struct test_case cases[] = {
	PASSES(pages_are_moved),
	PASSES(few_moves_by_the_system),
	PASSES(a_move_that_fails),
	PASSES(a_target_that_is_lost),
	PASSES(a_run_that_shrinks_gives_back),
	PASSES(a_whole_arena_that_shrinks),
	PASSES(large_alignments_share_arenas),
	PASSES(a_whole_arena_is_entered_once),
	PASSES(a_refusal_leaves_nothing),
	PASSES(long_runs_are_renewed),
	PASSES(noted_advice_ends_with_the_run),
	PASSES(a_renewal_that_fails),
	PASSES(a_reset_that_fails),
};

HARNESS_MAIN(cases)
