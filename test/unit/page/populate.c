/* SPDX-License-Identifier: MIT */
/* populate.c - which pages get memory by one call: parts of runs, runs that move */
#include "page/page_alloc.h"
#include "unit.h"

#define PAGE 4096
#define PIECE MiB

/* --- what is about to be written to --------------------------------------------------------- */

static size_t populate(const char *from, const char *to, size_t most)
{
	size_t before = sim.populated;
	sea_pages_populate(from, to, most);
	return sim.populated - before;
}

static void as_much_as_the_caller_says(void)
{
	char *zone = sea_pages_alloc(MiB, MiB, SEA_TOUCH_LATER, NULL);
	CHECK_EQ(populate(zone, zone + 8 * PAGE, 2 * PAGE), 2 * PAGE);
	CHECK_EQ(populate(zone, zone + 8 * PAGE, 5 * PAGE + 100), 5 * PAGE);
	CHECK_EQ(populate(zone, zone + 8 * PAGE, MiB), 8 * PAGE);
}

static void nothing_for_one_page(void)
{
	char *zone = sea_pages_alloc(MiB, MiB, SEA_TOUCH_LATER, NULL);
	CHECK_EQ(populate(zone, zone + 8 * PAGE, 0), 0);
	CHECK_EQ(populate(zone, zone + 8 * PAGE, 2 * PAGE - 1), 0);
	CHECK_EQ(populate(zone + 100, zone + 1000, MiB), 0);
}

static void pages_at_both_ends(void)
{
	char *zone = sea_pages_alloc(MiB, MiB, SEA_TOUCH_LATER, NULL);
	CHECK_EQ(populate(zone + PAGE - 16, zone + PAGE + 16, MiB), 2 * PAGE);
	CHECK_EQ(populate(zone + MiB - 100, zone + MiB, MiB), 0);
	CHECK_EQ(populate(zone + MiB - PAGE - 1, zone + MiB, MiB), 2 * PAGE);
}

/* --- copies ----------------------------------------------------------------------------------- */

static void fill(char *at, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		at[i] = (char)(i * 7 + i / 4096);
}

static void check(const char *at, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		CHECK_EQ(at[i], (char)(i * 7 + i / 4096));
}

/* A piece of a MiB that has memory but for one page is not populated. */
static void runs_that_move_to_used_memory(void)
{
	char *used = sea_pages_alloc(4 * PIECE, 1, SEA_TOUCH_LATER, NULL);
	sea_pages_touch(used, used + 2 * PIECE - PAGE, false);
	sea_pages_touch(used + 3 * PIECE, used + 4 * PIECE - 3 * PAGE, false);
	char *run = sea_pages_alloc(4 * PIECE - PAGE, 1, SEA_TOUCH_NOW, NULL);
	CHECK(sea_pages_alloc(PAGE, 1, SEA_TOUCH_NOW, NULL));
	fill(run, 4 * PIECE - PAGE);
	sea_pages_free(used);
	CHECK(sea_pages_move(run, 4 * PIECE) == used);
	check(used, 4 * PIECE - PAGE);
	CHECK_EQ(sim.populated, 2 * PIECE - PAGE);
	CHECK_EQ(sea_pages_count_touched(used, used + 4 * PIECE), 4 * PIECE / PAGE);
	CHECK(sea_pages_are_sound());
}

/* A run that moves is populated as far as it is copied, and all of it is touched. */
static void runs_that_move(void)
{
	char *run = sea_pages_alloc(600 * KiB, 1, SEA_TOUCH_NOW, NULL);
	char *behind = sea_pages_alloc(PAGE, 1, SEA_TOUCH_NOW, NULL);
	fill(run, 600 * KiB);
	char *moved = sea_pages_move(run, 900 * KiB);
	CHECK(moved && moved != run && behind);
	check(moved, 600 * KiB);
	CHECK_EQ(sim.populated, 600 * KiB);
	CHECK_EQ(sea_pages_count_touched(moved, moved + 900 * KiB), 225);
	CHECK(sea_pages_are_sound());
}

/* An arena of its own has nothing that could say what is touched. */
static void runs_that_move_to_an_arena(void)
{
	sim_fail(SIM_MOVE, 1, true);
	char *run = sea_pages_alloc(20 * MiB, 1, SEA_TOUCH_NOW, NULL);
	fill(run, 20 * MiB);
	char *moved = sea_pages_move(run, 60 * MiB);
	CHECK(moved && moved != run);
	check(moved, 20 * MiB);
	CHECK_EQ(sim.populated, 20 * MiB);
	CHECK(sea_pages_are_sound());
}

static const struct test_case cases[] = {
	PASSES(as_much_as_the_caller_says),
	PASSES(nothing_for_one_page),
	PASSES(pages_at_both_ends),
	PASSES(runs_that_move),
	PASSES(runs_that_move_to_used_memory),
	PASSES(runs_that_move_to_an_arena),
};

HARNESS_MAIN(cases)
