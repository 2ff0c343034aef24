/* SPDX-License-Identifier: MIT */
/* large.c - blocks between guards */
#include "secure/large.h"

#include "base/options.h"
#include "base/page_size.h"
#include "map/map.h"
#include "page/page_alloc.h"
#include "unit.h"

static char *block_of(size_t size)
{
	char *block = sea_large_alloc(16, size, SEA_KIND_PLAIN);
	CHECK(block && (uintptr_t)block % 16 == 0);
	return block;
}

static void lives_and_goes(void)
{
	char *block = block_of(100001);
	struct sea_large_view view = sea_large_find("free", block);
	CHECK(view.what == SEA_LARGE_LIVE && view.size == 100001);
	CHECK_EQ(sea_large_around(block + 5).what, SEA_LARGE_INSIDE);
	CHECK_EQ(sea_large_find("free", block + 16).what, SEA_LARGE_ELSEWHERE);
	memset(block, 1, 100001);
	CHECK(sea_large_free(block));
	CHECK_EQ(sea_large_find("free", block).what, SEA_LARGE_FREED);
	CHECK(!sea_large_free(block));
	CHECK(sea_large_is_sound());
	sea_large_trim();
	CHECK_EQ(sea_large_find("free", block).what, SEA_LARGE_ELSEWHERE);
	CHECK(sea_large_is_sound() && sea_pages_are_sound() && sea_map_is_sound());
}

/* Blocks that are freed serve others later; the memory of one with advice does not. */
static void advice_ends_with_the_block(void)
{
	for (int i = 0; i < 300; i++) {
		char *block = block_of(400000);
		void *base;
		size_t size;
		CHECK_EQ(sea_pages_at(block, &base, &size), SEA_AT_RUN);
		CHECK(!sea_pages_is_advised(base));
		sea_pages_note_advice(block + 200000);
		CHECK(sea_pages_is_advised(base));
		CHECK(!sea_large_resize(block, 300000));
		sea_large_free(block);
	}
	CHECK(sea_large_is_sound());
}

static void reads_as_zero(void)
{
	for (int i = 0; i < 200; i++) {
		size_t size = 40000 + (size_t)i * 3000 % 100000;
		char *block = block_of(size);
		for (size_t at = 0; at < size; at++)
			CHECK(!block[at]);
		memset(block, 1, size);
		sea_large_free(block);
	}
	CHECK(sea_large_is_sound());
}

static void alignments(void)
{
	for (size_t align = 16; align <= 4 * SEA_MIB; align *= 2) {
		char *block = sea_large_alloc(align, 50000, SEA_KIND_PLAIN);
		CHECK(block && (uintptr_t)block % align == 0);
		memset(block, 1, 50000);
		CHECK(sea_large_find("free", block).size == 50000);
		CHECK(sea_large_free(block));
	}
}

/* A block that has grown grows on in place, and keeps its bytes. */
static void grows_in_place(void)
{
	char *block = sea_large_alloc_to_grow(100000, SEA_KIND_NEW);
	test_fill((unsigned char *)block, 100000, 1);
	size_t size = 100000;
	while (size < 190000) {
		CHECK(sea_large_resize(block, size + 777));
		for (size_t at = size; at < size + 777; at++)
			CHECK(!block[at]);
		size += 777;
	}
	CHECK(test_is_filled((unsigned char *)block, 100000, 1));
	CHECK(!sea_large_resize(block, 300000));
	CHECK_EQ(sea_large_find("realloc", block).kind, SEA_KIND_NEW);
	CHECK(sea_large_resize(block, 100000));
	CHECK(sea_large_is_sound());
}

/* The option bounds the mappings. */
static void without_guards(void)
{
	sea_options.secure_guards = 2;
	char *blocks[6];
	for (int i = 0; i < 6; i++)
		blocks[i] = block_of(65536);
	CHECK(sea_large_is_sound());
	for (int i = 0; i < 6; i++)
		CHECK(sea_large_free(blocks[i]));
	CHECK(sea_large_is_sound());
}

static void calls_that_fail(void)
{
	for (size_t n = 1; n < 40; n++) {
		sim_fail(SIM_ANY, n, n % 2);
		char *block = sea_large_alloc(16, 70000 + n * 4096, SEA_KIND_PLAIN);
		if (block) {
			memset(block, 1, 70000);
			sea_large_resize(block, 50000);
			CHECK(sea_large_free(block));
		}
		sim_fail(SIM_ANY, 0, false);
		CHECK(sea_large_is_sound());
	}
	CHECK(sea_large_free(block_of(100000)));
}

static void overflow(void)
{
	char *block = block_of(100001);
	block[100001] ^= 1;
	sea_large_find("free", block);
}

static void underflow(void)
{
	char *block = block_of(100001);
	block[-1] ^= 1;
	sea_large_find("free", block);
}

#if !defined(__SANITIZE_ADDRESS__)
static void behind(void) { *(volatile char *)(block_of(65536) + 65536) = 1; }
static void in_front(void) { *(volatile char *)(block_of(65536) - 1) = 1; }

static void freed(void)
{
	char *block = block_of(65536);
	sea_large_free(block);
	*(volatile char *)block = 1;
}
#endif

static const struct test_case cases[] = {
	PASSES(lives_and_goes),
	PASSES(advice_ends_with_the_block),
	PASSES(reads_as_zero),
	PASSES(alignments),
	PASSES(grows_in_place),
	PASSES(without_guards),
	PASSES(calls_that_fail),
	ABORTS(overflow, "(overflow)"),
	ABORTS(underflow, "(underflow"),
#if !defined(__SANITIZE_ADDRESS__)
	{.name = "behind", .run = behind, .signal = SIGSEGV},
	{.name = "in_front", .run = in_front, .signal = SIGSEGV},
	{.name = "freed", .run = freed, .signal = SIGSEGV},
#endif
};

HARNESS_MAIN(cases)
