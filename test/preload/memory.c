/* SPDX-License-Identifier: MIT */
/* memory.c - how much memory and how many mappings a pattern of use costs */
#include "../harness.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MAX_BLOCKS = 100000 };

static char *blocks[MAX_BLOCKS];

/* --- mappings ---------------------------------------------------------------------------- */

/* Every one lives and has one byte touched: 30 GiB of address space in the full run. */
static void sparse_large_blocks(void)
{
	size_t count = test_pick(20000, MAX_BLOCKS, MAX_BLOCKS), before = test_rss();
	for (size_t i = 0; i < count; i++) {
		blocks[i] = malloc(300 * KiB);
		if (blocks[i] == NULL)
			test_fail(__FILE__, __LINE__, "block %zu of 300 KiB, errno %d", i, errno);
		blocks[i][i % (300 * KiB)] = 1;
	}
	size_t rss = test_rss() - before;
	test_note("%zu KiB for %zu pages touched\n", rss / KiB, count);
	CHECK_AT_MOST(rss, count * 8 * KiB + 32 * MiB);
	for (size_t i = 0; i < count; i++) {
		CHECK_EQ(blocks[i][i % (300 * KiB)], 1);
		free(blocks[i]);
	}
	if (test_engine() != WATERMARK)
		CHECK_AT_MOST(test_rss() - before, 48 * MiB);
}

/* The program itself has used up vm.max_map_count: madvise and munmap may fail. */
static void no_mappings_left(void)
{
	for (size_t i = 0; i < 1000; i++)
		CHECK((blocks[i] = malloc(i % 2 == 0 ? 500 : 200 * KiB)) != NULL);
	size_t page = (size_t)sysconf(_SC_PAGESIZE), nr_mapped = 0;
	char *area = mmap(NULL, 400000 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(area != MAP_FAILED);
	while (nr_mapped < 200000 && mprotect(area + nr_mapped * 2 * page, page, PROT_READ) == 0)
		nr_mapped++;
	if (nr_mapped == 200000)
		test_skip("vm.max_map_count is too large to reach");
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < 1000; i++)
			free(blocks[i]);
		for (size_t i = 0; i < 1000; i++) {
			size_t size = i % 3 == 0 ? 300 * KiB : i * 20;
			if ((blocks[i] = malloc(size)) != NULL)
				memset(blocks[i], 1, size);
		}
		malloc_trim(0);
	}
	munmap(area, 400000 * page);
	CHECK((blocks[0] = malloc(50 * MiB)) != NULL);
	memset(blocks[0], 1, 50 * MiB);
}

/* With MCL_FUTURE whatever is mapped is filled with memory at once. */
static void locked_memory(void)
{
	if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0)
		test_skip("mlockall is not permitted");
	size_t seams = test_counts_zeros() ? 64 * MiB : 0, before = test_rss(), locked = test_status_bytes("VmLck");
	for (size_t i = 0; i < 20000; i++)
		CHECK((blocks[i] = malloc(16 + i % 800)) != NULL);
	CHECK((blocks[20000] = malloc(2 * MiB)) != NULL);
	test_note("%zu KiB resident, %zu KiB locked for 10 MiB\n", (test_rss() - before) / KiB,
		  (test_status_bytes("VmLck") - locked) / KiB);
	CHECK_AT_MOST(test_rss() - before, 10 * MiB + 64 * MiB + seams);
	/* The seam map counts as locked, although its zeros have no memory. */
	CHECK_AT_MOST(test_status_bytes("VmLck") - locked, 10 * MiB + 64 * MiB + 64 * MiB);
	for (size_t i = 0; i <= 20000; i++)
		free(blocks[i]);
	char *clean = calloc(1, 2 * MiB);
	CHECK(clean != NULL && test_is_zero(clean, 2 * MiB));
	free(clean);
}

/* --- blocks that wander ---------------------------------------------------------------------- */

enum { NR_MIXERS = 8, NR_SLOTS = 8192 };

static _Atomic(char *) slots[NR_SLOTS];

/* 16 bytes to 16 KiB, 4 KiB in the middle of what comes. */
static void *mix(void *argument)
{
	uint64_t random = test_seed() + (uintptr_t)argument * 2;
	size_t share = test_pick(1 * GiB, 10 * GiB, 100 * GiB) / NR_MIXERS;
	for (size_t drawn = 0; drawn < share;) {
		size_t size = 16 + (size_t)(test_random(&random) >> 20) % (16 * KiB);
		char *block = malloc(size);
		CHECK(block != NULL);
		block[0] = block[size - 1] = 1;
		block[size / 2] = 1;
		free(atomic_exchange(&slots[(test_random(&random) >> 20) % NR_SLOTS], block));
		drawn += size;
	}
	return NULL;
}

static void threads_mix_blocks(void)
{
	pthread_t threads[NR_MIXERS];
	size_t before = test_rss(), live = 0;
	for (uintptr_t i = 0; i < NR_MIXERS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, mix, (void *)(i + 1)), 0);
	for (size_t i = 0; i < NR_MIXERS; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	for (size_t i = 0; i < NR_SLOTS; i++)
		live += malloc_usable_size(slots[i]);
	test_note("%zu KiB resident for %zu KiB alive\n", (test_rss() - before) / KiB, live / KiB);
	CHECK_AT_MOST(test_rss() - before, live + live / 8 + 16 * MiB);
	for (size_t i = 0; i < NR_SLOTS; i++)
		free(slots[i]);
	test_note("%zu KiB after all\n", (test_rss() - before) / KiB);
	CHECK_AT_MOST(test_rss() - before, 16 * MiB);
}

static const struct test_case cases[] = {
	{.name = "large blocks touched sparsely", .run = sparse_large_blocks, .seconds = 60},
	{.name = "the program has used up its mappings", .run = no_mappings_left, .seconds = 60},
	{.name = "mlockall: locked memory stays near live", .run = locked_memory},
	{.name = "8 threads free each other's blocks: 9/8 of live + 16 MiB", .run = threads_mix_blocks, .seconds = 300,
	 .engines = SEAM},
};

HARNESS_MAIN(cases)
