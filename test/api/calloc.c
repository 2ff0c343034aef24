/* SPDX-License-Identifier: MIT */
/* calloc.c - zero, whatever the memory held before */
#include "../harness.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

static const size_t sizes[] = {1,	  8,	     16,	24,	   40,	      100,     500,	 896,
			       912,	  1024,	     2000,	4096,	   8000,      20000,   65536,	 100000,
			       200000,	  256 * KiB, 300 * KiB, 1 * MiB,   5 * MiB,   32 * MiB, 64 * MiB};
enum { NR_SIZES = sizeof(sizes) / sizeof(sizes[0]), MAX_BLOCKS = 2000 };

static unsigned char *blocks[MAX_BLOCKS];

/* As many blocks of a size as make 8 MiB, within bounds. */
static size_t count_of(size_t size)
{
	size_t count = 8 * MiB / size;
	return count < 2 ? 2 : count > MAX_BLOCKS ? MAX_BLOCKS : count;
}

static size_t nr_sizes(void)
{
	return test_engine() == WATERMARK ? NR_SIZES - 2 : NR_SIZES;
}

/* Dirty blocks of one size, freed in an order that the stride makes. */
static void soil(size_t size, size_t stride)
{
	size_t count = count_of(size);
	for (size_t i = 0; i < count; i++) {
		blocks[i] = malloc(size);
		CHECK(blocks[i] != NULL);
		memset(blocks[i], 0xff, malloc_usable_size(blocks[i]));
	}
	for (size_t start = 0; start < stride; start++)
		for (size_t i = start; i < count; i += stride)
			free(blocks[i]);
}

static void check_clean(size_t nr_members, size_t size)
{
	size_t count = count_of(nr_members * size);
	for (size_t i = 0; i < count; i++) {
		blocks[i] = calloc(nr_members, size);
		CHECK(blocks[i] != NULL);
		if (!test_is_zero(blocks[i], nr_members * size))
			test_fail(__FILE__, __LINE__, "calloc of %zu bytes reads as zero", nr_members * size);
		memset(blocks[i], 0xfe, nr_members * size);
	}
	for (size_t i = 0; i < count; i++)
		free(blocks[i]);
}

static void same_size(void)
{
	for (size_t i = 0; i < nr_sizes(); i++)
		for (size_t stride = 1; stride <= 3; stride++) {
			soil(sizes[i], stride);
			check_clean(1, sizes[i]);
		}
}

static void other_size(void)
{
	for (size_t i = 0; i < nr_sizes(); i++) {
		size_t other = sizes[(i * 5 + 7) % nr_sizes()];
		soil(sizes[i], 2);
		check_clean(1, other);
		soil(other, 1);
		check_clean(1, sizes[i]);
	}
}

static void after_trim(void)
{
	for (size_t i = 0; i < nr_sizes(); i++) {
		soil(sizes[i], 2);
		malloc_trim(i % 2 == 0 ? 0 : 4 * MiB);
		check_clean(1, sizes[i]);
	}
}

static void products(void)
{
	soil(24000, 1);
	for (size_t nr_members = 1; nr_members < 200; nr_members += 7)
		for (size_t size = 1; size < 400; size += 13) {
			unsigned char *block = calloc(nr_members, size);
			CHECK(block != NULL);
			CHECK(malloc_usable_size(block) >= nr_members * size);
			CHECK(test_is_zero(block, nr_members * size));
			memset(block, 0xff, nr_members * size);
			free(block);
		}
}

/* An untouched block of 4 GiB must not cost 4 GiB of memory. */
static void large_and_untouched(void)
{
	size_t before = test_rss();
	unsigned char *block = calloc(4, 1 * GiB);
	CHECK(block != NULL);
	for (size_t at = 0; at < 4 * GiB; at += 64 * MiB)
		CHECK_EQ(block[at], 0);
	CHECK_AT_MOST(test_rss() - before, 32 * MiB);
	free(block);
}

static const struct test_case cases[] = {
	{.name = "zero on dirty blocks of the same size", .run = same_size, .seconds = 60},
	{.name = "zero on dirty blocks of another size", .run = other_size, .seconds = 60},
	{.name = "zero after malloc_trim", .run = after_trim, .seconds = 60},
	{.name = "zero for products", .run = products},
	{.name = "4 GiB that nobody touches cost nothing", .run = large_and_untouched},
};

HARNESS_MAIN(cases)
