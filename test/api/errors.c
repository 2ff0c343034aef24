/* SPDX-License-Identifier: MIT */
/* errors.c - impossible requests, overflowing products, and who touches errno */
#include "../harness.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { UNTOUCHED = 12345 };

static const size_t impossible[] = {
	PTRDIFF_MAX,      (size_t)PTRDIFF_MAX + 1, (size_t)PTRDIFF_MAX + 4096, SIZE_MAX / 2 + SIZE_MAX / 4,
	SIZE_MAX - 65536, SIZE_MAX - 4096,	   SIZE_MAX - 4095,	       SIZE_MAX - 64,
	SIZE_MAX - 16,    SIZE_MAX - 15,	   SIZE_MAX - 8,	       SIZE_MAX - 1,
	SIZE_MAX,
};
enum { NR_IMPOSSIBLE = sizeof(impossible) / sizeof(impossible[0]) };

/* NULL came back, and errno says why. */
static void refused(void *block)
{
	int error = errno;
	CHECK(block == NULL);
	CHECK_EQ(error, ENOMEM);
	errno = 0;
}

static void each_impossible(void (*ask)(size_t))
{
	for (size_t i = 0; i < NR_IMPOSSIBLE; i++) {
		errno = 0;
		ask(opaque_size(impossible[i]));
	}
}

static void ask_malloc(size_t size)
{
	refused(malloc(size));
}

static void ask_calloc(size_t size)
{
	refused(calloc(1, size));
	refused(calloc(size, 1));
}

static void ask_realloc(size_t size)
{
	refused(realloc(NULL, size));
	refused(reallocarray(NULL, 1, size));
	refused(reallocarray(NULL, size, 1));
}

static void ask_aligned(size_t size)
{
	for (size_t align = 1; align <= 1 * MiB; align *= 16) {
		refused(memalign(align, size));
		refused(aligned_alloc(align, size));
	}
	refused(valloc(size));
	refused(pvalloc(size));
}

static void ask_posix_memalign(size_t size)
{
	for (size_t align = 8; align <= 1 * MiB; align *= 8) {
		void *block = &block;
		CHECK_EQ(posix_memalign(&block, align, size), ENOMEM);
		CHECK(block == &block);
	}
}

static void malloc_refuses(void)
{
	each_impossible(ask_malloc);
}

static void calloc_refuses(void)
{
	each_impossible(ask_calloc);
}

static void realloc_refuses(void)
{
	each_impossible(ask_realloc);
}

static void aligned_refuse(void)
{
	each_impossible(ask_aligned);
}

static void posix_memalign_refuses(void)
{
	each_impossible(ask_posix_memalign);
}

static const struct {
	size_t count, size;
} overflowing[] = {
	{SIZE_MAX, SIZE_MAX},	   {SIZE_MAX, 2},		  {2, SIZE_MAX},
	{SIZE_MAX / 2 + 1, 2},	   {2, SIZE_MAX / 2 + 1},	  {(size_t)1 << 32, (size_t)1 << 32},
	{(size_t)1 << 62, 4},	   {((size_t)1 << 32) + 1, (size_t)1 << 32}, {SIZE_MAX / 16 + 2, 16},
	{SIZE_MAX / 24 + 1, 24},   {3, SIZE_MAX / 3 + 2},
};

static void products_overflow(void)
{
	unsigned char *old = malloc(100);
	test_fill(old, 100, 1);
	for (size_t i = 0; i < sizeof(overflowing) / sizeof(overflowing[0]); i++) {
		size_t count = opaque_size(overflowing[i].count), size = opaque_size(overflowing[i].size);
		errno = 0;
		refused(calloc(count, size));
		refused(reallocarray(NULL, count, size));
		refused(reallocarray(opaque(old), count, size));
		CHECK(test_is_filled(old, 100, 1));
	}
	free(old);
}

/* Sizes that go back by different ways: cache, zone, page run, system. */
static const size_t freed_sizes[] = {0,	      1,	 16,	    100,       900,	   2 * KiB,
				     4 * KiB, 20 * KiB,	 100 * KiB, 200 * KiB, 256 * KiB, 300 * KiB,
				     1 * MiB, 3 * MiB, 64 * MiB};
enum { NR_FREED = sizeof(freed_sizes) / sizeof(freed_sizes[0]) };

