/* SPDX-License-Identifier: MIT */
/* meta.c - the watermark: zeroed, aligned, never twice */
#include "map/meta.h"

#include "base/bits.h"
#include "map/region.h"
#include "map/span.h"
#include "unit.h"

#define NR_BLOCKS 2000

static struct block {
	unsigned char *start;
	size_t size;
} blocks[NR_BLOCKS];

static void check_new(const unsigned char *start, size_t size, size_t align)
{
	CHECK(start != NULL);
	CHECK_EQ((uintptr_t)start % align, 0);
	CHECK(sim_is_committed((void *)sea_round_down((uintptr_t)start, sim.page_size),
			       sea_round_up((uintptr_t)start + size, sim.page_size) -
				       sea_round_down((uintptr_t)start, sim.page_size)));
	CHECK(test_is_zero(start, size));
}

/* M1: every block reads as zero when it comes, and keeps what is written to it. */
static void blocks_do_not_overlap(void)
{
	uint64_t seed = test_seed();
	for (size_t i = 0; i < NR_BLOCKS; i++) {
		bool pages = below(&seed, 16) == 0;
		size_t size = 1 + test_random_size(&seed, 20000);
		blocks[i].size = size;
		blocks[i].start = pages ? sea_meta_alloc_pages(size) : sea_meta_alloc(size);
		check_new(blocks[i].start, size, pages ? sim.page_size : 64);
		test_fill(blocks[i].start, size, i);
		if (i % 16 == 0)
			CHECK(sea_meta_is_sound());
	}
	for (size_t i = 0; i < NR_BLOCKS; i++)
		CHECK(test_is_filled(blocks[i].start, blocks[i].size, i));
}

static void large_pages(void)
{
	sim.page_size = 64 * KiB;
	blocks_do_not_overlap();
}

static void larger_than_any_mapping(void)
{
	check_new(sea_meta_alloc(40 * MiB), 40 * MiB, 64);
	check_new(sea_meta_alloc_pages(3 * MiB + 5), 3 * MiB + 5, 4096);
	check_new(sea_meta_alloc(1), 1, 64);
}

static void its_size_is_what_it_gave(void)
{
	CHECK_EQ(sea_meta_size(), 0);
	sea_meta_alloc(1);
	CHECK_EQ(sea_meta_size(), 64);
	sea_meta_alloc(65);
	CHECK_EQ(sea_meta_size(), 192);
}

static void add_size(const struct sea_region *region, void *sum)
{
	CHECK_EQ(region->kind, SEA_REGION_METADATA);
	CHECK(sim_is_committed(region->base, region->size));
	*(size_t *)sum += region->size + 2 * sea_span_guard();
}

/* R2, as far as metadata goes. */
static void mappings_are_in_the_region_map(void)
{
	size_t sum = 0;
	for (size_t i = 0; i < 100; i++)
		sea_meta_alloc(100 * KiB);
	sea_region_walk(add_size, &sum);
	if (sea_region_table_size()) /* the region map's own */
		sum += sea_region_table_size() + 2 * sea_span_guard();
	CHECK_EQ(sum, sim.reserved);
}

static void no_memory(void)
{
	static const enum sim_call kinds[] = {SIM_RESERVE, SIM_COMMIT, SIM_ANY};
	for (size_t i = 0; i < NR(kinds); i++) {
		size_t reserved = sim.reserved, used = sea_meta_size();
		sim_fail(kinds[i], 1, true);
		CHECK(!sea_meta_alloc(8 * MiB));
		CHECK_EQ(sea_meta_size(), used);
		sim_heal();
		if (kinds[i] != SIM_ANY)
			CHECK_EQ(sim.reserved, reserved);
		CHECK(sea_meta_alloc(8 * MiB));
		CHECK(sea_region_is_sound() && sea_meta_is_sound());
	}
}

/* Where a mapping of the usual size is refused, one of the size asked for will do. */
static void little_address_space(void)
{
	sim.max_reserved = 128 * KiB;
	check_new(sea_meta_alloc(50 * KiB), 50 * KiB, 64);
	check_new(sea_meta_alloc(50 * KiB), 50 * KiB, 64);
	CHECK(!sea_meta_alloc(50 * KiB));
}

/* The way on is not lost when a large request fails. */
static void failure_keeps_the_watermark(void)
{
	char *first = sea_meta_alloc(64);
	sim_fail(SIM_RESERVE, 1, true);
	CHECK(!sea_meta_alloc(64 * MiB));
	CHECK((char *)sea_meta_alloc(64) == first + 64);
}

static void who_writes_behind_the_last_is_noticed(void)
{
	CHECK(sea_meta_is_sound());
	char *last = sea_meta_alloc(64);
	memset(last, 0xff, 64);
	CHECK(sea_meta_is_sound());
	last[64] = 1;
	CHECK(!sea_meta_is_sound()); /* M1 */
	last[64] = 0;
	struct sea_region region;
	CHECK(sea_region_find(last, &region));
	sea_region_remove(region.base);
	CHECK(!sea_meta_is_sound()); /* M2 */
}

static const struct test_case cases[] = {
	PASSES(blocks_do_not_overlap), PASSES(large_pages), PASSES(larger_than_any_mapping),
	PASSES(its_size_is_what_it_gave), PASSES(mappings_are_in_the_region_map), PASSES(no_memory),
	PASSES(little_address_space), PASSES(failure_keeps_the_watermark),
	PASSES(who_writes_behind_the_last_is_noticed),
};

HARNESS_MAIN(cases)
