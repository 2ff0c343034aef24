/* SPDX-License-Identifier: MIT */
/* records.c - heap objects when there is no memory for what we write down about them
 *
 * Addresses are refused, and our own memory is used up.  Pages that are reserved already can still
 * be had, so each call gets as far as its record.  It has to fail, and to leave nothing behind.
 */
#include "named/named.h"

#include <unistd.h>

#include "base/upward.h"
#include "engines/engine.h"
#include "map/map.h"
#include "named/brought.h"
#include "named/handover.h"
#include "unit.h"

/* More than a bin serves: a run of pages. */
#define RUN (300 * KiB)

static struct sea_named *create(void)
{
	sea_front_start();
	return sea_named_create("unit", (struct sea_named_options){.quota = SIZE_MAX});
}

static void *take(struct sea_named *named, size_t size)
{
	struct sea_request request = {.size = size, .align = 1};
	return sea_named_alloc(named->handle, "test", &request);
}

static struct sea_named_stats stats_of(struct sea_named *named)
{
	struct sea_named_stats stats;
	sea_named_stats(named->handle, "test", &stats);
	return stats;
}

static void use_up_records(void)
{
	sim_fail(SIM_RESERVE, 1, true);
	while (sea_meta_alloc(64))
		;
}

static int lowest_descriptor(void)
{
	int file = dup(STDOUT_FILENO);
	CHECK(file >= 0 && close(file) == 0);
	return file;
}

static void no_heap_is_made(void)
{
	struct sea_named *named = create();
	use_up_records();
	CHECK(!sea_named_create("second", (struct sea_named_options){.quota = SIZE_MAX}));
	CHECK(sea_engine_is_sound());
	sim_heal();
	struct sea_named *second = sea_named_create("second", (struct sea_named_options){.quota = SIZE_MAX});
	CHECK(second && second != named && take(second, 100) && take(named, 100));
	CHECK(sea_engine_is_sound());
}

/* The pages of a run whose record is missing are free again: as many fit as before. */
static void no_run_is_kept(void)
{
	struct sea_named *named = create();
	CHECK(take(named, RUN));
	struct sea_named_stats before = stats_of(named);
	use_up_records();
	for (size_t i = 0; i < 1000; i++)
		CHECK(!take(named, RUN));
	CHECK_EQ(stats_of(named).live, before.live);
	CHECK_EQ(stats_of(named).nr_live, before.nr_live);
	CHECK(sea_engine_alloc(RUN)); /* it has no record of this kind */
	CHECK(sea_engine_is_sound());
	sim_heal();
	CHECK(take(named, RUN));
	CHECK_EQ(stats_of(named).nr_live, before.nr_live + 1);
	CHECK(sea_engine_is_sound());
}

/* Neither a second heap in brought memory, nor one that has to be found again. */
static void no_plot_is_attached(void)
{
	static char memory[2][256 * KiB];
	struct sea_brought first = {memory[0], sizeof(memory[0])}, second = {memory[1], sizeof(memory[1])};
	struct sea_named_options options = {.quota = SIZE_MAX};
	struct sea_named *named = create(), *other;
	CHECK_EQ(sea_named_create_in(first, "kept", options, NULL, 0, &other), SEA_BROUGHT_OK);
	char *block = take(other, 1000);
	CHECK(block >= memory[0] && block < memory[0] + sizeof(memory[0]));
	test_fill(block, 1000, 7);
	use_up_records();
	CHECK_EQ(sea_named_create_in(second, "second", options, NULL, 0, &other), SEA_BROUGHT_NO_MEMORY);
	CHECK_EQ(sea_named_open_in(second, options, &other), SEA_BROUGHT_NO_MEMORY);
	CHECK_EQ(sea_named_open_in(first, options, &other), SEA_BROUGHT_TAKEN);
	CHECK(sea_named_of(block) && sea_engine_is_sound());
	sim_heal();
	CHECK_EQ(sea_named_create_in(second, "second", options, NULL, 0, &other), SEA_BROUGHT_OK);
	CHECK(take(other, 1000) && take(named, 1000));
	CHECK(test_is_filled(block, 1000, 7));
	CHECK(sea_engine_is_sound());
}

/* A heap that was closed is found again although the table of heaps is full, and stays as it
 * was. */
