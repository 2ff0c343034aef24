/* SPDX-License-Identifier: MIT */
/* locked.c - a real-time program: mlockall(), then buffers of 0.3 to 2 MB that come and go */
#include "situation.h"

#include <sys/mman.h>

enum { NR_BUFFERS = 64, NR_PAIRS = 20000, TRIES = 2 };

/* Microseconds of CPU time for a free and a malloc. */
static double cost_of_a_pair(void)
{
	static char *buffers[NR_BUFFERS];
	uint64_t random = 88172645463325252u;
	for (size_t i = 0; i < NR_BUFFERS; i++) {
		buffers[i] = malloc(MiB);
		memset(buffers[i], 1, MiB);
	}
	for (size_t i = 0; i < NR_BUFFERS; i += 2) {
		free(buffers[i]);
		buffers[i] = NULL;
	}
	double start = situation_cpu();
	for (size_t pair = 0; pair < NR_PAIRS; pair++) {
		size_t i = situation_below(&random, NR_BUFFERS);
		free(buffers[i]);
		buffers[i] = situation_block(300000 + situation_below(&random, 1700000));
	}
	return (situation_cpu() - start) * 1e6 / NR_PAIRS;
}

static double lock_and_measure(int flags)
{
	if (mlockall(flags) != 0)
		test_skip("mlockall is not permitted");
	return cost_of_a_pair();
}

static double on_fault(void) { return lock_and_measure(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT); }

static void nothing_goes_back(void)
{
	double usual = situation_least(cost_of_a_pair, TRIES), locked = situation_least(on_fault, TRIES);
	test_note("microseconds a pair: %.2f as usual, %.2f when locked\n", usual, locked);
	CHECK_AT_MOST(locked * 1e3, (2.5 * usual + 1) * 1e3);
}

static const struct test_case cases[] = {
	{.name = "a pair does not pay for what cannot go back", .run = nothing_goes_back, .seconds = 120},
};

HARNESS_MAIN(cases)
