/* SPDX-License-Identifier: MIT */
/* page_alloc.c - runs of pages against a list of runs with a pattern in each */
#include "page/page_alloc.h"
#include "map/pagemap.h"

#include "page/arena.h"
#include "base/bits.h"
#include "map/meta.h"
#include "base/options.h"
#include "base/os.h"
#include "map/region.h"
#include "unit.h"

#define MAX_RUNS 200

static struct run {
	char *start;
	size_t size; /* bytes asked for */
	uint64_t key;
} runs[MAX_RUNS];
static size_t nr_runs;
static uint64_t next_key;

/* --- the naive copy: every page of a run has its key at both ends --------------------------- */

static size_t whole_pages(size_t size) { return sea_round_up(size, sim.page_size); }

static void mark_pages(char *start, size_t from, size_t to, uint64_t key)
{
	for (size_t at = sea_round_up(from, sim.page_size); at < to; at += sim.page_size) {
		memcpy(start + at, &key, sizeof(key));
		memcpy(start + at + sim.page_size - sizeof(key), &key, sizeof(key));
	}
}

static void check_pages(const struct run *run, size_t size)
{
	for (size_t at = 0; at < whole_pages(size); at += sim.page_size) {
		CHECK(!memcmp(run->start + at, &run->key, sizeof(run->key)));
		CHECK(!memcmp(run->start + at + sim.page_size - sizeof(run->key), &run->key, sizeof(run->key)));
	}
}

static bool reads_as_zero(const char *start, size_t size)
{
	for (size_t at = 0; at < size; at += 64)
		if (*(const uint64_t *)(const void *)(start + at))
			return false;
	return true;
}

/* Every third run is to be clear. */
static bool alloc(size_t size, size_t align)
{
	bool zeroed = false, is_clear = next_key % 3 == 0;
	char *start = sea_pages_alloc(size, align, is_clear ? SEA_TOUCH_CLEAR : SEA_TOUCH_NOW, &zeroed);
	if (!start)
		return false;
	CHECK(zeroed || !is_clear);
	CHECK_EQ((uintptr_t)start % sea_max(align, sim.page_size), 0);
	CHECK_EQ(sea_pages_size(start), whole_pages(size));
	CHECK(sim_is_committed(start, whole_pages(size)));
	CHECK(!zeroed || reads_as_zero(start, whole_pages(size)));
	runs[nr_runs] = (struct run){start, size, ++next_key};
	mark_pages(start, 0, whole_pages(size), next_key);
	nr_runs++;
	return true;
}

static void free_run(size_t i)
{
	check_pages(&runs[i], runs[i].size);
	sea_pages_free(runs[i].start);
	CHECK_EQ(sea_pages_size(runs[i].start), 0);
	runs[i] = runs[--nr_runs];
}

static bool resize(size_t i, size_t size)
{
	size_t before = runs[i].size;
	if (!sea_pages_resize(runs[i].start, size))
		return false;
	check_pages(&runs[i], sea_min(before, size));
	mark_pages(runs[i].start, whole_pages(before), whole_pages(size), runs[i].key);
	runs[i].size = size;
	CHECK_EQ(sea_pages_size(runs[i].start), whole_pages(size));
	return true;
}

static bool move(size_t i, size_t size)
{
	size_t before = runs[i].size;
	char *start = sea_pages_move(runs[i].start, size);
	if (!start)
		return false;
	CHECK(start != runs[i].start);
	CHECK_EQ(sea_pages_size(runs[i].start), 0);
	runs[i].start = start;
	check_pages(&runs[i], sea_min(before, size));
	mark_pages(start, whole_pages(before), whole_pages(size), runs[i].key);
	runs[i].size = size;
	return true;
}

static void free_all(void)
{
	while (nr_runs)
		free_run(0);
}

/* G1 to G3, and that the counts are those of the naive copy. */
static void check_counts(void)
{
	struct sea_page_stats stats;
	size_t in_use = 0, whole = 0;
	sea_pages_stats(&stats);
	for (size_t i = 0; i < nr_runs; i++) {
		whole += !sea_pagemap_arena(runs[i].start)->pool; /* it stays so when it shrinks */
		in_use += whole_pages(runs[i].size);
	}
	CHECK(sea_pages_are_sound());
	CHECK_EQ(stats.in_use, in_use);
	CHECK_EQ(stats.nr_whole, whole);
	CHECK(stats.committed <= sim.committed);
}

