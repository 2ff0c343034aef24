/* SPDX-License-Identifier: MIT */
/* limits.c - out of memory is an answer, not the end: NULL and ENOMEM, and after
 * the frees all works as before
 */
#include "../harness.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { NR_THREADS = 4, MAX_BLOCKS = 400000 };

static void *blocks[MAX_BLOCKS];

/* Takes blocks until there is none; returns how many. */
static size_t exhaust(size_t size)
{
	for (size_t count = 0; count < MAX_BLOCKS; count++) {
		errno = 0;
		blocks[count] = malloc(size);
		if (blocks[count] == NULL) {
			CHECK_EQ(errno, ENOMEM);
			return count;
		}
		memset(blocks[count], 1, size < 32 ? size : 32);
	}
	test_fail(__FILE__, __LINE__, "the limit is reached");
}

static void give_back(size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(blocks[i]);
}

/* Nearly all of the limit can be used, and once freed serve as one block. */
static void use_and_reuse(size_t size, size_t at_least)
{
	test_limit_address_space(200 * MiB);
	for (int round = 0; round < 2; round++) {
		size_t count = exhaust(size);
		test_note("%zu MiB in blocks of %zu\n", count * size / MiB, size);
		CHECK(count * size >= at_least);
		give_back(count);
	}
	char *block = malloc(100 * MiB);
	CHECK(block != NULL);
	memset(block, 1, 100 * MiB);
	free(block);
}

static void small_blocks(void)
{
	use_and_reuse(1000, 170 * MiB);
}

/* In hardened mode a block of 15 pages has 2 guards, and 17 pages are cut from 32. */
static void medium_blocks(void)
{
	use_and_reuse(60000, test_is_secure() ? 85 * MiB : 170 * MiB);
}

static void large_blocks(void)
{
	use_and_reuse(1 * MiB, test_is_secure() ? 160 * MiB : 190 * MiB);
}

/* No recycling needed: the promise that holds for every engine. */
static void refusal_is_clean(void)
{
	test_limit_address_space(150 * MiB);
	exhaust(1 * MiB);
	exhaust(4 * KiB);
	exhaust(64);
	errno = 0;
	CHECK(calloc(2, 1 * MiB) == NULL);
	CHECK_EQ(errno, ENOMEM);
	errno = 0;
	CHECK(memalign(1 * MiB, 1 * MiB) == NULL);
	CHECK_EQ(errno, ENOMEM);
	errno = 0;
	CHECK(aligned_alloc(64, 2 * MiB) == NULL);
	CHECK_EQ(errno, ENOMEM);
	errno = 0;
	CHECK(valloc(2 * MiB) == NULL);
	CHECK_EQ(errno, ENOMEM);
	void *block = &block;
	CHECK_EQ(posix_memalign(&block, 4096, 2 * MiB), ENOMEM);
	CHECK(block == &block);
	errno = 0;
	CHECK(realloc(NULL, 2 * MiB) == NULL);
	CHECK_EQ(errno, ENOMEM);
}

static void failed_growth_keeps_block(void)
{
	static const size_t sizes[] = {10, 1000, 50000, 1 * MiB, 20 * MiB};
	unsigned char *kept[5];
	for (size_t i = 0; i < 5; i++) {
		CHECK((kept[i] = malloc(sizes[i])) != NULL);
		test_fill(kept[i], sizes[i], i);
	}
	test_limit_address_space(150 * MiB);
	exhaust(1 * MiB);
	for (size_t i = 0; i < 5; i++) {
		errno = 0;
		CHECK(realloc(opaque(kept[i]), 100 * MiB) == NULL);
		CHECK_EQ(errno, ENOMEM);
		CHECK(test_is_filled(kept[i], sizes[i], i));
		free(kept[i]);
	}
}

/* --- threads ------------------------------------------------------------------------ */

static pthread_barrier_t barrier;

static void *exhaust_here(void *argument)
{
	enum { MINE = MAX_BLOCKS / NR_THREADS };
	void **mine = blocks + (size_t)argument * MINE;
	for (int round = 0; round < 3; round++) {
		size_t count = 0, size = 700 + (size_t)argument * 3000;
		pthread_barrier_wait(&barrier);
		while (count < MINE && (mine[count] = malloc(size)) != NULL)
			memset(mine[count++], 1, size);
		pthread_barrier_wait(&barrier);
		while (count > 0)
			free(mine[--count]);
	}
	return NULL;
}

static void threads_exhaust_together(void)
{
	pthread_t threads[NR_THREADS];
	CHECK_EQ(pthread_barrier_init(&barrier, NULL, NR_THREADS), 0);
	for (size_t i = 0; i < NR_THREADS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, exhaust_here, (void *)i), 0);
	test_limit_address_space(300 * MiB);
	for (size_t i = 0; i < NR_THREADS; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	char *block = malloc(100 * MiB);
	CHECK(block != NULL);
	free(block);
}

static size_t nr_taken;

/* Its first call ever comes when there is no memory for a cache of its own. */
static void *first_use_without_memory(void *argument)
{
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	size_t part = (size_t)argument, end = nr_taken / NR_THREADS * (part + 1);
	void *block = malloc(100);
	if (block == NULL)
		CHECK_EQ(errno, ENOMEM);
	free(block);
	for (size_t i = nr_taken / NR_THREADS * part; i < end; i++)
		free(blocks[i]);
	return NULL;
}

static void new_threads_without_memory(void)
{
	pthread_t threads[NR_THREADS];
	CHECK_EQ(pthread_barrier_init(&barrier, NULL, NR_THREADS + 1), 0);
	for (size_t i = 0; i < NR_THREADS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, first_use_without_memory, (void *)i), 0);
	pthread_barrier_wait(&barrier);
	/* An arena and the seam map had their addresses, 64 MiB each, before there was a limit. */
	test_limit_address_space(264 * MiB);
	nr_taken = exhaust(1000);
	pthread_barrier_wait(&barrier);
	for (size_t i = 0; i < NR_THREADS; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	if (test_engine() != WATERMARK) {
		char *block = malloc(50 * MiB);
		CHECK(block != NULL);
		free(block);
	}
}

static const struct test_case cases[] = {
	{.name = "200 MiB in small blocks, and again", .run = small_blocks, .engines = RECYCLING},
	{.name = "200 MiB in medium blocks, and again", .run = medium_blocks, .engines = RECYCLING},
	{.name = "200 MiB in large blocks, and again", .run = large_blocks, .engines = RECYCLING},
	{.name = "every entry point refuses cleanly", .run = refusal_is_clean},
	{.name = "realloc that finds no memory keeps the block", .run = failed_growth_keeps_block},
	{.name = "threads exhaust memory together", .run = threads_exhaust_together, .engines = SEAM | FREELIST},
	{.name = "threads begin when there is no memory", .run = new_threads_without_memory},
};

HARNESS_MAIN(cases)
