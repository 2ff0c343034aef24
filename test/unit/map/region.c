/* SPDX-License-Identifier: MIT */
/* region.c - the map of ranges against an array without order */
#include "map/region.h"

#include "map/span.h"

#include "unit.h"

#define NR_SLOTS 400
#define SLOT ((size_t)1 << 20)
#define FIRST ((char *)0x100000000000)

/* Slot i of the address space is empty (0) or holds a range of this size. */
static size_t naive[NR_SLOTS];
static enum sea_region_kind kinds[NR_SLOTS];

static char *address(size_t slot) { return FIRST + slot * SLOT; }

/* R1: what the walk visits is the naive copy, in address order. */
static void compare(const struct sea_region *region, void *context)
{
	size_t *slot = context;
	while (*slot < NR_SLOTS && !naive[*slot])
		++*slot;
	CHECK(*slot < NR_SLOTS);
	CHECK(region->base == address(*slot));
	CHECK_EQ(region->size, naive[*slot]);
	CHECK_EQ(region->kind, kinds[*slot]);
	++*slot;
}

/* From each slot's start and middle the next range is the one that the naive map has. */
static void check_above(void)
{
	for (size_t from = 0; from < NR_SLOTS; from++) {
		struct sea_region region = {0};
		size_t slot = from;
		while (slot < NR_SLOTS && !naive[slot])
			slot++;
		CHECK_EQ(sea_region_above(address(from), &region), slot < NR_SLOTS);
		CHECK(slot == NR_SLOTS || (region.base == address(slot) && region.size == naive[slot]));
		if (slot == from && sea_region_above(address(from) + naive[from] - 1, &region))
			CHECK(region.base == address(from));
	}
}

static void check_map(void)
{
	size_t slot = 0;
	sea_region_walk(compare, &slot);
	while (slot < NR_SLOTS && !naive[slot])
		slot++;
	CHECK_EQ(slot, NR_SLOTS);
	CHECK(sea_region_is_sound());
	check_above();
}

static void add(size_t slot, size_t size, enum sea_region_kind kind)
{
	CHECK(sea_region_add(address(slot), size, kind));
	naive[slot] = size;
	kinds[slot] = kind;
}

static void an_empty_map(void) { check_map(); }

static void neighbours_stay_apart(void)
{
	add(1, SLOT, SEA_REGION_AVAILABLE);
	add(0, SLOT, SEA_REGION_AVAILABLE);
	add(2, SLOT, SEA_REGION_METADATA);
	check_map();
}

static void random_changes(void)
{
	uint64_t seed = test_seed();
	for (size_t step = 0; step < rounds(4000); step++) {
		size_t slot = below(&seed, NR_SLOTS), size = (1 + below(&seed, 256)) << 12;
		if (!naive[slot]) {
			add(slot, size, (enum sea_region_kind)below(&seed, 3));
		} else {
			sea_region_remove(address(slot));
			naive[slot] = 0;
		}
		check_map();
	}
}

static void grows_and_keeps_what_it_had(void)
{
	for (size_t slot = NR_SLOTS; slot-- > 0;)
		add(slot, SLOT, SEA_REGION_WHOLE);
	check_map();
	CHECK(sim.nr_calls[SIM_RESERVE] > 0);
}

/* The tables that it has outgrown are given back. */
static void gives_old_tables_back(void)
{
	grows_and_keeps_what_it_had();
	CHECK_EQ(sim.nr_calls[SIM_RELEASE], sim.nr_calls[SIM_RESERVE] - 1);
	CHECK_EQ(sim.reserved, sim.committed + 2 * sea_span_guard());
}

static void fail_to_grow(enum sim_call kind)
{
	size_t slot = 0;
	sim_fail(kind, 1, true);
	while (sea_region_add(address(slot), SLOT, SEA_REGION_WHOLE))
		naive[slot] = SLOT, kinds[slot++] = SEA_REGION_WHOLE;
	CHECK(slot >= 16);
	check_map();
	CHECK_EQ(sim.reserved, 0);
	sim_heal();
	add(slot, SLOT, SEA_REGION_WHOLE);
	check_map();
}

static void no_address_space_to_grow(void) { fail_to_grow(SIM_RESERVE); }
static void no_memory_to_grow(void) { fail_to_grow(SIM_COMMIT); }

static void removing_what_is_not_there(void)
{
	add(3, SLOT, SEA_REGION_WHOLE);
	sea_region_remove(address(2));
}

/* The claim notices what it is there to notice. */
static void overlap_is_unsound(void)
{
	add(1, SLOT + 4096, SEA_REGION_WHOLE);
	add(2, SLOT, SEA_REGION_WHOLE);
	CHECK(!sea_region_is_sound());
}

static void an_empty_range_is_unsound(void)
{
	add(1, 0, SEA_REGION_WHOLE);
	CHECK(!sea_region_is_sound());
}

/* Each address leads to its range, and those outside to none. */
static void an_address_leads_to_its_range(void)
{
	struct sea_region region;
	CHECK(!sea_region_find(address(1), &region));
	for (size_t slot = 1; slot < 40; slot += 2)
		add(slot, SLOT, slot % 3 ? SEA_REGION_WHOLE : SEA_REGION_AVAILABLE);
	for (size_t slot = 1; slot < 40; slot += 2)
		for (size_t at = 0; at < SLOT; at += SLOT - 1) {
			CHECK(sea_region_find(address(slot) + at, &region));
			CHECK(region.base == address(slot) && region.size == SLOT);
			CHECK_EQ(region.kind, slot % 3 ? SEA_REGION_WHOLE : SEA_REGION_AVAILABLE);
			CHECK(!sea_region_find(address(slot) + at - SLOT, &region));
		}
	CHECK(!sea_region_find(address(40) + SLOT, &region));
	CHECK(!sea_region_find(NULL, &region));
}

static void a_range_is_cut(void)
{
	struct sea_region region;
	add(3, SLOT, SEA_REGION_WHOLE);
	sea_region_cut(address(3), SLOT / 4);
	CHECK(sea_region_find(address(3) + SLOT / 4 - 1, &region));
	CHECK_EQ(region.size, SLOT / 4);
	CHECK(!sea_region_find(address(3) + SLOT / 4, &region));
	CHECK(sea_region_is_sound());
}

static const struct test_case cases[] = {
	PASSES(an_empty_map),
	PASSES(neighbours_stay_apart),
	PASSES(random_changes),
	PASSES(an_address_leads_to_its_range),
	PASSES(a_range_is_cut),
	PASSES(grows_and_keeps_what_it_had),
	PASSES(gives_old_tables_back),
	PASSES(no_address_space_to_grow),
	PASSES(no_memory_to_grow),
	ABORTS(removing_what_is_not_there, "heap corrupted: at < map.nr"),
	PASSES(overlap_is_unsound),
	PASSES(an_empty_range_is_unsound),
};

HARNESS_MAIN(cases)
