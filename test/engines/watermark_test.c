/* SPDX-License-Identifier: MIT */
/* watermark_test.c - blocks lie one behind the other, and stay */
#include "engines/engine.h"
#include "engines/textbook/blocks.h"
#include "seamalloc.h"
#include "unit.h"

/* A block that nobody needs. */
static void take(size_t size) { CHECK(opaque(sea_malloc(size)) != NULL); }

static void blocks_follow_each_other(void)
{
	char *before = sea_malloc(1);
	for (size_t size = 0; size < 5000; size += 7) {
		size_t usable = sea_malloc_usable_size(before), nr_runs = sea_small.nr_runs;
		char *block = sea_malloc(size);
		CHECK_EQ(block == before + usable + 16, nr_runs == sea_small.nr_runs);
		CHECK_EQ(sea_malloc_usable_size(block), sea_small_size(size));
		before = block;
	}
	CHECK(sea_small.nr_runs > 1);
	CHECK(sea_engine_is_sound());
}

static void freed_blocks_stay(void)
{
	unsigned char *block = sea_malloc(100);
	test_fill(block, 100, 1);
	sea_free(block);
	CHECK(sea_malloc(100) != block);
	CHECK(test_is_filled(block, 100, 1));
	sea_free(block);
	CHECK_EQ(sea_malloc_trim(0), 0);
	CHECK_EQ(sim.purged, 0);
}

static void the_last_block_changes_in_place(void)
{
	take(10);
	unsigned char *block = sea_malloc(100);
	test_fill(block, 100, 1);
	for (size_t size = 100; size < SEA_SMALL_MAX; size = size * 2 + 9) {
		CHECK(sea_realloc(block, size) == block);
		CHECK(sea_expand(block, size + 100));
		CHECK_EQ(sea_malloc_usable_size(block), sea_small_size(size + 100));
	}
	CHECK(sea_realloc(block, 100) == block);
	CHECK_EQ(sea_malloc_usable_size(block), 112);
	CHECK(test_is_filled(block, 100, 1));
	/* The watermark has come down.  Opaque: a compiler may take it that a new block
	 * is at no known place. */
	CHECK(opaque(sea_malloc(10)) == block + 112 + 16);
	CHECK(sea_engine_is_sound());
}

static void other_blocks_are_copied(void)
{
	unsigned char *block = sea_malloc(100);
	take(10);
	test_fill(block, 100, 1);
	CHECK(!sea_expand(block, 113));
	CHECK(sea_realloc(block, 50) == block);
	CHECK_EQ(sea_malloc_usable_size(block), 112);
	unsigned char *moved = sea_realloc(block, 200);
	CHECK(moved != block && test_is_filled(moved, 100, 1));
	CHECK(test_is_filled(block, 100, 1));
	CHECK(sea_engine_is_sound());
}

/* The last block of a run that was left can still have the rest of it. */
static void the_last_block_of_an_old_run(void)
{
	char *block = sea_malloc(200 * KiB);
	size_t nr_runs = sea_small.nr_runs;
	while (sea_small.nr_runs == nr_runs) {
		char *next = sea_malloc(200 * KiB);
		if (sea_small.nr_runs == nr_runs)
			block = next;
	}
	CHECK(sea_expand(block, 210 * KiB));
	CHECK(sea_realloc(block, 10) == block);
	CHECK_EQ(sea_malloc_usable_size(block), 16);
	CHECK(sea_engine_is_sound());
}

static void what_comes_again_is_zeroed(void)
{
	unsigned char *block = sea_malloc(100000);
	memset(block, 1, 100000);
	CHECK(sea_realloc(block, 1000) == block);
	unsigned char *next = sea_calloc(1, 50000);
	CHECK(next == block + 1008 + 16 && test_is_zero(next, 50000));
	next = sea_calloc(1, 100000); /* half of it was never used */
	CHECK(test_is_zero(next, 100000));
	CHECK(sea_engine_is_sound());
}

static void alignment_leaves_gaps(void)
{
	for (size_t align = 32; align <= 64 * KiB; align *= 2)
		for (size_t i = 0; i < 4; i++) {
			char *block = sea_memalign(align, 16 * i);
			CHECK_EQ((uintptr_t)block % align, 0);
			CHECK(sea_engine_is_sound());
			take(16);
		}
}

static void a_large_block_grows_where_it_is(void)
{
	unsigned char *block = sea_malloc(MiB);
	test_fill(block, MiB, 1);
	unsigned char *grown = sea_realloc(block, 2 * MiB);
	CHECK(test_is_filled(grown, MiB, 1));
	if (grown != block) /* copied: the old one stays */
		CHECK(test_is_filled(block, MiB, 1));
	CHECK(sea_engine_is_sound());
}

static const struct test_case cases[] = {
	PASSES(blocks_follow_each_other),
	PASSES(freed_blocks_stay),
	PASSES(the_last_block_changes_in_place),
	PASSES(other_blocks_are_copied),
	PASSES(the_last_block_of_an_old_run),
	PASSES(what_comes_again_is_zeroed),
	PASSES(alignment_leaves_gaps),
	PASSES(a_large_block_grows_where_it_is),
};

HARNESS_MAIN(cases)
