/* SPDX-License-Identifier: MIT */
/* mistake.c - what is said of a pointer that is no live block */
#include "heap/mistake.h"

#include <stdio.h>

#include "cache/cache.h"
#include "page/page_alloc.h"
#include "unit.h"

static char static_data[64];

static char *block_of(size_t size)
{
	char *block = sea_cache_alloc(size, sea_cache_alloc_slow);
	CHECK(block != NULL);
	return block;
}

/* The line that the mistake leads to, without what stands for the address. */
static void expect(const void *pointer, const char *text)
{
	char address[32];
	CHECK(SIM_ABORTS(sea_mistake("free", pointer)));
	snprintf(address, sizeof(address), "seamalloc: free of 0x%zx: ", (size_t)pointer);
	CHECK(!strncmp(sim.report, address, strlen(address)));
	if (!strstr(sim.report, text))
		test_fail(__FILE__, __LINE__, "%s does not say: %s", sim.report, text);
	CHECK_EQ(sim.report[sim.report_length - 1], '\n');
	CHECK(strchr(sim.report, '\n') == sim.report + sim.report_length - 1);
}

static void inside_a_chunk(void)
{
	char *block = block_of(100);
	expect(block + 16, "this points inside a block, 16 bytes behind the start of a block of 112 bytes");
	expect(block + 1, "1 bytes behind the start of a block of 112 bytes");
	expect(block + 111, "111 bytes behind");
}

static void a_cached_chunk(void)
{
	char *block = block_of(100);
	sea_cache_free(block);
	expect(block, "freed already (double free); it has 112 bytes");
}

static void a_chunk_sent_back(void)
{
	char *block = block_of(40000);
	sea_cache_free(block);
	sea_cache_send_all();
	expect(block, "freed already (double free)");
	expect(block + 32, "freed already (double free)");
}

static void a_merged_chunk(void)
{
	char *block = block_of(40000), *other = block_of(40000);
	sea_cache_free(block);
	sea_cache_send_all();
	sea_cache_merge_all();
	expect(block, "freed already (double free)");
	expect(other + 8, "8 bytes behind the start of a block of 40960 bytes");
}

static void inside_a_run(void)
{
	char *block = block_of(300000);
	expect(block + 4096, "4096 bytes behind the start of a block of 303104 bytes");
	char *whole = block_of(40 * MiB);
	expect(whole + 5 * MiB, "5242880 bytes behind the start of a block of 41943040 bytes");
}

static void a_freed_run(void)
{
	char *block = block_of(300000), *whole = block_of(40 * MiB);
	sea_cache_free(block);
	sea_cache_free(whole);
	expect(block, "freed already (double free)");
	expect(whole, "freed already (double free)");
}

/* Trim gives arenas back; what was a block is remembered as such. */
static void a_freed_run_of_a_released_arena(void)
{
	char *blocks[100];
	for (size_t i = 0; i < NR(blocks); i++)
		blocks[i] = block_of(2 * MiB);
	for (size_t i = 0; i < NR(blocks); i++)
		sea_cache_free(blocks[i]);
	sea_pages_purge_free(0);
	expect(blocks[0], "freed already (double free)");
	expect(blocks[99], "freed already (double free)");
}

static void foreign_memory(void)
{
	char local[64];
	expect(static_data, "not memory of this heap (static data, another allocator, or no pointer)");
	expect((void *)16, "not memory of this heap (static data");
	expect((void *)(UINTPTR_MAX - 15), "not memory of this heap (static data");
	expect(local, "not memory of this heap: it lies on the stack");
	block_of(5);
	expect(static_data, "not memory of this heap (static data");
	expect((void *)sea_seams, "not memory of this heap");
}

static void the_verb_is_said(void)
{
	char *block = block_of(100);
	CHECK(SIM_ABORTS(sea_cache_expect_live("realloc", block + 16)));
	CHECK(strstr(sim.report, "seamalloc: realloc of 0x"));
	CHECK(SIM_ABORTS(sea_cache_expect_live("malloc_usable_size", static_data)));
	CHECK(strstr(sim.report, "seamalloc: malloc_usable_size of 0x"));
}

static const struct test_case cases[] = {
	PASSES(inside_a_chunk), PASSES(a_cached_chunk), PASSES(a_chunk_sent_back), PASSES(a_merged_chunk),
	PASSES(inside_a_run), PASSES(a_freed_run), PASSES(a_freed_run_of_a_released_arena), PASSES(foreign_memory),
	PASSES(the_verb_is_said),
};

HARNESS_MAIN(cases)
