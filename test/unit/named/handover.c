/* SPDX-License-Identifier: MIT */
/* handover.c - shared runs made, exported and imported in one process; HO2 after every step */
#include "named/named.h"

#include <unistd.h>

#include "base/upward.h"
#include "engines/engine.h"
#include "unit.h"

#define SIZE (5 * 4096ul)
static struct sea_named *heap;

static void start(size_t quota)
{
	sea_front_start();
	CHECK((heap = sea_named_create("unit", (struct sea_named_options){.quota = quota})));
}

static void check(size_t blocks, size_t nr_heads)
{
	struct sea_shared mapped = sea_handover_mapped();
	CHECK_EQ(mapped.blocks, blocks);
	CHECK_EQ(mapped.heads, nr_heads * 4096);
	CHECK(sea_handover_is_sound());
	CHECK(sea_named_are_sound());
}

static char *make(void)
{
	char *block = NULL;
	CHECK_EQ(sea_handover_alloc(heap, SIZE - 100, &block), SEA_HANDED);
	test_fill(block, SIZE, 3);
	return block;
}

static void there_and_back(void)
{
	struct sea_parcel parcel;
	start(SIZE_MAX);
	char *block = make();
	check(SIZE, 1);
	CHECK_EQ(sea_handover_export(heap, block, &parcel), SEA_HANDED);
	check(0, 1);
	CHECK_EQ(sea_handover_in_transit(), SIZE);
	CHECK_EQ(sea_handover_import(heap, &parcel, &block), SEA_HANDED);
	CHECK(test_is_filled(block, SIZE, 3));
	CHECK_EQ(sea_handover_in_transit(), 0); /* that looks whether it has arrived */
	check(SIZE, 1);
	sea_named_free_in(heap->handle, "test", block);
	check(0, 0);
}

static void a_parcel_arrives_once(void)
{
	struct sea_parcel parcel;
	char *block = NULL;
	start(SIZE_MAX);
	CHECK_EQ(sea_handover_export(heap, make(), &parcel), SEA_HANDED);
	struct sea_parcel copy = parcel;
	CHECK((copy.file = dup(parcel.file)) >= 0);
	CHECK_EQ(sea_handover_import(heap, &parcel, &block), SEA_HANDED);
	CHECK_EQ(sea_handover_import(heap, &copy, &block), SEA_HANDED_INVALID);
	CHECK_EQ(sea_handover_in_transit(), 0);
	check(SIZE, 1);
}

static void over_the_quota(void)
{
	char *block;
	start(SIZE);
	make();
	CHECK_EQ(sea_handover_alloc(heap, 1, &block), SEA_HANDED_OVER_QUOTA);
	check(SIZE, 1);
}

static void the_end_of_a_heap_unmaps_them(void)
{
	start(SIZE_MAX);
	make();
	make();
	check(2 * SIZE, 2);
	sea_named_destroy(heap->handle, "test", false);
	check(0, 0);
}

static void unsound_counts_are_noticed(void)
{
	start(SIZE_MAX);
	char *block = make();
	struct sea_run *run = sea_runs_find(block);
	run->is_shared = 0;
	CHECK(!sea_handover_is_sound()); /* HO2 */
	run->is_shared = 1;
	run->size += 4096;
	CHECK(!sea_handover_is_sound());
	run->size -= 4096;
	CHECK(sea_handover_is_sound());
}

static const struct test_case cases[] = {
	PASSES(there_and_back), PASSES(a_parcel_arrives_once), PASSES(over_the_quota), PASSES(the_end_of_a_heap_unmaps_them),
	PASSES(unsound_counts_are_noticed),
};

HARNESS_MAIN(cases)
