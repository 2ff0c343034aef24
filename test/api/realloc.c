/* SPDX-License-Identifier: MIT */
/* realloc.c - keeps min(old, new) bytes over every change of size, and the whole
 * old block where it fails
 */
#include "../harness.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static const size_t sizes[] = {1,	  16,	     24,       100,	  500,	     896,	897,
			       1024,	  4000,	     5000,     20000,	  100000,    200000,	256 * KiB,
			       300 * KiB, 1 * MiB,   3 * MiB,  33 * MiB + 7, 64 * MiB};
enum { NR_SIZES = sizeof(sizes) / sizeof(sizes[0]) };

/* The watermark engine keeps all it ever gave: 2 GiB would be touched there. */
static size_t nr_sizes(void)
{
	return test_engine() == WATERMARK ? NR_SIZES - 2 : test_pick(NR_SIZES - 1, NR_SIZES, NR_SIZES);
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

static void change(size_t from, size_t to, uint64_t key)
{
	unsigned char *block = malloc(from);
	CHECK(block != NULL);
	test_fill(block, from, key);
	unsigned char *moved = realloc(block, to);
	CHECK(moved != NULL);
	CHECK_EQ((uintptr_t)moved % 16, 0);
	CHECK(malloc_usable_size(moved) >= to);
	if (!test_is_filled(moved, smaller(from, to), key))
		test_fail(__FILE__, __LINE__, "realloc keeps the content from %zu to %zu bytes", from, to);
	test_fill(moved, to, key + 1);
	CHECK(test_is_filled(moved, to, key + 1));
	free(moved);
}

static void every_pair(void)
{
	for (size_t from = 0; from < nr_sizes(); from++)
		for (size_t to = 0; to < nr_sizes(); to++)
			change(sizes[from], sizes[to], from * NR_SIZES + to);
}

/* With a used neighbour behind it the block has to move. */
static void every_pair_crowded(void)
{
	for (size_t from = 0; from < 16; from++)
		for (size_t to = 0; to < 16; to++) {
			void *before = malloc(sizes[from]), *block = malloc(sizes[from]);
			void *behind = malloc(sizes[from]);
			CHECK(before != NULL && block != NULL && behind != NULL);
			test_fill(before, sizes[from], 1);
			test_fill(block, sizes[from], 2);
			test_fill(behind, sizes[from], 3);
			block = realloc(block, sizes[to]);
			CHECK(block != NULL);
			CHECK(test_is_filled(block, smaller(sizes[from], sizes[to]), 2));
			memset(block, 9, sizes[to]);
			CHECK(test_is_filled(before, sizes[from], 1));
			CHECK(test_is_filled(behind, sizes[from], 3));
			free(before);
			free(block);
			free(behind);
		}
}

static void grow_and_shrink(void)
{
	size_t top = test_engine() == WATERMARK ? 4 * MiB : 64 * MiB, size = 8;
	unsigned char *block = malloc(size);
	test_fill(block, size, 7);
	for (; size < top; size = size * 3 / 2 + 8) {
		size_t larger = size * 3 / 2 + 8;
		block = realloc(block, larger);
		CHECK(block != NULL);
		CHECK(test_is_filled(block, size, 7));
		test_fill(block, larger, 7);
	}
	while (size > 16) {
		size = size * 2 / 3;
		block = realloc(block, size);
		CHECK(block != NULL);
		CHECK(test_is_filled(block, size, 7));
	}
	free(block);
}

static void grow_by_one(void)
{
	unsigned char *block = NULL;
	for (size_t size = 1; size < 6000; size++) {
		block = realloc(block, size);
		CHECK(block != NULL);
		block[size - 1] = (unsigned char)(size * 7);
		for (size_t i = size > 20 ? size - 20 : 0; i < size; i++)
			CHECK_EQ(block[i], (unsigned char)((i + 1) * 7));
	}
	for (size_t i = 0; i < 5999; i++)
		CHECK_EQ(block[i], (unsigned char)((i + 1) * 7));
	free(block);
}

/* 200 MiB in steps of 64 KiB, each touched once.  Copying at each step would move
 * 320 GiB. */
static void grow_large_without_copying(void)
{
	size_t top = test_pick(100 * MiB, 200 * MiB, 400 * MiB), size = 64 * KiB;
	double start = test_cpu_now();
	unsigned char *block = malloc(size);
	for (; size < top; size += 64 * KiB) {
		block = realloc(block, size + 64 * KiB);
		CHECK(block != NULL);
		block[size] = (unsigned char)(size >> 16);
	}
	double spent = test_cpu_now() - start;
	for (size_t at = 64 * KiB; at < top; at += 64 * KiB)
		CHECK_EQ(block[at], (unsigned char)(at >> 16));
	free(block);
	test_note("%.3f s of CPU time\n", spent);
	CHECK(spent < 1.0);
}

static void aligned_blocks(void)
{
	for (size_t align = 32; align <= 2 * MiB; align *= 4)
		for (size_t i = 0; i < 16; i++) {
			unsigned char *block = memalign(align, sizes[i]);
			CHECK(block != NULL);
			test_fill(block, sizes[i], align);
			size_t size = sizes[(i + 5) % 16];
			block = realloc(block, size);
			CHECK(block != NULL);
			CHECK(test_is_filled(block, smaller(sizes[i], size), align));
			memset(block, 1, size);
			free(block);
		}
}

static void of_null_allocates(void)
{
	for (size_t i = 0; i < nr_sizes(); i++) {
		unsigned char *block = realloc(NULL, sizes[i]);
		CHECK(block != NULL);
		CHECK(malloc_usable_size(block) >= sizes[i]);
		block[0] = block[sizes[i] - 1] = 1;
		free(block);
	}
}

static void to_zero_frees(void)
{
	for (size_t i = 0; i < nr_sizes(); i++) {
		void *block = malloc(sizes[i]);
		CHECK(block != NULL);
		CHECK(realloc(block, opaque_size(0)) == NULL);
		block = malloc(sizes[i]);
		CHECK(block != NULL);
		CHECK(reallocarray(block, opaque_size(0), 8) == NULL);
	}
}

static void to_zero_gives_back(void)
{
	size_t before = 0;
	for (int i = 0; i < 200000; i++) {
		if (i == 1000)
			before = test_rss();
		void *block = malloc(1000);
		memset(block, 1, 1000);
		CHECK(realloc(block, opaque_size(0)) == NULL);
	}
	CHECK_AT_MOST(test_rss() - before, 4 * MiB);
}

static void failure_keeps_block(void)
{
	static const size_t impossible[] = {PTRDIFF_MAX, (size_t)PTRDIFF_MAX + 1, SIZE_MAX - 4096, SIZE_MAX};
	for (size_t i = 0; i < nr_sizes(); i++) {
		unsigned char *block = malloc(sizes[i]);
		CHECK(block != NULL);
		size_t usable = malloc_usable_size(block);
		test_fill(block, usable, i);
		for (size_t j = 0; j < 4; j++) {
			errno = 0;
			CHECK(realloc(opaque(block), opaque_size(impossible[j])) == NULL);
			CHECK_EQ(errno, ENOMEM);
			CHECK(reallocarray(opaque(block), opaque_size(impossible[j]), 2) == NULL);
			CHECK_EQ(malloc_usable_size(block), usable);
			CHECK(test_is_filled(block, usable, i));
		}
		CHECK(realloc(opaque(block), sizes[i]) != NULL);
	}
}

/* The tail of a large block goes back when the block becomes small. */
static void shrinking_gives_back(void)
{
	size_t before = test_rss();
	char *block = malloc(128 * MiB);
	CHECK(block != NULL);
	memset(block, 1, 128 * MiB);
	block = realloc(block, 1 * MiB);
	CHECK(block != NULL);
	CHECK(test_is_filled(block, 0, 0) && block[0] == 1 && block[1 * MiB - 1] == 1);
	CHECK_AT_MOST(test_rss() - before, 24 * MiB);
	free(block);
}

/* Pages that realloc moves or frees must not come back dirty from calloc. */
static void calloc_after_moves(void)
{
	for (int round = 0; round < 6; round++) {
		char *a = malloc(8 * MiB), *b = malloc(8 * MiB);
		CHECK(a != NULL && b != NULL);
		memset(a, 0xff, 8 * MiB);
		memset(b, 0xff, 8 * MiB);
		a = realloc(a, 24 * MiB);
		b = realloc(b, 100000);
		CHECK(a != NULL && b != NULL);
		memset(a, 0xff, 24 * MiB);
		free(a);
		char *clean = calloc(1, (size_t)(6 + round * 4) * MiB);
		CHECK(clean != NULL);
		CHECK(test_is_zero(clean, (size_t)(6 + round * 4) * MiB));
		free(clean);
		free(b);
	}
}

static const struct test_case cases[] = {
	{.name = "keeps the content over every pair of sizes", .run = every_pair, .seconds = 60},
	{.name = "keeps the content between used neighbours", .run = every_pair_crowded},
	{.name = "grows to 64 MiB and shrinks again", .run = grow_and_shrink},
	{.name = "grows byte by byte", .run = grow_by_one},
	{.name = "grows large blocks without copying", .run = grow_large_without_copying,
	 .engines = SEAM | GLIBC},
	{.name = "keeps the content of aligned blocks", .run = aligned_blocks},
	{.name = "of NULL allocates", .run = of_null_allocates},
	{.name = "to 0 frees and returns NULL", .run = to_zero_frees},
	{.name = "to 0 gives the memory back", .run = to_zero_gives_back, .engines = RECYCLING},
	{.name = "that fails leaves the block as it was", .run = failure_keeps_block},
	{.name = "to a smaller size gives pages back", .run = shrinking_gives_back, .engines = RECYCLING},
	{.name = "leaves nothing dirty for calloc", .run = calloc_after_moves},
};

HARNESS_MAIN(cases)
