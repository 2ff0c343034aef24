/* SPDX-License-Identifier: MIT */
/* usage.c - what follows from what a thread has drawn and sent back */
#include "cache/usage.h"

#include "unit.h"

static struct sea_usage usage;

static void what_is_drawn_is_held(void)
{
	sea_usage_draw(&usage, 5000);
	sea_usage_draw(&usage, 3000);
	sea_usage_send(&usage, 2000);
	CHECK_EQ(sea_usage_net(&usage), 6000);
	CHECK_EQ(usage.peak, 8000);
	CHECK_EQ(usage.drawn, 8000);
	CHECK_EQ(usage.sent, 2000);
}

/* It frees what others allocated. */
static void who_sends_more_than_it_drew_holds_nothing(void)
{
	sea_usage_send(&usage, 1000);
	CHECK_EQ(sea_usage_net(&usage), 0);
	sea_usage_draw(&usage, 400);
	CHECK_EQ(sea_usage_net(&usage), 0);
	CHECK_EQ(usage.peak, 0);
	sea_usage_draw(&usage, 700);
	CHECK_EQ(sea_usage_net(&usage), 100);
}

static void the_budget_follows_the_peak_within_bounds(void)
{
	sea_options.cache = 1000;
	CHECK_EQ(sea_usage_budget(&usage), 1000);
	sea_usage_draw(&usage, 1001);
	CHECK_EQ(sea_usage_budget(&usage), 1001);
	sea_usage_draw(&usage, 1000000);
	CHECK_EQ(sea_usage_budget(&usage), 1000 * SEA_BUDGET_THREAD_GROWTH);
}

static void a_peak_fades(void)
{
	sea_usage_draw(&usage, 8000);
	sea_usage_send(&usage, 7000);
	for (size_t peak = 4000; peak >= 1000; peak /= 2) {
		sea_usage_age(&usage);
		CHECK_EQ(usage.peak, peak);
		CHECK_EQ(usage.drawn, 0);
	}
	sea_usage_age(&usage);
	CHECK_EQ(usage.peak, 1000);
}

static void what_is_cached_is_not_live(void)
{
	sea_options.cache = 10;
	sea_usage_draw(&usage, 8000);
	sea_usage_sample(&usage, 3000);
	CHECK_EQ(usage.peak_live, 5000);
	CHECK_EQ(sea_usage_may_hold(&usage), 5000 + 5000 / SEA_CACHED_SHARE);
	sea_usage_sample(&usage, 7000);
	sea_usage_sample(&usage, 9000); /* read while it moved */
	CHECK_EQ(usage.peak_live, 5000);
	sea_options.cache = 100000;
	CHECK_EQ(sea_usage_may_hold(&usage), 105000);
}

static void a_refill_ends_the_clearing(void)
{
	sea_usage_draw(&usage, 8 * MiB);
	sea_usage_send(&usage, 6 * MiB - 1);
	CHECK(!sea_usage_is_clearing(&usage));
	sea_usage_send(&usage, 1);
	CHECK(sea_usage_is_clearing(&usage));
	sea_usage_draw(&usage, 16);
	CHECK(!sea_usage_is_clearing(&usage));
}

static void little_is_no_clearing(void)
{
	sea_usage_draw(&usage, MiB);
	sea_usage_send(&usage, MiB - 1);
	CHECK(!sea_usage_is_clearing(&usage));
	sea_usage_send(&usage, 1);
	CHECK(sea_usage_is_clearing(&usage));
}

static const struct test_case cases[] = {
	PASSES(what_is_drawn_is_held),
	PASSES(who_sends_more_than_it_drew_holds_nothing),
	PASSES(the_budget_follows_the_peak_within_bounds),
	PASSES(a_peak_fades),
	PASSES(what_is_cached_is_not_live),
	PASSES(a_refill_ends_the_clearing),
	PASSES(little_is_no_clearing),
};

HARNESS_MAIN(cases)
