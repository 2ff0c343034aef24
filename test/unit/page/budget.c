/* SPDX-License-Identifier: MIT */
/* budget.c - what may stay, asked by each reserve on a clock of ours */
#include "page/budget.h"

#include "page/page_alloc.h"
#include "unit.h"

static void the_base_is_4_mib_or_a_16th(void)
{
	CHECK_EQ(sea_budget_watermarks().high, 4 * MiB);
	CHECK_EQ(sea_budget_watermarks().low, 2 * MiB);
	void *run = sea_pages_alloc(160 * MiB, 1, SEA_TOUCH_NOW, NULL);
	CHECK_EQ(sea_budget_watermarks().in_use, 160 * MiB);
	CHECK_EQ(sea_budget_watermarks().high, 10 * MiB);
	CHECK_EQ(sea_budget_watermarks().low, 5 * MiB);
	sea_pages_free(run);
	CHECK_EQ(sea_budget_watermarks().high, 4 * MiB);
}

static void the_options_say_more(void)
{
	sea_options.dirty_max = 32 * MiB;
	CHECK_EQ(sea_budget_watermarks().high, 32 * MiB);
	sea_options.dirty_max = 0;
	CHECK_EQ(sea_budget_watermarks().high, 0);
	CHECK(!sea_budget_may_park(4096));
}

/* So much is allocated, used and freed in turn, each in 10 ms. */
static void swing(size_t bytes, int nr)
{
	while (nr-- > 0) {
		void *run[8];
		for (int i = 0; i < 8; i++)
			run[i] = sea_pages_alloc(bytes / 8, 1, SEA_TOUCH_NOW, NULL);
		sim.now_ms += 10;
		for (int i = 0; i < 8; i++)
			sea_pages_free(run[i]);
		sim.now_ms += 10;
	}
}

/* The promise of budget.h: 10 s after the last work all but the base goes, once somebody asks. */
static void an_idle_process_keeps_the_base(void)
{
	sim.now_ms = 5000;
	swing(64 * MiB, 50);
	CHECK(sea_pages_dirty() > 16 * MiB); /* a program that swings keeps what it will use */
	sim.now_ms += 10000;
	CHECK_AT_MOST(sea_budget_watermarks().high, 4 * MiB + 64 * KiB);
	for (int i = 0; i < 100; i++)
		sea_pages_purge_some(sea_budget_watermarks(), 1);
	CHECK_AT_MOST(sea_pages_dirty(), 4 * MiB + 64 * KiB);
	CHECK(sea_pages_are_sound());
}

/* A program that goes on soon keeps it. */
static void a_short_pause_costs_little(void)
{
	sim.now_ms = 5000;
	swing(64 * MiB, 50);
	size_t high = sea_budget_watermarks().high;
	sim.now_ms += 400;
	CHECK(sea_budget_watermarks().high >= high / 2);
}

static void bins_share_a_limit(void)
{
	CHECK_EQ(sea_budget_cache_room(), 64 * MiB);
	sea_budget_note_cached(60 * MiB);
	CHECK_EQ(sea_budget_cache_room(), 4 * MiB);
	sea_budget_note_cached(60 * MiB);
	CHECK_EQ(sea_budget_cache_room(), 0);
	sea_budget_note_cached(-(intptr_t)(120 * MiB));
	CHECK_EQ(sea_budget_cache_room(), 64 * MiB);
	void *run = sea_pages_alloc(400 * MiB, 1, SEA_TOUCH_NOW, NULL);
	CHECK_EQ(sea_budget_cache_room(), 100 * MiB);
	sea_pages_free(run);
}

static void a_thread_may_hold_what_it_held(void)
{
	CHECK_EQ(sea_budget_of_thread(0), MiB);
	CHECK_EQ(sea_budget_of_thread(5 * MiB), 5 * MiB);
	CHECK_EQ(sea_budget_of_thread(500 * MiB), 8 * MiB);
}

static void a_few_threads_leave_their_bins(void)
{
	CHECK(sea_budget_may_leave(MiB, 0, 4));
	CHECK(sea_budget_may_leave(MiB, 3, 4));
	CHECK(!sea_budget_may_leave(MiB, 4, 4));
	CHECK(!sea_budget_may_leave(MiB + 1, 0, 4));
	CHECK(!sea_budget_may_leave(0, 16, 256));
}

static void hollow_pages_are_a_20th(void)
{
	CHECK(!sea_budget_may_hollow(0, 2 * MiB, 40 * MiB - 1));
	CHECK(sea_budget_may_hollow(0, 2 * MiB, 40 * MiB));
	CHECK(!sea_budget_may_hollow(2 * MiB, 2 * MiB, 40 * MiB));
}

static const struct test_case cases[] = {
	PASSES(the_base_is_4_mib_or_a_16th), PASSES(the_options_say_more), PASSES(an_idle_process_keeps_the_base),
	PASSES(a_short_pause_costs_little), PASSES(bins_share_a_limit), PASSES(a_thread_may_hold_what_it_held),
	PASSES(a_few_threads_leave_their_bins), PASSES(hollow_pages_are_a_20th),
};

HARNESS_MAIN(cases)
