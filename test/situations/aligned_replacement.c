/* SPDX-License-Identifier: MIT */
/* aligned_replacement.c - aligned blocks of which half are replaced in bulk, again and again
 *
 * A random half goes, and as many come.  What was freed serves what comes: the heap stays at
 * 1.6 times what is live, all else of the process included.
 */
#include "situation.h"

enum { MAX_BLOCKS = 200000, NR_ROUNDS = 8 };

static void *blocks[MAX_BLOCKS];

static void take(size_t i, size_t align, size_t size)
{
	CHECK_EQ(posix_memalign(&blocks[i], align, size), 0);
	memset(blocks[i], 1, size);
}

static void replace_half(uint64_t *random, size_t align, size_t size, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (situation_below(random, 2) == 0) {
			free(blocks[i]);
			blocks[i] = NULL;
		}
	for (size_t i = 0; i < count; i++)
		if (blocks[i] == NULL)
			take(i, align, size);
}

static void stays_small(size_t align, size_t size, size_t count)
{
	uint64_t random = test_seed();
	size_t live = count * size;
	for (size_t i = 0; i < count; i++)
		take(i, align, size);
	for (size_t round = 0; round < NR_ROUNDS; round++)
		replace_half(&random, align, size, count);
	test_note("%.2f times what is live\n", (double)test_rss() / (double)live);
	CHECK_AT_MOST(test_rss(), live + live * 6 / 10);
}

static void lines(void) { stays_small(64, 64, 200000); }
static void three_lines(void) { stays_small(64, 192, 100000); }
static void ten_lines(void) { stays_small(128, 640, 40000); }
static void pages(void) { stays_small(4096, 4096, 10000); }
static void more_than_pages(void) { stays_small(4096, 9000, 10000); }

/* glibc keeps two to three times what is live, so it is not asked. */
static const struct test_case cases[] = {
	{.name = "64 bytes at 64", .run = lines, .engines = SEAM, .seconds = 60},
	{.name = "192 bytes at 64", .run = three_lines, .engines = SEAM, .seconds = 60},
	{.name = "640 bytes at 128", .run = ten_lines, .engines = SEAM, .seconds = 60},
	{.name = "4,096 bytes at 4,096", .run = pages, .engines = SEAM, .seconds = 60},
	{.name = "9,000 bytes at 4,096", .run = more_than_pages, .engines = SEAM, .seconds = 60},
};

HARNESS_MAIN(cases)
