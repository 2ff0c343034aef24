/* SPDX-License-Identifier: MIT */
/* blocks.c - what malloc promises of every block: aligned to 16 bytes, apart from
 * all others, as large as asked, unique even where empty
 */
#include "../harness.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

enum { COPIES = 3, SMALL_MAX = 4200, NR_EMPTY = 10000 };

struct piece {
	unsigned char *start;
	size_t usable;
};

static struct piece pieces[COPIES * SMALL_MAX];

static int by_address(const void *left, const void *right)
{
	const struct piece *a = left, *b = right;
	return (a->start > b->start) - (a->start < b->start);
}

/* Insertion into a heap-free sort: qsort may allocate. */
static void sort_pieces(size_t count)
{
	for (size_t gap = count / 2; gap > 0; gap /= 2)
		for (size_t i = gap; i < count; i++) {
			struct piece moving = pieces[i];
			size_t j = i;
			for (; j >= gap && by_address(&pieces[j - gap], &moving) > 0; j -= gap)
				pieces[j] = pieces[j - gap];
			pieces[j] = moving;
		}
}

static void check_apart(size_t count)
{
	sort_pieces(count);
	for (size_t i = 1; i < count; i++)
		CHECK(pieces[i - 1].start + pieces[i - 1].usable <= pieces[i].start);
}

static struct piece piece_of(size_t size)
{
	unsigned char *block = malloc(size);
	CHECK(block != NULL);
	CHECK_EQ((uintptr_t)block % 16, 0);
	CHECK(malloc_usable_size(block) >= size);
	return (struct piece){block, malloc_usable_size(block)};
}

static void every_small_size(void)
{
	size_t count = 0;
	for (size_t size = 1; size <= SMALL_MAX; size++)
		for (int copy = 0; copy < COPIES; copy++) {
			struct piece *p = &pieces[count++];
			*p = piece_of(size);
			test_fill(p->start, p->usable, (uintptr_t)p->start);
		}
	for (size_t i = 0; i < count; i++)
		CHECK(test_is_filled(pieces[i].start, pieces[i].usable, (uintptr_t)pieces[i].start));
	check_apart(count);
	for (size_t i = 0; i < count; i++)
		free(pieces[i].start);
}

static void larger_sizes(void)
{
	size_t count = 0;
	for (size_t size = SMALL_MAX; size < 6 * MiB; size += size / 11)
		for (int change = -1; change <= 1; change++) {
			struct piece *p = &pieces[count++];
			*p = piece_of(size + (size_t)change);
			test_fill(p->start, p->usable, (uintptr_t)p->start);
		}
	for (size_t i = 0; i < count; i++)
		CHECK(test_is_filled(pieces[i].start, pieces[i].usable, (uintptr_t)pieces[i].start));
	check_apart(count);
	for (size_t i = 0; i < count; i++)
		free(pieces[i].start);
}

/* One size at a time, so that a class that rounds wrongly meets only its like. */
static void neighbours_of_one_size(void)
{
	for (size_t size = 0; size <= 1100; size++) {
		for (size_t i = 0; i < 40; i++) {
			pieces[i] = piece_of(size);
			memset(pieces[i].start, (int)i + 1, pieces[i].usable);
		}
		for (size_t i = 0; i < 40; i++) {
			CHECK_EQ(pieces[i].usable == 0 ? i + 1 : pieces[i].start[0], i + 1);
			CHECK(pieces[i].usable == 0 ||
			      memcmp(pieces[i].start, pieces[i].start + 1, pieces[i].usable - 1) == 0);
			free(pieces[i].start);
		}
	}
}

static void *empty_block(size_t i)
{
	void *block = NULL;
	switch (i % 8) {
	case 0:
		return calloc(0, 100);
	case 1:
		return calloc(100, 0);
	case 2:
		return realloc(NULL, 0);
	case 3:
		return aligned_alloc(32, 0);
	case 4:
		return memalign(8, 0);
	case 5:
		CHECK_EQ(posix_memalign(&block, 64, 0), 0);
		return block;
	case 6:
		return reallocarray(NULL, 0, 5);
	default:
		return malloc(0);
	}
}

static void empty_blocks(void)
{
	for (size_t i = 0; i < NR_EMPTY; i++) {
		pieces[i] = (struct piece){empty_block(i), 1};
		CHECK(pieces[i].start != NULL);
		CHECK_EQ((uintptr_t)pieces[i].start % 16, 0);
	}
	check_apart(NR_EMPTY);
	for (size_t i = 0; i < NR_EMPTY; i++)
		free(pieces[i].start);
}

static void usable_size_stays(void)
{
	size_t count = 0;
	for (size_t size = 0; size < 3 * MiB; size += 1 + size / 40)
		pieces[count++] = piece_of(size);
	for (size_t i = 0; i < count; i += 2)
		free(pieces[i].start);
	for (size_t i = 1; i < count; i += 2)
		CHECK_EQ(malloc_usable_size(pieces[i].start), pieces[i].usable);
	malloc_trim(0);
	for (size_t i = 1; i < count; i += 2) {
		CHECK_EQ(malloc_usable_size(pieces[i].start), pieces[i].usable);
		free(pieces[i].start);
	}
	CHECK_EQ(malloc_usable_size(NULL), 0);
}

/* Fills, frees and refills: blocks that come back are as good as new ones. */
static void recycled_blocks(void)
{
	uint64_t random = test_seed();
	for (int round = 0; round < 20; round++) {
		size_t count = 1000 + test_random_size(&random, 4000);
		for (size_t i = 0; i < count; i++) {
			pieces[i] = piece_of(test_random_size(&random, 3000));
			test_fill(pieces[i].start, pieces[i].usable, (uintptr_t)pieces[i].start);
		}
		for (size_t i = 0; i < count; i++)
			CHECK(test_is_filled(pieces[i].start, pieces[i].usable,
					     (uintptr_t)pieces[i].start));
		check_apart(count);
		for (size_t i = 0; i < count; i++)
			free(pieces[i].start);
	}
}

/* Recycled blocks hold what the allocator left in them.  Copied into other blocks, by a
 * program that copies structures with padding, it must accuse nobody of a double free. */
static void leftovers_accuse_nobody(void)
{
	enum { COUNT = 64 };
	static unsigned char leftover[2048];
	for (size_t size = 16; size <= sizeof(leftover); size += 16)
		for (size_t round = 0; round < 4; round++) {
			for (size_t i = 0; i < COUNT; i++)
				pieces[i] = piece_of(size);
			for (size_t i = 0; i < COUNT; i += round + 1)
				free(pieces[i].start);
			for (size_t i = 0; i < COUNT; i += round + 1)
				pieces[i] = piece_of(size);
			memcpy(leftover, opaque(pieces[round].start), size);
			for (size_t i = 0; i < COUNT; i++) {
				if (i % 2 == 0)
					memcpy(pieces[i].start, leftover, size);
				free(pieces[i].start);
			}
		}
}

static const struct test_case cases[] = {
	{.name = "every size up to 4200 bytes, three at a time", .run = every_small_size},
	{.name = "larger sizes up to 6 MiB", .run = larger_sizes},
	{.name = "neighbours of one size leave each other alone", .run = neighbours_of_one_size},
	{.name = "empty blocks are unique from every entry point", .run = empty_blocks},
	{.name = "usable size stays while others come and go", .run = usable_size_stays},
	{.name = "recycled blocks are apart and keep their bytes", .run = recycled_blocks},
	{.name = "what the allocator leaves in a block accuses nobody", .run = leftovers_accuse_nobody},
};

HARNESS_MAIN(cases)
