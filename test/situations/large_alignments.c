/* SPDX-License-Identifier: MIT */
/* large_alignments.c - many small blocks, each at an alignment of some MiB
 *
 * The addresses between them are needed for nothing, and there are 128 TiB of them.  The
 * kernel allows 65,530 mappings: with one or two for each block, malloc would fail, and so
 * would everything else that maps memory.
 */
#include "situation.h"

#include <pthread.h>

enum { SIZE = 4096, MAX_BLOCKS = 60000, MAX_MAPPINGS = 10000 };

static void *blocks[MAX_BLOCKS];

static void *do_nothing(void *argument)
{
	return argument;
}

/* Everything else that needs addresses still gets them. */
static void check_the_rest_works(void)
{
	static const size_t sizes[] = {100, 100000, 1000000, 50 * 1024 * 1024};
	pthread_t thread;
	for (size_t i = 0; i < 4; i++)
		free(situation_block(sizes[i]));
	CHECK_EQ(pthread_create(&thread, NULL, do_nothing, NULL), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
}

static void align_many(size_t align, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		CHECK_EQ(posix_memalign(&blocks[i], align, SIZE), 0);
		CHECK_EQ((uintptr_t)blocks[i] % align, 0);
		test_fill(blocks[i], 64, i);
	}
	CHECK_AT_MOST(test_nr_mappings(), MAX_MAPPINGS);
	check_the_rest_works();
	for (size_t i = 0; i < count; i++) {
		CHECK(test_is_filled(blocks[i], 64, i));
		free(blocks[i]);
	}
}

static void two_mib(void) { align_many(2 * MiB, test_pick(36000, MAX_BLOCKS, MAX_BLOCKS)); }
static void sixteen_mib(void) { align_many(16 * MiB, test_pick(1000, 20000, 60000)); }
static void one_gib(void) { align_many(1 * GiB, test_pick(500, 1000, 10000)); }

static void smaller(void)
{
	for (size_t align = 16 * KiB; align <= 1 * MiB; align *= 4)
		align_many(align, test_pick(1000, 20000, MAX_BLOCKS));
}

static const struct test_case cases[] = {
	{.name = "at 2 MiB", .run = two_mib, .seconds = 120},
	{.name = "at 16 MiB", .run = sixteen_mib, .seconds = 120},
	{.name = "at 1 GiB", .run = one_gib, .seconds = 120},
	{.name = "at 16 KiB to 1 MiB", .run = smaller, .seconds = 120},
};

HARNESS_MAIN(cases)
