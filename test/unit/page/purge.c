/* SPDX-License-Identifier: MIT */
/* purge.c - free pages go back in steps, and all of them in the end */
#include "page/purge.h"

#include "base/options.h"
#include "base/os.h"
#include "page/page_alloc.h"
#include "unit.h"

#define MAX_RUNS 200

static void *runs[MAX_RUNS];
static size_t nr_runs;

static void alloc(size_t nr, size_t size)
{
	for (size_t i = 0; i < nr; i++) {
		CHECK(nr_runs < MAX_RUNS);
		CHECK((runs[nr_runs++] = sea_pages_alloc(size, 1, SEA_TOUCH_NOW, NULL)));
	}
}

static void free_all(void)
{
	while (nr_runs)
		sea_pages_free(runs[--nr_runs]);
}

/* However much is above the watermark, one free makes a few calls for some pages. */
static void one_free_purges_a_little(void)
{
	sea_options.dirty_max = GiB;
	alloc(100, MiB);
	free_all();
	sea_options.dirty_max = MiB;
	for (int i = 0; sea_pages_dirty() > MiB; i++) {
		size_t purged = sim.purged, nr_calls = sim.nr_calls[SIM_PURGE];
		CHECK_AT_MOST(i, 100);
		alloc(1, 64 * KiB);
		free_all();
		/* a step, and an empty arena */
		CHECK_AT_MOST(sim.purged - purged, 2 * SEA_STEP_PAGES * 4096);
		CHECK_AT_MOST(sim.nr_calls[SIM_PURGE] - nr_calls, 40);
		CHECK(sea_pages_are_sound());
	}
}

/* A process that frees gives back more than it frees. */
static void what_waits_to_go_back_is_bounded(void)
{
	sea_options.dirty_max = 4 * MiB;
	alloc(100, MiB);
	for (size_t size = 100 * MiB; nr_runs; size -= MiB) {
		sea_pages_free(runs[--nr_runs]);
		CHECK_AT_MOST(sea_pages_dirty(), sea_max(4 * MiB, size / 16) + 2 * MiB);
	}
}

/* Who is refused asks less and less. */
static void a_refusal_is_remembered(void)
{
	size_t nr_calls = 0;
	sea_options.dirty_max = MiB;
	sim_fail(SIM_PURGE, 1, true);
	for (int round = 0; round < 20; round++) {
		size_t before = sim.nr_calls[SIM_PURGE];
		alloc(100, 300 * KiB);
		free_all();
		nr_calls = sim.nr_calls[SIM_PURGE] - before;
	}
	CHECK_AT_MOST(nr_calls, 200);
	CHECK(sea_pages_are_sound());
	sim_heal();
	for (int round = 0; sea_pages_dirty() > sea_budget_watermarks().high; round++) {
		CHECK_AT_MOST(round, 40);
		alloc(100, 300 * KiB);
		free_all();
	}
}

/* The rest of a large block is in small ones while a piece of it is away. */
static void a_large_block_goes_piece_by_piece(void)
{
	sea_options.dirty_max = GiB;
	alloc(60, MiB);
	free_all();
	size_t purged = sim.purged;
	CHECK_EQ(sea_pages_purge_free(0), 60 * MiB);
	CHECK_EQ(sim.purged - purged, 60 * MiB);
	CHECK(sea_pages_are_sound());
}

/* Pages that the system does not take do not keep others from going. */
static void what_is_refused_is_passed_over(void)
{
	sea_options.dirty_max = GiB;
	alloc(60, MiB);
	free_all();
	sim_fail(SIM_PURGE, 1, true);
	CHECK_EQ(sea_pages_purge_free(0), 0);
	sim_heal();
	sim_fail(SIM_PURGE, 1, false);
	CHECK_EQ(sea_pages_purge_free(0), 59 * MiB);
	CHECK_EQ(sea_pages_purge_free(0), MiB); /* a piece */
}

/* A step ends with the call that took its time; what it did not come to goes in later ones. */
static void a_slow_system_gets_a_call_a_step(void)
{
	sea_options.dirty_max = GiB;
	alloc(MAX_RUNS, 192 * KiB);
	for (size_t i = 0; i < MAX_RUNS; i += 2)
		sea_pages_free(runs[i]);
	sim.purge_ms = 1;
	CHECK(sea_purge_begin());
	sea_purge_restart();
	for (bool is_over = false; !is_over;) {
		size_t nr_calls = sim.nr_calls[SIM_PURGE];
		is_over = sea_purge_step(SEA_STEP_PAGES).is_over;
		/* one for the page, one for its seams */
		CHECK_AT_MOST(sim.nr_calls[SIM_PURGE] - nr_calls, 2);
	}
	sea_purge_end(false);
	CHECK_EQ(sim.purged, MAX_RUNS / 2 * 192 * KiB);
}

/* A round that leaves too much is repeated at once if it purged much, else after more was
 * freed. */
static void a_useful_round_is_repeated(void)
{
	sea_options.dirty_max = GiB;
	alloc(8, MiB);
	free_all();
	CHECK(sea_purge_begin());
	sea_purge_restart();
	for (bool is_over = false; !is_over;)
		is_over = sea_purge_step(SEA_STEP_PAGES).is_over;
	sea_purge_note_rest(1);
	CHECK(sea_purge_may_begin());
	sea_purge_restart();
	sea_purge_note_rest(0);
	CHECK(sea_purge_may_begin());
	sea_purge_note_rest(1);
	CHECK(!sea_purge_may_begin());
	sea_purge_note_freed(255);
	CHECK(!sea_purge_may_begin());
	sea_purge_note_freed(1);
	CHECK(sea_purge_may_begin());
	sea_purge_end(false);
}

static const struct test_case cases[] = {
	PASSES(one_free_purges_a_little), PASSES(what_waits_to_go_back_is_bounded), PASSES(a_refusal_is_remembered),
	PASSES(a_large_block_goes_piece_by_piece), PASSES(what_is_refused_is_passed_over),
	PASSES(a_slow_system_gets_a_call_a_step), PASSES(a_useful_round_is_repeated),
};

HARNESS_MAIN(cases)