static void no_heap_for_a_plot(void)
{
	static char memory[256 * KiB];
	struct sea_brought brought = {memory, sizeof(memory)};
	struct sea_named_options options = {.quota = SIZE_MAX};
	struct sea_named *named = create(), *other, *last = named;
	CHECK_EQ(sea_named_create_in(brought, "kept", options, NULL, 0, &other), SEA_BROUGHT_OK);
	char *block = take(other, 1000);
	test_fill(block, 1000, 7);
	sea_named_destroy(other->handle, "test", true);
	for (struct sea_named *each; (each = sea_named_create("each", options));)
		last = each;
	CHECK_EQ(sea_named_open_in(brought, options, &other), SEA_BROUGHT_NO_MEMORY);
	sea_named_destroy(last->handle, "test", false);
	CHECK_EQ(sea_named_open_in(brought, (struct sea_named_options){.quota = 500}, &other), SEA_BROUGHT_NO_MEMORY);
	CHECK_EQ(sea_named_open_in(brought, options, &other), SEA_BROUGHT_OK);
	CHECK(test_is_filled(block, 1000, 7) && sea_named_of(block) == other);
	CHECK_EQ(stats_of(other).nr_live, 1);
	CHECK(sea_engine_is_sound());
}

/* A file that is not handed out is closed, and one that cannot leave stays where it is. */
static void no_run_is_handed_over(void)
{
	struct sea_named *named = create();
	struct sea_parcel parcel, second;
	char *block, *other;
	CHECK_EQ(sea_handover_alloc(named, RUN, &block), SEA_HANDED);
	CHECK_EQ(sea_handover_alloc(named, RUN, &other), SEA_HANDED);
	CHECK_EQ(sea_handover_export(named, other, &parcel), SEA_HANDED);
	size_t transit = sea_handover_in_transit(), live = stats_of(named).live;
	int lowest = lowest_descriptor();
	use_up_records();
	CHECK_EQ(sea_handover_alloc(named, RUN, &other), SEA_HANDED_NO_MEMORY);
	CHECK_EQ(sea_handover_export(named, block, &second), SEA_HANDED_NO_MEMORY);
	CHECK_EQ(sea_handover_import(named, &parcel, &other), SEA_HANDED_NO_MEMORY);
	CHECK_EQ(lowest_descriptor(), lowest);
	CHECK(sea_handover_in_transit() == transit && stats_of(named).live == live);
	memset(block, 1, RUN);
	CHECK(sea_engine_is_sound());
	sim_heal();
	CHECK_EQ(sea_handover_import(named, &parcel, &other), SEA_HANDED);
	CHECK_EQ(sea_handover_export(named, block, &second), SEA_HANDED);
	CHECK_EQ(sea_handover_in_transit(), second.length);
	close(second.file);
	CHECK(sea_engine_is_sound());
}

/* The same where the record is there and the map of shared pages is refused. */
static void no_map_of_a_shared_run(void)
{
	struct sea_named *named = create();
	struct sea_parcel parcel;
	char *block, *other;
	CHECK_EQ(sea_handover_alloc(named, RUN, &block), SEA_HANDED);
	CHECK_EQ(sea_handover_export(named, block, &parcel), SEA_HANDED);
	int lowest = lowest_descriptor();
	for (unsigned i = 0; i < 3; i++) {
		sim_fail(SIM_RESERVE, 1, false);
		CHECK_EQ(sea_handover_alloc(named, RUN, &other), SEA_HANDED_NO_MEMORY);
		sim_fail(SIM_RESERVE, 1, false);
		CHECK_EQ(sea_handover_import(named, &parcel, &other), SEA_HANDED_NO_MEMORY);
	}
	CHECK_EQ(lowest_descriptor(), lowest);
	CHECK_EQ(stats_of(named).nr_live, 0);
	CHECK_EQ(sea_handover_import(named, &parcel, &other), SEA_HANDED);
	sea_named_free_in(named->handle, "test", other);
	CHECK(sea_engine_is_sound());
}

static const struct test_case cases[] = {
	PASSES(no_heap_is_made), PASSES(no_run_is_kept), PASSES(no_plot_is_attached), PASSES(no_heap_for_a_plot),
	PASSES(no_run_is_handed_over), PASSES(no_map_of_a_shared_run),
};

HARNESS_MAIN(cases)