static void check_all_pages(void)
{
	for (size_t i = 0; i < nr_runs; i++)
		check_pages(&runs[i], runs[i].size);
}

/* --- single answers -------------------------------------------------------------------------- */

static void a_run_has_its_exact_length(void)
{
	for (size_t pages = 1; pages < 70; pages++) {
		CHECK(alloc(pages * 4096 - 1, 1));
		check_counts();
	}
	free_all();
	check_counts();
}

static void alignments(void)
{
	for (size_t align = 1; align <= 64 * MiB; align *= 2) {
		CHECK(alloc(1, align));
		CHECK(alloc(5 * 4096, align));
		if (align <= MiB)
			check_counts();
		else
			CHECK(sea_pages_are_sound());
	}
	free_all();
	check_counts();
}

static void impossible_requests(void)
{
	static const size_t sizes[] = {SIZE_MAX, PTRDIFF_MAX, PTRDIFF_MAX - MiB, ((size_t)1 << 48) + 1};
	CHECK(alloc(MiB, 1));
	for (size_t i = 0; i < NR(sizes); i++) {
		CHECK(!sea_pages_alloc(sizes[i], 1, SEA_TOUCH_NOW, NULL));
		CHECK(!sea_pages_alloc(sizes[i], MiB, SEA_TOUCH_NOW, NULL));
		CHECK(!sea_pages_alloc(1, (size_t)1 << 62, SEA_TOUCH_NOW, NULL));
		CHECK(!resize(0, sizes[i]));
		CHECK(!move(0, sizes[i]));
		check_counts();
	}
	CHECK(sea_region_is_sound());
}

static void interior_addresses_are_no_runs(void)
{
	CHECK(alloc(10 * 4096, 1));
	char *start = runs[0].start;
	CHECK_EQ(sea_pages_size(start + 4096), 0);
	CHECK_EQ(sea_pages_size(start + 16), 0);
	CHECK_EQ(sea_pages_size(start - 4096), 0);
	CHECK_EQ(sea_pages_size(NULL), 0);
	CHECK_EQ(sea_pages_size(&start), 0);
	CHECK(alloc(40 * MiB, 1));
	CHECK_EQ(sea_pages_size(runs[1].start + 4096), 0);
	CHECK_EQ(sea_pages_size(runs[1].start + MiB), 0);
}

static void places(void)
{
	void *base;
	size_t size;
	CHECK(alloc(10 * 4096, 1));
	CHECK(alloc(40 * MiB, 1));
	char *run = runs[0].start, *whole = runs[1].start;
	CHECK_EQ(sea_pages_at(run + 5000, &base, &size), SEA_AT_RUN);
	CHECK(base == run && size == 10 * 4096);
	CHECK_EQ(sea_pages_at(whole + 5 * MiB, &base, &size), SEA_AT_RUN);
	CHECK(base == whole && size == 40 * MiB);
	CHECK_EQ(sea_pages_at(&base, &base, &size), SEA_AT_FOREIGN);
	CHECK_EQ(sea_pages_at(NULL, &base, &size), SEA_AT_FOREIGN);
	free_all();
	CHECK_EQ(sea_pages_at(run, &base, &size), SEA_AT_FREE);
	CHECK_EQ(sea_pages_at(run + 5000, &base, &size), SEA_AT_FREE);
	CHECK_EQ(sea_pages_at(whole, &base, &size), SEA_AT_FREE);
	CHECK_EQ(sea_pages_at(whole + 5 * MiB, &base, &size), SEA_AT_FREE);
}

static void freeing_twice(void)
{
	CHECK(alloc(4096, 1));
	char *start = runs[0].start;
	sea_pages_free(start);
	sea_pages_free(start);
}

/* A freed page comes back to the same processor while it is warm. */
static void freed_pages_come_back(void)
{
	CHECK(alloc(4096, 1));
	CHECK(alloc(4096, 1));
	char *start = runs[1].start;
	free_run(1);
	CHECK(alloc(4096, 1));
	CHECK(runs[1].start == start);
}

