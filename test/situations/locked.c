/* SPDX-License-Identifier: MIT */
/* locked.c - programs that lock memory
 *
 * A real-time program calls mlockall(); buffers of 0.3 to 2 MB come and go.  Another one locks parts
 * of what it has, and frees most of all.
 */
#include "situation.h"

#include <malloc.h>

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

/* --- locked parts between others ------------------------------------------------------------- */

enum { NR_BLOCKS = 30000, SIZE = 3000, PART = 1 << 20, MOST_PARTS = 400, PAGE = 4096 };

static char *parts[MOST_PARTS];
static size_t nr_parts;

/* The index of the part of 1 MiB in which the block lies. */
static size_t part_of(char *block)
{
	char *base = (char *)((uintptr_t)block & ~(uintptr_t)(PART - 1));
	size_t i = nr_parts;
	while (i > 0 && parts[i - 1] != base)
		i--;
	if (i > 0)
		return i - 1;
	CHECK(nr_parts < MOST_PARTS);
	parts[nr_parts] = base;
	return nr_parts++;
}

/* 0 if a part is not mapped as a whole: it has guarded blocks. */
static size_t resident_pages(char *part)
{
	unsigned char page[PART / PAGE];
	size_t nr = 0;
	if (mincore(part, PART, page) != 0)
		return 0;
	for (size_t i = 0; i < PART / PAGE; i++)
		nr += page[i] & 1;
	return nr;
}

/* Every other part is locked.  The first blocks of each part stay; in a part that is not locked the
 * last ones, too, so that its row of free pages is the shorter one. */
static void locked_parts_hide_no_others(void)
{
	static char *blocks[NR_BLOCKS];
	for (size_t i = 0; i < NR_BLOCKS; i++) {
		blocks[i] = situation_block(SIZE);
		part_of(blocks[i]);
	}
	for (size_t i = 0; i < nr_parts; i += 2)
		if (mlock(parts[i] + 2 * PAGE, PART - 4 * PAGE) != 0)
			test_skip("this process may not lock so much");
	for (size_t i = 0; i < NR_BLOCKS; i++) {
		size_t part = part_of(blocks[i]), at = (size_t)(blocks[i] - parts[part]);
		if (at > 4 * SIZE && at < (part % 2 ? 900000 : 1000000))
			free(blocks[i]);
	}
	for (size_t i = 0; i < 3; i++)
		malloc_trim(0);
	size_t nr_full = 0;
	for (size_t i = 1; i < nr_parts; i += 2)
		nr_full += resident_pages(parts[i]) > PART / PAGE / 2;
	CHECK_AT_MOST(nr_full, nr_parts / 2 / 8);
}

static const struct test_case cases[] = {
	{.name = "a pair does not pay for what cannot go back", .run = nothing_goes_back, .seconds = 120},
	{.name = "locked parts hide no others", .run = locked_parts_hide_no_others, .seconds = 60},
};

HARNESS_MAIN(cases)
