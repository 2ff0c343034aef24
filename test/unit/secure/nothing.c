/* SPDX-License-Identifier: MIT */
/* nothing.c - blocks of no bytes */
#include "secure/nothing.h"

#include "unit.h"

static void come_and_go(void)
{
	char *first = sea_nothing_alloc(), *second = sea_nothing_alloc();
	CHECK(first && second && first != second && (uintptr_t)first % 16 == 0);
	CHECK_EQ(sea_nothing_at(first), SEA_NOTHING_LIVE);
	CHECK_EQ(sea_nothing_at(first + 1), SEA_NOTHING_INSIDE);
	CHECK_EQ(sea_nothing_at(&first), SEA_NOTHING_ELSEWHERE);
	CHECK(sea_nothing_free(first));
	CHECK_EQ(sea_nothing_at(first), SEA_NOTHING_FREE);
	CHECK(!sea_nothing_free(first));
	CHECK(sea_nothing_is_sound());
}

/* Nothing comes again before the range was walked through: 65536 addresses, 8 apart on average. */
static void come_again_late(void)
{
	void *first = sea_nothing_alloc();
	sea_nothing_free(first);
	for (int i = 0; i < 4000; i++) {
		void *other = sea_nothing_alloc();
		CHECK(other != first);
		sea_nothing_free(other);
	}
}

static void run_out(void)
{
	size_t nr = 0;
	while (sea_nothing_alloc())
		nr++;
	CHECK(nr > 65000 && nr <= 65536);
	CHECK(sea_nothing_is_sound());
}

#if !defined(__SANITIZE_ADDRESS__)
static void touched(void) { *(volatile char *)sea_nothing_alloc() = 1; }
#endif

static void no_memory(void)
{
	sim_fail(SIM_ANY, 1, true);
	CHECK(!sea_nothing_alloc());
	CHECK(sea_nothing_is_sound());
}

static const struct test_case cases[] = {
	PASSES(come_and_go),
	PASSES(come_again_late),
	PASSES(run_out),
	PASSES(no_memory),
#if !defined(__SANITIZE_ADDRESS__)
	{.name = "touched", .run = touched, .signal = SIGSEGV},
#endif
};

HARNESS_MAIN(cases)