static void resize_in_place(void)
{
	CHECK(alloc(8 * 4096, 1));
	CHECK(resize(0, 20 * 4096));
	CHECK(resize(0, 3 * 4096 + 1));
	CHECK(alloc(4 * 4096, 4096)); /* takes what was given back */
	check_counts();
	CHECK(resize(0, 4 * 4096));
	CHECK(!resize(0, 40 * MiB));
	check_counts();
	free_all();
	check_counts();
}

static void resize_whole(void)
{
	CHECK(alloc(40 * MiB, 1));
	CHECK(resize(0, 33 * MiB + 5));
	CHECK(!sim.purged || sim.purged >= 6 * MiB);
	CHECK(resize(0, 40 * MiB));
	CHECK(!resize(0, 41 * MiB));
	check_counts();
}

/* --- the watermarks -------------------------------------------------------------------------- */

static void freed_memory_goes_back_above_the_watermark(void)
{
	size_t high = sea_budget_watermarks().high;
	for (int i = 0; i < 40; i++)
		CHECK(alloc(MiB, 1));
	free_all();
	CHECK(sim.purged > 0);
	CHECK_AT_MOST(sea_pages_dirty(), high);
	check_counts();
	sea_pages_purge_free(0);
	CHECK_EQ(sea_pages_dirty(), 0);
	CHECK_EQ(sim.purged, 40 * MiB);
	check_counts();
}

static void trim_keeps_what_it_is_told(void)
{
	sea_options.dirty_max = GiB;
	for (int i = 0; i < 20; i++)
		CHECK(alloc(MiB, 1));
	free_all();
	CHECK_EQ(sea_pages_dirty(), 20 * MiB);
	CHECK(sea_pages_purge_free(5 * MiB) >= 15 * MiB);
	CHECK_AT_MOST(sea_pages_dirty(), 5 * MiB);
	CHECK_EQ(sea_pages_purge_free(5 * MiB), 0);
	check_counts();
}

/* Arenas without a run go back too, and others can take their place. */
static void empty_arenas_go_back(size_t page, size_t arena)
{
	sim.page_size = page;
	sea_options.arena = arena;
	for (int round = 0; round < 3; round++) {
		while (nr_runs < 180)
			CHECK(alloc(MiB, 1));
		check_counts();
		free_all();
		sea_pages_purge_free(0);
		check_counts();
		CHECK_EQ(sea_pages_dirty(), 0);
	}
}

static void empty_arenas(void) { empty_arenas_go_back(4 * KiB, 64 * MiB); }
static void empty_arenas_of_64k(void) { empty_arenas_go_back(64 * KiB, 16 * MiB); }
static void empty_arenas_of_one_mib(void) { empty_arenas_go_back(4 * KiB, MiB); }

static void idle_pages_count_as_dirty(void)
{
	sea_options.dirty_max = 64 * KiB;
	sea_pages_note_idle(100);
	CHECK_EQ(sea_pages_dirty(), 100 * 4096);
	CHECK(alloc(4096, 1));
	free_all();
	CHECK_EQ(sim.purged, 4096); /* above the watermark already */
	sea_pages_note_idle(-100);
	CHECK_EQ(sea_pages_dirty(), 0);
}

static void a_system_that_does_not_purge(void)
{
	sim.purge_is_ignored = true;
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 10; i++)
			CHECK(alloc(MiB, 1));
		free_all();
		CHECK_EQ(sea_pages_purge_free(0), 0);
		check_counts();
	}
}

static void touch_later(void)
{
	bool zeroed = false;
	char *run = sea_pages_alloc(MiB, MiB, SEA_TOUCH_LATER, &zeroed);
	CHECK(run && zeroed);
	CHECK_EQ(sea_pages_count_touched(run, run + MiB), 0);
	sea_pages_touch(run + 5000, run + 9000, true);
	CHECK_EQ(sea_pages_count_touched(run, run + MiB), 2);
	memset(run + 5000, 1, 4000);
	CHECK_EQ(sea_pages_purge_range(run, run + MiB), 2 * 4096);
	CHECK_EQ(run[5000], 0);
	CHECK_EQ(sea_pages_count_touched(run, run + MiB), 0);
	sea_pages_free(run);
	check_counts();
}

