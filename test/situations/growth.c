/* SPDX-License-Identifier: MIT */
/* growth.c - a heap that grows to many GiB: the last must not cost more than the first
 *
 * The blocks are hardly touched, so that addresses grow and memory does not.
 */
#include "situation.h"

enum { SIZE = 200000, MAX_GIB = 96, PER_GIB = (int)(1024 * 1024 * 1024 / SIZE) };

static void *blocks[MAX_GIB][PER_GIB];
static double seconds[MAX_GIB];

static double grow_by_a_gib(size_t gib)
{
	double start = situation_cpu();
	for (size_t i = 0; i < PER_GIB; i++)
		CHECK((blocks[gib][i] = malloc(SIZE)) != NULL);
	return situation_cpu() - start;
}

/* The middle of three GiB: what one of them paid for a pause does not count. */
static double middle_of(const double *three)
{
	double a = three[0], b = three[1], c = three[2];
	double low = a < b ? a : b, high = a < b ? b : a;
	return c < low ? low : c > high ? high : c;
}

static void each_gib_costs_the_same(void)
{
	size_t nr_gib = test_pick(24, 24, MAX_GIB);
	for (size_t gib = 0; gib < nr_gib; gib++)
		seconds[gib] = grow_by_a_gib(gib);
	double first = middle_of(seconds), last = middle_of(seconds + nr_gib - 3);
	test_note("ms a GiB: %.1f at first, %.1f at last\n", first * 1e3, last * 1e3);
	CHECK_AT_MOST(last * 1e6, 3 * first * 1e6 + 30000);
	_exit(0); /* to free it all shows nothing */
}

static const struct test_case cases[] = {
	{.name = "each GiB costs the same", .run = each_gib_costs_the_same, .seconds = 180},
};

HARNESS_MAIN(cases)
