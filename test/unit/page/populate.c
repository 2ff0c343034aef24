/* SPDX-License-Identifier: MIT */
/* populate.c - how many pages get memory by one call */
#include "page/populate.h"

#include <string.h>

#include "base/bits.h"
#include "map/map.h"
#include "page/arena.h"
#include "page/budget.h"
#include "page/page_alloc.h"
#include "unit.h"

#define PAGE 4096
#define MOST (64 * 1024)

static size_t written;

/* A zone's run whose first bytes were written to. */
static char *make_zone(size_t bytes)
{
	char *zone = sea_pages_alloc(MiB, MiB, SEA_TOUCH_LATER, NULL);
	CHECK(zone);
	if (bytes)
		sea_pages_touch(zone, zone + bytes, true);
	written += bytes;
	return zone;
}

static void write_zones(size_t nr)
{
	while (nr-- > 0)
		make_zone(MiB);
}

/* Takes chunks at `at`, as a refill does; the descriptor of the hole behind them is written to. */
static size_t take(char *at, size_t bytes, size_t most)
{
	size_t before = sim.populated;
	CHECK_AT_MOST(1, sea_pages_touch(at, at + bytes + 48, true));
	written += sea_round_up(bytes + 48, PAGE);
	sea_pages_populate(at, at + bytes, most);
	return sim.populated - before;
}

/* --- what a class has drawn ----------------------------------------------------------------- */

static void nothing_for_little(void)
{
	char *zone = make_zone(0);
	CHECK_EQ(take(zone, 8 * PAGE, 0), 0);
	CHECK_EQ(take(zone + 8 * PAGE, 8 * PAGE, 2 * PAGE - 1), 0);
	CHECK_EQ(sea_arena_hollow(), 0);
}

static void as_much_as_the_caller_says(void)
{
	char *zone = make_zone(0);
	CHECK_EQ(take(zone, 8 * PAGE, 2 * PAGE), 2 * PAGE);
	CHECK_EQ(take(zone + 8 * PAGE, 8 * PAGE, 5 * PAGE + 100), 5 * PAGE);
	CHECK_EQ(take(zone + 16 * PAGE, 64 * PAGE, MiB), MOST);
	CHECK_EQ(sea_arena_hollow(), 0);
}

static void chunks_in_one_page(void)
{
	write_zones(1);
	char *zone = make_zone(0);
	CHECK_EQ(take(zone, 100, MiB), 3 * PAGE); /* two ahead: 1 % of a MiB */
	CHECK_EQ(sea_arena_hollow(), 2 * PAGE);
}

/* A large process populates for each class, however little that has drawn. */
static void as_much_as_the_process_deserves(void)
{
	write_zones(16);
	char *zone = make_zone(0);
	CHECK_EQ(take(zone, 8 * PAGE, 0), 2 * PAGE);
	write_zones(16);
	CHECK_EQ(take(zone + 8 * PAGE, 8 * PAGE, 0), 4 * PAGE);
	CHECK_EQ(sea_arena_hollow(), 0);
}

/* --- ahead ----------------------------------------------------------------------------------- */

static void pages_ahead_are_hollow(void)
{
	write_zones(32);
	char *zone = make_zone(0);
	CHECK_EQ(take(zone, 4 * PAGE, MOST), MOST);
	CHECK_EQ(sea_arena_hollow(), 11 * PAGE); /* the fifth has the descriptor */
	CHECK_EQ(sea_pages_count_touched(zone, zone + MiB), 5);
	CHECK_EQ(sea_pages_count_held(zone, zone + MiB), 16);
	size_t before = sim.populated;
	CHECK_EQ(sea_pages_touch(zone + 5 * PAGE, zone + 9 * PAGE, true), 0);
	CHECK_EQ(sea_arena_hollow(), 7 * PAGE);
	CHECK_EQ(sim.populated, before);
	CHECK(sea_pages_are_sound());
}