/* The least arena that the options allow: a zone's run is larger than half of it. */
static void zones_in_the_smallest_arena(void)
{
	sea_options.arena = MiB;
	char *run = sea_pages_alloc(MiB, MiB, SEA_TOUCH_LATER, NULL);
	CHECK(run != NULL);
	sea_pages_touch(run, run + 9000, true);
	CHECK_AT_MOST(sea_pages_count_touched(run, run + MiB), 256);
	sea_pages_purge_range(run + 4096, run + MiB);
	sea_pages_free(run);
	CHECK(sea_pages_are_sound());
}

/* --- huge pages ------------------------------------------------------------------------------ */

/* A huge page has 2 MiB: what nobody has written to is a 20th of what is in use from 40 MiB on. */
#define ZONES 200

static enum sea_huge wanted = SEA_HUGE_AUTO;
static enum sea_touch wanted_touch = SEA_TOUCH_DENSE;
static bool surely = true;
static char *zones[ZONES + 2];
static size_t nr_zones, written;

static void make_zone(size_t touched)
{
	sea_options.thp = wanted;
	char *zone = sea_pages_alloc(MiB, MiB, wanted_touch, NULL);
	CHECK(zone);
	zones[nr_zones++] = zone;
	CHECK_AT_MOST(sea_arena_hollow() * 20, written);
	sea_pages_touch(zone, zone + touched, surely);
	written += surely ? touched : 0;
}

static void free_zones(void)
{
	while (nr_zones)
		sea_pages_free(zones[--nr_zones]);
	sea_pages_purge_free(0);
	CHECK_EQ(sim.huge, 0);
	written = 0;
}

static void huge_pages_where_they_add_little(void)
{
	while (nr_zones < 39)
		make_zone(MiB);
	CHECK_EQ(sim.huge, 0);
	while (nr_zones < ZONES)
		make_zone(MiB);
	CHECK_AT_MOST((ZONES - 44) * MiB, sim.huge);
	CHECK_AT_MOST(sea_arena_hollow(), MiB);
	CHECK(sea_pages_are_sound());
	free_zones();
	CHECK_EQ(sea_arena_hollow(), 0);
}

/* Zones that stay empty: no more of them become huge than add a 20th. */
static void hollow_memory_has_a_bound(void)
{
	while (nr_zones < ZONES / 2)
		make_zone(4096);
	CHECK_EQ(sim.huge, 0);
	free_zones();
	while (nr_zones < ZONES / 2)
		make_zone(MiB);
	size_t before = sim.huge;
	while (nr_zones < ZONES)
		make_zone(4096);
	CHECK_AT_MOST(before + 2 * MiB, sim.huge);
	CHECK_AT_MOST(sim.huge, before + 6 * MiB);
	free_zones();
}

/* No huge page for what is not dense, or may be written to here and there only, be there ever so
 * much of it. */
static void huge_pages_for_what_is_dense(void)
{
	wanted_touch = SEA_TOUCH_LATER;
	while (nr_zones < ZONES / 2)
		make_zone(MiB);
	CHECK_EQ(sim.huge, 0);
	surely = false;
	wanted_touch = SEA_TOUCH_DENSE;
	while (nr_zones < ZONES)
		make_zone(MiB);
	CHECK_EQ(sim.huge, 4 * MiB); /* of 100 MiB that surely were written to a 20th */
	CHECK_AT_MOST(4 * MiB - 4096, sea_arena_hollow());
	free_zones();
	CHECK_EQ(sea_arena_hollow(), 0);
	surely = true;
	while (nr_zones < 39)
		make_zone(MiB);
	CHECK_EQ(sim.huge, 0); /* what went is not counted any more */
	free_zones();
}

/* Where the system takes long to find them, there is one in a minute. */
static void slow_huge_pages_are_few(void)
{
	sim.huge_ms = 5;
	while (nr_zones < ZONES) {
		make_zone(MiB);
		sim.now_ms++;
	}
	CHECK_EQ(sim.huge, 2 * MiB);
	sim.now_ms += 60000;
	make_zone(MiB);
	make_zone(MiB); /* one of the two is the first in its range */
	CHECK_EQ(sim.huge, 4 * MiB);
	free_zones();
}

static void no_huge_pages_under_a_hypervisor(void)
{
	sim.is_guest = true;
	while (nr_zones < ZONES)
		make_zone(MiB);
	CHECK_EQ(sim.huge, 0);
	free_zones();
}

