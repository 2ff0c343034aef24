/* SPDX-License-Identifier: MIT */
/* ledger.c - what follows from what a thread has drawn and sent back */
#include "cache/ledger.h"

#include "unit.h"

static struct sea_ledger ledger;

static void what_is_drawn_is_held(void)
{
	sea_ledger_draw(&ledger, 5000);
	sea_ledger_draw(&ledger, 3000);
	sea_ledger_send(&ledger, 2000);
	CHECK_EQ(sea_ledger_net(&ledger), 6000);
	CHECK_EQ(ledger.peak, 8000);
	CHECK_EQ(ledger.drawn, 8000);
	CHECK_EQ(ledger.sent, 2000);
}

/* It frees what others allocated. */
static void who_sends_more_than_it_drew_holds_nothing(void)
{
	sea_ledger_send(&ledger, 1000);
	CHECK_EQ(sea_ledger_net(&ledger), 0);
	sea_ledger_draw(&ledger, 400);
	CHECK_EQ(sea_ledger_net(&ledger), 0);
	CHECK_EQ(ledger.peak, 0);
	sea_ledger_draw(&ledger, 700);
	CHECK_EQ(sea_ledger_net(&ledger), 100);
}

static void the_budget_follows_the_peak_within_bounds(void)
{
	sea_options.cache = 1000;
	CHECK_EQ(sea_ledger_budget(&ledger), 1000);
	sea_ledger_draw(&ledger, 1001);
	CHECK_EQ(sea_ledger_budget(&ledger), 1001);
	sea_ledger_draw(&ledger, 1000000);
	CHECK_EQ(sea_ledger_budget(&ledger), 1000 * SEA_BUDGET_GROWTH);
}

static void a_peak_fades(void)
{
	sea_ledger_draw(&ledger, 8000);
	sea_ledger_send(&ledger, 7000);
	for (size_t peak = 4000; peak >= 1000; peak /= 2) {
		sea_ledger_age(&ledger);
		CHECK_EQ(ledger.peak, peak);
		CHECK_EQ(ledger.drawn, 0);
	}
	sea_ledger_age(&ledger);
	CHECK_EQ(ledger.peak, 1000);
}

static void what_is_cached_is_not_live(void)
{
	sea_options.cache = 10;
	sea_ledger_draw(&ledger, 8000);
	sea_ledger_sample(&ledger, 3000);
	CHECK_EQ(ledger.peak_live, 5000);
	CHECK_EQ(sea_ledger_may_hold(&ledger), 5000 + 5000 / SEA_CACHED_SHARE);
	sea_ledger_sample(&ledger, 7000);
	sea_ledger_sample(&ledger, 9000); /* read while it moved */
	CHECK_EQ(ledger.peak_live, 5000);
	sea_options.cache = 100000;
	CHECK_EQ(sea_ledger_may_hold(&ledger), 105000);
}

static void a_refill_ends_the_clearing(void)
{
	sea_ledger_draw(&ledger, 8 * MiB);
	sea_ledger_send(&ledger, 6 * MiB - 1);
	CHECK(!sea_ledger_is_clearing(&ledger));
	sea_ledger_send(&ledger, 1);
	CHECK(sea_ledger_is_clearing(&ledger));
	sea_ledger_draw(&ledger, 16);
	CHECK(!sea_ledger_is_clearing(&ledger));
}

static void little_is_no_clearing(void)
{
	sea_ledger_draw(&ledger, MiB);
	sea_ledger_send(&ledger, MiB - 1);
	CHECK(!sea_ledger_is_clearing(&ledger));
	sea_ledger_send(&ledger, 1);
	CHECK(sea_ledger_is_clearing(&ledger));
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