static void pages_ahead_have_a_bound(void)
{
	write_zones(10);
	for (size_t i = 0; i < 20; i++) {
		take(make_zone(0), PAGE, MOST);
		CHECK_AT_MOST(sea_arena_hollow(), written / SEA_BUDGET_AHEAD_SHARE);
	}
	CHECK_AT_MOST(90 * KiB, sea_arena_hollow());
	CHECK(sea_pages_are_sound());
}

/* Neither pages that somebody has touched, nor those of another zone. */
static void only_what_nobody_has_touched(void)
{
	write_zones(32);
	char *zone = make_zone(0);
	sea_pages_touch(zone + 8 * PAGE, zone + 9 * PAGE, true);
	CHECK_EQ(take(zone, 4 * PAGE, MOST), 8 * PAGE);
	CHECK_EQ(take(zone + MiB - 4 * PAGE, 4 * PAGE - 100, MOST), 4 * PAGE);
	CHECK_EQ(sea_arena_hollow(), 3 * PAGE);
}

static void pages_ahead_are_purged(void)
{
	write_zones(32);
	char *zone = make_zone(0);
	take(zone, 4 * PAGE, MOST);
	sea_pages_free(zone);
	sea_pages_purge_free(0);
	CHECK_EQ(sea_arena_hollow(), 0);
	CHECK(sea_pages_are_sound());
}

/* --- copies ----------------------------------------------------------------------------------- */

static void fill(char *at, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		at[i] = (char)(i * 7 + i / 4096);
}

static void copies_to_new_memory(void)
{
	size_t size = MiB + 3 * PAGE + 100;
	char *from = sea_pages_alloc(size, 1, SEA_TOUCH_NOW, NULL);
	char *to = sea_pages_alloc(size, 1, SEA_TOUCH_LATER, NULL);
	fill(from, size);
	sea_pages_fill(to, from, size);
	CHECK_EQ(memcmp(to, from, size), 0);
	CHECK_EQ(sim.populated, MiB + 4 * PAGE);
}

/* A piece of 64 KiB that has memory but for one page is not populated. */
static void copies_to_used_memory(void)
{
	size_t size = 4 * MOST;
	char *from = sea_pages_alloc(size, 1, SEA_TOUCH_NOW, NULL);
	char *to = sea_pages_alloc(size, 1, SEA_TOUCH_LATER, NULL);
	fill(from, size);
	sea_pages_touch(to, to + 2 * MOST - PAGE, false);
	sea_pages_touch(to + 3 * MOST, to + 3 * MOST + 14 * PAGE, false);
	sea_pages_fill(to, from, size);
	CHECK_EQ(memcmp(to, from, size), 0);
	CHECK_EQ(sim.populated, 2 * MOST);
}

/* A run that moves is populated, and is touched then. */
static void runs_that_move(void)
{
	char *run = sea_pages_alloc(600 * KiB, 1, SEA_TOUCH_NOW, NULL);
	char *behind = sea_pages_alloc(PAGE, 1, SEA_TOUCH_NOW, NULL);
	fill(run, 600 * KiB);
	char *moved = sea_pages_move(run, 900 * KiB);
	CHECK(moved && moved != run && behind);
	CHECK_EQ(sim.populated, 600 * KiB);
	CHECK_EQ(sea_pages_count_touched(moved, moved + 900 * KiB), 225);
	CHECK(sea_pages_are_sound());
}

static const struct test_case cases[] = {
	PASSES(nothing_for_little),
	PASSES(as_much_as_the_caller_says),
	PASSES(chunks_in_one_page),
	PASSES(as_much_as_the_process_deserves),
	PASSES(pages_ahead_are_hollow),
	PASSES(pages_ahead_have_a_bound),
	PASSES(only_what_nobody_has_touched),
	PASSES(pages_ahead_are_purged),
	PASSES(copies_to_new_memory),
	PASSES(copies_to_used_memory),
	PASSES(runs_that_move),
};

HARNESS_MAIN(cases)
