/* SPDX-License-Identifier: MIT */
/* aligned.c - memalign, aligned_alloc, posix_memalign, valloc, pvalloc */
#include "../harness.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_ORDER = 30, UNTOUCHED = 12345 };

static const size_t sizes[] = {0, 1, 15, 16, 17, 100, 896, 1000, 4095, 4096, 4097, 70000, 256 * KiB, 1 * MiB, 3 * MiB};
enum { NR_SIZES = sizeof(sizes) / sizeof(sizes[0]) };

static void *by_way(unsigned way, size_t align, size_t size)
{
	void *block = NULL;
	if (way % 3 == 0)
		return memalign(align, size);
	if (way % 3 == 1)
		return aligned_alloc(align, size);
	if (align < sizeof(void *))
		align = sizeof(void *);
	CHECK_EQ(posix_memalign(&block, align, size), 0);
	return block;
}

static unsigned char *checked(unsigned way, size_t align, size_t size)
{
	unsigned char *block = by_way(way, align, size);
	if (block == NULL)
		test_fail(__FILE__, __LINE__, "memory aligned to %zu of %zu bytes", align, size);
	CHECK_EQ((uintptr_t)block % align, 0);
	CHECK_EQ((uintptr_t)block % 16, 0);
	CHECK(malloc_usable_size(block) >= size);
	return block;
}

static void every_alignment(void)
{
	for (unsigned way = 0; way < 3; way++)
		for (unsigned order = 0; order <= MAX_ORDER; order++)
			for (size_t i = 0; i < NR_SIZES; i++) {
				unsigned char *block = checked(way, (size_t)1 << order, sizes[i]);
				size_t usable = malloc_usable_size(block);
				test_fill(block, usable < 64 * KiB ? usable : sizes[i], order);
				free(block);
			}
}

/* All alive at once, so that they could overlap. */
static void together(void)
{
	static unsigned char *blocks[22][NR_SIZES][2];
	for (unsigned order = 0; order < 22; order++)
		for (size_t i = 0; i < NR_SIZES - 1; i++)
			for (unsigned copy = 0; copy < 2; copy++) {
				unsigned char *block = checked(order + copy, (size_t)1 << order, sizes[i]);
				test_fill(block, malloc_usable_size(block), (uintptr_t)block);
				blocks[order][i][copy] = block;
			}
	for (unsigned order = 22; order-- > 0;)
		for (size_t i = 0; i < NR_SIZES - 1; i++)
			for (unsigned copy = 0; copy < 2; copy++) {
				unsigned char *block = blocks[order][i][copy];
				CHECK(test_is_filled(block, malloc_usable_size(block), (uintptr_t)block));
				free(block);
			}
}

static void usable_stays(void)
{
	for (unsigned order = 4; order <= 16; order++) {
		unsigned char *block = checked(order, (size_t)1 << order, 1000);
		size_t usable = malloc_usable_size(block);
		void *other = malloc(usable);
		CHECK_EQ(malloc_usable_size(block), usable);
		free(other);
		CHECK_EQ(malloc_usable_size(block), usable);
		free(block);
	}
}

static void aligned_alloc_is_strict(void)
{
	static const size_t odd[] = {0, 3, 5, 6, 7, 12, 24, 48, 100, 4095, 4097, SIZE_MAX, SIZE_MAX / 2, SIZE_MAX - 15};
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		for (size_t size = 0; size < 1 * MiB; size = size * 8 + 64) {
			errno = 0;
			CHECK(aligned_alloc(opaque_size(odd[i]), size) == NULL);
			CHECK_EQ(errno, EINVAL);
		}
}

static void memalign_rounds_up(void)
{
	static const size_t odd[][2] = {{0, 16}, {3, 4}, {5, 8}, {24, 32}, {48, 64}, {100, 128}, {4095, 4096}, {4097, 8192}};
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		for (size_t size = 0; size < 1 * MiB; size = size * 8 + 64) {
			void *block = memalign(opaque_size(odd[i][0]), size);
			CHECK(block != NULL);
			CHECK_EQ((uintptr_t)block % odd[i][1], 0);
			free(block);
		}
	errno = 0;
	CHECK(memalign(opaque_size(SIZE_MAX / 2 + 2), 64) == NULL);
	CHECK_EQ(errno, EINVAL);
}

static void posix_memalign_is_strict(void)
{
	static const size_t odd[] = {0, 1, 2, 3, 4, 7, 9, 12, 24, 40, 4100, SIZE_MAX};
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		void *block = &block;
		CHECK_EQ(posix_memalign(&block, opaque_size(odd[i]), 64), EINVAL);
		CHECK(block == &block);
	}
}

/* Powers of two that no address space holds: refused, whatever the reason given. */
static void absurd_alignments_fail(void)
{
	for (unsigned order = 48; order < 64; order++) {
		size_t align = opaque_size((size_t)1 << order);
		void *block = &block;
		errno = 0;
		CHECK(memalign(align, 100) == NULL);
		CHECK(errno == ENOMEM || errno == EINVAL);
		CHECK(aligned_alloc(align, 100) == NULL);
		CHECK(posix_memalign(&block, align, 100) != 0);
		CHECK(block == &block);
	}
}

static void size_need_not_be_multiple(void)
{
	unsigned char *block = aligned_alloc(64, 100);
	CHECK(block != NULL);
	CHECK_EQ((uintptr_t)block % 64, 0);
	memset(block, 1, 100);
	free(block);
}

static void pages(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	for (size_t size = 0; size < 3 * MiB; size = size * 2 + 1) {
		unsigned char *block = valloc(size), *whole = pvalloc(size);
		CHECK(block != NULL && whole != NULL);
		CHECK_EQ((uintptr_t)block % page, 0);
		CHECK_EQ((uintptr_t)whole % page, 0);
		CHECK(malloc_usable_size(block) >= size);
		CHECK(malloc_usable_size(whole) >= (size + page - 1) / page * page);
		memset(block, 1, size);
		memset(whole, 2, (size + page - 1) / page * page);
		CHECK(size == 0 || (block[0] == 1 && block[size - 1] == 1));
		free(block);
		free(whole);
	}
}

/* What is cut off before and behind an aligned block is used again. */
static void trimmings_are_reused(void)
{
	size_t before = 0;
	for (int i = 0; i < 60000; i++) {
		if (i == 5000)
			before = test_rss();
		char *block = memalign((size_t)4096 << i % 5, 100);
		CHECK(block != NULL);
		memset(block, 1, 100);
		free(block);
	}
	CHECK_AT_MOST(test_rss() - before, 4 * MiB);
}

static const struct test_case cases[] = {
	{.name = "alignments from 1 byte to 1 GiB, sizes to 3 MiB", .run = every_alignment, .seconds = 60},
	{.name = "aligned blocks are apart", .run = together},
	{.name = "usable size stays", .run = usable_stays},
	{.name = "aligned_alloc wants a power of two", .run = aligned_alloc_is_strict, .engines = OURS},
	{.name = "memalign takes the next power of two", .run = memalign_rounds_up},
	{.name = "posix_memalign wants a power of two and a multiple of a pointer",
	 .run = posix_memalign_is_strict},
	{.name = "alignments beyond the address space fail", .run = absurd_alignments_fail},
	{.name = "aligned_alloc takes any size", .run = size_need_not_be_multiple},
	{.name = "valloc and pvalloc", .run = pages},
	{.name = "what alignment cuts off is used again", .run = trimmings_are_reused, .engines = RECYCLING},
};

HARNESS_MAIN(cases)