static void no_huge_pages_if_not_wanted(void)
{
	wanted = SEA_HUGE_NEVER;
	while (nr_zones < ZONES)
		make_zone(MiB);
	CHECK_EQ(sim.huge, 0);
	free_zones();
}

/* What is given back from inside a zone is not filled again: the simulated kernel sees to it. */
static void a_huge_page_is_split_where_it_loses_memory(void)
{
	while (nr_zones < ZONES)
		make_zone(MiB);
	size_t before = sim.huge;
	CHECK_EQ(sea_pages_purge_range(zones[ZONES - 2] + 64 * KiB, zones[ZONES - 2] + 128 * KiB), 64 * KiB);
	CHECK_EQ(sim.huge, before - 2 * MiB);
	free_zones();
}

/* --- random operations ----------------------------------------------------------------------- */

static size_t random_size(uint64_t *seed)
{
	size_t kinds[] = {64 * KiB, MiB, 6 * MiB, 40 * MiB};
	return 1 + test_random_size(seed, kinds[below(seed, below(seed, 12) ? 2 : 4)]);
}

static void step_randomly(uint64_t *seed)
{
	size_t action = below(seed, 100), i = nr_runs ? below(seed, nr_runs) : 0;
	if (!nr_runs || (action < 45 && nr_runs < MAX_RUNS))
		alloc(random_size(seed), below(seed, 4) ? 1 : (size_t)1 << below(seed, 21));
	else if (action < 75)
		free_run(i);
	else if (action < 90)
		resize(i, random_size(seed));
	else if (action < 97)
		move(i, random_size(seed));
	else
		sea_pages_purge_free(below(seed, 8 * MiB));
}

static void random_operations(size_t page, size_t steps)
{
	uint64_t seed = test_seed();
	sim.page_size = page;
	for (size_t step = 0; step < steps; step++) {
		step_randomly(&seed);
		if (step % 4 == 0)
			check_counts();
	}
	check_all_pages();
	free_all();
	sea_pages_purge_free(0);
	check_counts();
	CHECK_EQ(sea_pages_dirty(), 0);
}

static void pages_of_4k(void) { random_operations(4 * KiB, rounds(1500)); }
static void pages_of_16k(void) { random_operations(16 * KiB, rounds(1000)); }
static void pages_of_64k(void) { random_operations(64 * KiB, rounds(1000)); }

static void without_purge(void)
{
	sim.purge_is_ignored = true;
	uint64_t seed = test_seed();
	for (size_t step = 0; step < rounds(800); step++)
		step_randomly(&seed);
	check_all_pages();
	free_all();
	check_counts();
}

/* Faults at random: nothing that is held changes, and the counts stay right. */
static void with_random_faults(void)
{
	uint64_t seed = test_seed();
	for (size_t step = 0; step < rounds(1500); step++) {
		if (below(&seed, 4) == 0)
			sim_fail((enum sim_call)below(&seed, SIM_NR_CALLS + 1), 1 + below(&seed, 3), below(&seed, 2));
		step_randomly(&seed);
		sim_heal();
		if (step % 4 == 0)
			check_counts();
	}
	check_all_pages();
	free_all();
	check_counts();
}

/* Requests that fail again and again use up nothing: not even our own metadata. */
static void failing_requests_do_not_leak(void)
{
	CHECK(alloc(MiB, 1));
	sim.max_reserved = sim.reserved + 4096;
	while (alloc(16 * MiB, 1) || alloc(MiB, 1) || alloc(4096, 1))
		;
	size_t used = sea_meta_size();
	for (int i = 0; i < 100; i++) {
		CHECK(!alloc(MiB, 1));
		CHECK(!alloc(40 * MiB, 1));
		CHECK(!move(0, 60 * MiB));
	}
	CHECK_EQ(sea_meta_size(), used);
	sim.max_reserved = 0;
	CHECK(alloc(MiB, 1));
	check_counts();
}

/* --- threads --------------------------------------------------------------------------------- */