static void free_keeps_errno(void)
{
	for (size_t i = 0; i < NR_FREED; i++) {
		void *block = malloc(freed_sizes[i]);
		CHECK(block != NULL);
		memset(block, 1, freed_sizes[i]);
		errno = UNTOUCHED;
		free(block);
		CHECK_EQ(errno, UNTOUCHED);
	}
	errno = UNTOUCHED;
	free(NULL);
	CHECK_EQ(errno, UNTOUCHED);
}

/* 96 MiB in small blocks: their frees overflow caches, merge, and trim. */
static void many_frees_keep_errno(void)
{
	enum { COUNT = 96 * 1024, SIZE = 1024 };
	static void *blocks[COUNT];
	for (size_t i = 0; i < COUNT; i++) {
		blocks[i] = malloc(SIZE);
		CHECK(blocks[i] != NULL);
		memset(blocks[i], 1, SIZE);
	}
	errno = UNTOUCHED;
	for (size_t i = 0; i < COUNT; i++) {
		free(blocks[i]);
		CHECK_EQ(errno, UNTOUCHED);
	}
	malloc_trim(0);
}

static void *free_all_here(void *argument)
{
	void **blocks = argument;
	for (size_t i = 0; i < NR_FREED; i++) {
		errno = UNTOUCHED;
		free(blocks[i]);
		CHECK_EQ(errno, UNTOUCHED);
	}
	return NULL;
}

static void free_elsewhere_keeps_errno(void)
{
	void *blocks[NR_FREED];
	pthread_t thread;
	for (size_t i = 0; i < NR_FREED; i++)
		CHECK((blocks[i] = malloc(freed_sizes[i])) != NULL);
	CHECK_EQ(pthread_create(&thread, NULL, free_all_here, blocks), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
}

static void other_frees_keep_errno(void)
{
	void (*free_sized)(void *, size_t) = (void (*)(void *, size_t))test_symbol("free_sized");
	void (*free_aligned_sized)(void *, size_t, size_t) =
		(void (*)(void *, size_t, size_t))test_symbol("free_aligned_sized");
	void (*cfree)(void *) = (void (*)(void *))test_symbol("cfree");
	for (size_t i = 0; i < NR_FREED; i++) {
		void *plain = malloc(freed_sizes[i]), *old = malloc(freed_sizes[i]);
		void *aligned = aligned_alloc(128, freed_sizes[i]);
		CHECK(plain != NULL && aligned != NULL && old != NULL);
		errno = UNTOUCHED;
		free_sized(plain, freed_sizes[i]);
		free_aligned_sized(aligned, 128, freed_sizes[i]);
		cfree(old);
		CHECK_EQ(errno, UNTOUCHED);
	}
	errno = UNTOUCHED;
	free_sized(NULL, 0);
	free_aligned_sized(NULL, 16, 0);
	cfree(NULL);
	CHECK_EQ(errno, UNTOUCHED);
}

static void posix_memalign_and_errno(void)
{
	for (size_t i = 0; i < NR_FREED; i++) {
		void *block = NULL;
		errno = UNTOUCHED;
		CHECK_EQ(posix_memalign(&block, 4096, freed_sizes[i]), 0);
		CHECK_EQ(errno, UNTOUCHED);
		free(block);
	}
	void *block = NULL;
	CHECK_EQ(posix_memalign(&block, 24, 64), EINVAL);
	CHECK_EQ(errno, UNTOUCHED);
	CHECK_EQ(posix_memalign(&block, 64, opaque_size(SIZE_MAX)), ENOMEM);
	CHECK_EQ(errno, ENOMEM);
	CHECK(block == NULL);
}

static const struct test_case cases[] = {
	{.name = "malloc refuses the impossible", .run = malloc_refuses},
	{.name = "calloc refuses the impossible", .run = calloc_refuses},
	{.name = "realloc and reallocarray refuse the impossible", .run = realloc_refuses},
	{.name = "memalign, aligned_alloc, valloc, pvalloc refuse the impossible", .run = aligned_refuse},
	{.name = "posix_memalign refuses the impossible", .run = posix_memalign_refuses},
	{.name = "overflowing products are refused", .run = products_overflow},
	{.name = "free keeps errno, every size", .run = free_keeps_errno},
	{.name = "free keeps errno through 96 MiB of small blocks", .run = many_frees_keep_errno},
	{.name = "free in another thread keeps errno", .run = free_elsewhere_keeps_errno},
	{.name = "free_sized, free_aligned_sized and cfree keep errno", .run = other_frees_keep_errno},
	{.name = "posix_memalign sets errno where it returns ENOMEM only", .run = posix_memalign_and_errno},
};

HARNESS_MAIN(cases)
