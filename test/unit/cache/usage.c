/* SPDX-License-Identifier: MIT */
/* usage.c - what follows from what a thread has drawn and sent back */
#include "cache/usage.h"

#include "unit.h"

static struct sea_usage usage;

/* The steps, each with US1 to US3 after it. */
static void check_sound(void) { CHECK(sea_usage_is_sound(&usage)); }

static void draw(size_t bytes)
{
	sea_usage_draw(&usage, bytes);
	check_sound();
}

static void send(size_t bytes)
{
	sea_usage_send(&usage, bytes);
	check_sound();
}

static void sample(size_t cached)
{
	sea_usage_sample(&usage, cached);
	check_sound();
}

static void age(void)
{
	sea_usage_age(&usage);
	check_sound();
}

static void what_is_drawn_is_held(void)
{
	draw(5000);
	draw(3000);
	send(2000);
	CHECK_EQ(sea_usage_net(&usage), 6000);
	CHECK_EQ(usage.peak, 8000);
	CHECK_EQ(usage.drawn, 8000);
	CHECK_EQ(usage.sent, 2000);
}

/* It frees what others allocated. */
static void who_sends_more_than_it_drew_holds_nothing(void)
{
	send(1000);
	CHECK_EQ(sea_usage_net(&usage), 0);
	draw(400);
	CHECK_EQ(sea_usage_net(&usage), 0);
	CHECK_EQ(usage.peak, 0);
	draw(700);
	CHECK_EQ(sea_usage_net(&usage), 100);
}

static void the_budget_follows_the_peak_within_bounds(void)
{
	sea_options.cache = 1000;
	CHECK_EQ(sea_usage_budget(&usage), 1000);
	draw(1001);
	CHECK_EQ(sea_usage_budget(&usage), 1001);
	draw(1000000);
	CHECK_EQ(sea_usage_budget(&usage), 1000 * SEA_BUDGET_THREAD_GROWTH);
}

static void a_peak_fades(void)
{
	draw(8000);
	send(7000);
	for (size_t peak = 4000; peak >= 1000; peak /= 2) {
		age();
		CHECK_EQ(usage.peak, peak);
		CHECK_EQ(usage.drawn, 0);
	}
	age();
	CHECK_EQ(usage.peak, 1000);
}

static void what_is_cached_is_not_live(void)
{
	sea_options.cache = 10;
	draw(8000);
	sample(3000);
	CHECK_EQ(usage.peak_live, 5000);
	CHECK_EQ(sea_usage_may_hold(&usage), 5000 + 5000 / SEA_BUDGET_CACHES_SHARE);
	sample(7000);
	sample(9000); /* read while it moved */
	CHECK_EQ(usage.peak_live, 5000);
	sea_options.cache = 100000;
	CHECK_EQ(sea_usage_may_hold(&usage), 105000);
}

static void a_refill_ends_the_clearing(void)
{
	draw(8 * MiB);
	send(6 * MiB - 1);
	CHECK(!sea_usage_is_clearing(&usage));
	send(1);
	CHECK(sea_usage_is_clearing(&usage));
	draw(16);
	CHECK(!sea_usage_is_clearing(&usage));
}

static void little_is_no_clearing(void)
{
	draw(MiB);
	send(MiB - 1);
	CHECK(!sea_usage_is_clearing(&usage));
	send(1);
	CHECK(sea_usage_is_clearing(&usage));
}

static void an_unsound_usage_is_noticed(void)
{
	draw(8 * MiB);
	send(7 * MiB);
	usage.cleared = 9 * MiB;
	check_sound();
	usage.returned = SEA_CLEARING_BYTES - 1;
	usage.torn_down = 0;
	CHECK(!sea_usage_is_sound(&usage)); /* US2 */
	usage.cleared = 0;
	check_sound();
	usage.torn_down = usage.returned + 1;
	CHECK(!sea_usage_is_sound(&usage)); /* US1 */
	usage.torn_down = 0;
	usage.peak_live = usage.peak + 1;
	CHECK(!sea_usage_is_sound(&usage)); /* US3 */
}

static const struct test_case cases[] = {
	PASSES(what_is_drawn_is_held),
	PASSES(who_sends_more_than_it_drew_holds_nothing),
	PASSES(the_budget_follows_the_peak_within_bounds),
	PASSES(a_peak_fades),
	PASSES(what_is_cached_is_not_live),
	PASSES(a_refill_ends_the_clearing),
	PASSES(little_is_no_clearing),
	PASSES(an_unsound_usage_is_noticed),
};

HARNESS_MAIN(cases)