static void *churn(void *argument)
{
	uint64_t seed = *(uint64_t *)argument;
	char *mine[16] = {NULL};
	for (size_t i = 0; i < rounds(3000); i++) {
		size_t slot = below(&seed, NR(mine));
		if (mine[slot]) {
			CHECK(mine[slot][0] == (char)slot && mine[slot][4095] == (char)slot);
			sea_pages_free(mine[slot]);
		}
		mine[slot] = sea_pages_alloc(1 + test_random_size(&seed, MiB), 1, SEA_TOUCH_NOW, NULL);
		CHECK(mine[slot] != NULL);
		mine[slot][0] = mine[slot][4095] = (char)slot;
		if (below(&seed, 100) == 0)
			sea_pages_purge_free(0);
	}
	for (size_t slot = 0; slot < NR(mine); slot++)
		if (mine[slot])
			sea_pages_free(mine[slot]);
	return NULL;
}

static void threads(void)
{
	pthread_t threads[3];
	uint64_t seeds[NR(threads)];
	for (size_t i = 0; i < NR(threads); i++) {
		seeds[i] = test_seed() + 2 * i;
		threads[i] = start_thread(churn, &seeds[i]);
	}
	for (size_t i = 0; i < NR(threads); i++)
		pthread_join(threads[i], NULL);
	check_counts();
	sea_pages_purge_free(0);
	CHECK_EQ(sea_pages_dirty(), 0);
}

/* A run that grows in place to the size of a block need not lie where a block may. */
static void a_grown_run_is_no_block(void)
{
	size_t page = sim.page_size;
	char *first = sea_pages_alloc(page, 1, SEA_TOUCH_NOW, NULL);
	char *second = sea_pages_alloc(page, 1, SEA_TOUCH_NOW, NULL);
	CHECK(second == first + page);
	CHECK(sea_pages_resize(second, 2 * page));
	sea_pages_free(second);
	char *aligned = sea_pages_alloc(2 * page, 2 * page, SEA_TOUCH_NOW, NULL);
	CHECK(aligned && (uintptr_t)aligned % (2 * page) == 0);
	sea_pages_free(aligned);
	sea_pages_free(first);
	CHECK(sea_pages_are_sound());
}

/* Of nine runs the last stays.  The best block for the next is its buddy, which cannot be made
 * usable; the other eight are usable and free. */
static void committed_pages_serve_when_no_more_are_to_be_had(void)
{
	while (nr_runs < 9)
		CHECK(alloc(SEA_MIB, SEA_MIB));
	sim_fail(SIM_COMMIT, 1, true);
	CHECK(!alloc(SEA_MIB, SEA_MIB));
	for (size_t i = 8; i-- > 0;)
		free_run(i);
	for (size_t nr = 0; nr < 8; nr++)
		CHECK(alloc(SEA_MIB, SEA_MIB));
	CHECK(!alloc(SEA_MIB, SEA_MIB));
	sim_heal();
	while (nr_runs > 0)
		free_run(0);
	CHECK(sea_pages_are_sound());
}

static const struct test_case cases[] = {
	PASSES(committed_pages_serve_when_no_more_are_to_be_had),
	PASSES(a_grown_run_is_no_block),
	PASSES(a_run_has_its_exact_length),
	PASSES(alignments),
	PASSES(impossible_requests),
	PASSES(interior_addresses_are_no_runs),
	PASSES(places),
	ABORTS(freeing_twice, "heap corrupted: find_run"),
	PASSES(freed_pages_come_back),
	PASSES(resize_in_place),
	PASSES(resize_whole),
	PASSES(freed_memory_goes_back_above_the_watermark),
	PASSES(trim_keeps_what_it_is_told),
	PASSES(empty_arenas),
	PASSES(empty_arenas_of_64k),
	PASSES(empty_arenas_of_one_mib),
	PASSES(idle_pages_count_as_dirty),
	PASSES(a_system_that_does_not_purge),
	PASSES(touch_later),
	PASSES(zones_in_the_smallest_arena),
	PASSES(huge_pages_where_they_add_little),
	PASSES(hollow_memory_has_a_bound),
	PASSES(huge_pages_for_what_is_dense),
	PASSES(slow_huge_pages_are_few),
	PASSES(no_huge_pages_under_a_hypervisor),
	PASSES(no_huge_pages_if_not_wanted),
	PASSES(a_huge_page_is_split_where_it_loses_memory),
	PASSES(pages_of_4k),
	PASSES(pages_of_16k),
	PASSES(pages_of_64k),
	PASSES(without_purge),
	PASSES(with_random_faults),
	PASSES(failing_requests_do_not_leak),
	PASSES(threads),
};

HARNESS_MAIN(cases)
