/* SPDX-License-Identifier: MIT */
/* seammap.c - what the map describes, and what it costs */
#include "map/seammap.h"

#include <sys/wait.h>
#include <unistd.h>

#include "map/region.h"
#include "map/seam.h"
#include "unit.h"

#define SLOT_BITS (SEA_SLOT_SIZE / SEA_GRANULE)
static const char *at(size_t address) { return (const char *)address; }

static size_t bit_of(const char *address) { return ((uintptr_t)address >> 4) - sea_seams_first; }

static void nothing_is_described_at_first(void)
{
	CHECK_EQ(sea_seams_nr, 0);
	CHECK(sea_seams);
	CHECK(!sea_seams_of(at(0)) && !sea_seams_of(at(5 * GiB)));
}

static void words_of_neighbours_lie_side_by_side(void)
{
	const char *slot = at(100 * GiB);
	CHECK(sea_seams_cover(slot) && sea_seams_cover(slot + MiB));
	CHECK(sea_seams_of(slot + MiB) == sea_seams_of(slot) + SLOT_BITS / 64);
	CHECK((const char *)sea_seams_of(slot) == sea_seams + bit_of(slot) / 8);
	sea_seams_of(slot)[0] |= 1 | 1ull << 20;
	sea_seams_of(slot + MiB)[0] |= 1;
	CHECK_EQ(sea_seam_distance(sea_seams, bit_of(slot)), 20);
	CHECK_EQ(sea_seam_distance(sea_seams, bit_of(slot) + 1), 0);
	sea_seams_of(slot)[SLOT_BITS / 64 - 1] |= 1ull << 60;
	CHECK_EQ(sea_seam_distance(sea_seams, bit_of(slot) + SLOT_BITS - 4), 4);
}

/* One for 1 KiB of addresses, zero at first. */
static void bytes_of_neighbours_lie_side_by_side(void)
{
	const char *slot = at(100 * GiB);
	CHECK(sea_seams_cover(slot) && sea_seams_cover(slot - 64 * MiB));
	uint8_t *start = sea_seams_start_of(slot);
	CHECK(sea_seams_start_of(slot + KiB - 1) == start && sea_seams_start_of(slot + KiB) == start + 1);
	CHECK(sea_seams_start_of(slot - 1) == start - 1);
	CHECK((const char *)sea_seams_start_of(at(sea_seams_first << 4)) > sea_seams + sea_seams_nr / 8);
	for (size_t i = 0; i < 64 * KiB; i++)
		CHECK_EQ(start[i] | start[-1 - (ptrdiff_t)i], 0);
	memset(start - 64 * KiB, 0xff, 128 * KiB);
	CHECK_EQ(sea_seam_distance(sea_seams, sea_seams_nr - 1), 0);
}

/* Every described bit can be read, with the seven bytes behind it; most are zeros. */
static void all_of_the_map_can_be_read(void)
{
	CHECK(sea_seams_cover(at(64 * GiB)));
	for (size_t bit = 0; bit < sea_seams_nr; bit += 64 * 8 * 1024)
		CHECK_EQ(sea_seam_distance(sea_seams, bit), 0);
	CHECK_EQ(sea_seam_distance(sea_seams, sea_seams_nr - 1), 0);
}

/* More below than above: the kernel hands out addresses downward. */
static void it_lies_around_the_first_zone(void)
{
	const char *first = at(1000 * GiB);
	CHECK(sea_seams_cover(first));
	CHECK(sea_seams_of(first));
	CHECK(bit_of(first) > sea_seams_nr / 2 && bit_of(first) < sea_seams_nr);
	CHECK(sea_seams_cover(first - 5 * GiB) && sea_seams_of(first - 5 * GiB));
	CHECK(sea_seams_cover(first - 50 * GiB) && !sea_seams_of(first - 50 * GiB));
	CHECK(sea_seams_cover(first + 50 * GiB) && !sea_seams_of(first + 50 * GiB));
}

static void near_the_ends_of_the_address_space(void)
{
	CHECK(sea_seams_cover(at(2 * MiB)));
	CHECK(sea_seams_of(at(2 * MiB)) && sea_seams_of(at(0)));
	CHECK_EQ(sea_seams_first, 0);
}

static void only_what_is_covered_is_writable(void)
{
	CHECK(sea_seams_cover(at(100 * GiB)));
	size_t committed = sim.committed, calls = sim.nr_calls[SIM_ANY];
	CHECK_AT_MOST(committed, 2 * MiB);
	CHECK(sea_seams_cover(at(100 * GiB) + MiB));
	CHECK_EQ(sim.nr_calls[SIM_ANY], calls);
	CHECK(sea_seams_cover(at(99 * GiB)));
	CHECK(sim.committed > committed);
}

/* A process that may have little gets a small map. */
static void a_limit_bounds_it(void)
{
	sim.address_space = 64 * MiB;
	CHECK(sea_seams_cover(at(100 * GiB)));
	CHECK_AT_MOST(sim.reserved, 3 * MiB);
	CHECK(sea_seams_of(at(100 * GiB)));
	CHECK(sea_seams_cover(at(90 * GiB)) && !sea_seams_of(at(90 * GiB)));
}

/* It is tried once: marks that exist depend on it. */
static void no_memory_for_the_map(void)
{
	const char *before = sea_seams;
	sim_fail(SIM_RESERVE, 1, false);
	CHECK(sea_seams_cover(at(100 * GiB)));
	CHECK(!sea_seams_of(at(100 * GiB)));
	CHECK(sea_seams_cover(at(100 * GiB)));
	CHECK(!sea_seams_of(at(100 * GiB)) && sea_seams == before);
}

static void no_memory_for_a_part(void)
{
	CHECK(sea_seams_cover(at(100 * GiB)));
	sim_fail(SIM_COMMIT, 1, false);
	CHECK(!sea_seams_cover(at(99 * GiB)));
	sim_fail(SIM_COMMIT, 2, false);
	CHECK(!sea_seams_cover(at(99 * GiB)));
	CHECK(sea_seams_cover(at(99 * GiB)));
	*sea_seams_start_of(at(99 * GiB)) = 1;
	sea_seams_of(at(99 * GiB))[0] = 1;
}

static void purging(void)
{
	const char *slot = at(100 * GiB);
	CHECK(sea_seams_cover(slot));
	for (size_t word = 0; word < 3 * SLOT_BITS / 64; word++)
		sea_seams_of(slot)[word] = ~0ull;
	sea_seams_purge(slot + MiB, MiB);
	CHECK_EQ(sim.purged, SLOT_BITS / 8);
	CHECK_EQ(sea_seams_of(slot + MiB)[0] | sea_seams_of(slot + MiB)[SLOT_BITS / 64 - 1], 0);
	CHECK(~sea_seams_of(slot)[SLOT_BITS / 64 - 1] == 0 && ~sea_seams_of(slot + 2 * MiB)[0] == 0);
	sea_seams_purge(slot - 50 * GiB, 4 * MiB); /* not described */
	sea_seams_purge(slot - 5 * GiB, 4 * MiB);  /* never written */
	CHECK_EQ(sim.purged, SLOT_BITS / 8);
}

/* Whoever returns finds the map that everybody has: the marks depend on it. */
static void *cover_first(void *barrier)
{
	pthread_barrier_wait(barrier);
	CHECK(sea_seams_cover(at(100 * GiB)));
	CHECK_EQ(__atomic_load_n(&sea_seams_nr, __ATOMIC_RELAXED), 8 * GiB / SEA_GRANULE);
	__atomic_fetch_or(&sea_seams_of(at(100 * GiB))[0], 1, __ATOMIC_RELAXED);
	return NULL;
}

static void race_for_the_first(void)
{
	pthread_barrier_t barrier;
	pthread_t threads[3];
	pthread_barrier_init(&barrier, NULL, NR(threads));
	for (size_t i = 0; i < NR(threads); i++)
		threads[i] = start_thread(cover_first, &barrier);
	for (size_t i = 0; i < NR(threads); i++)
		pthread_join(threads[i], NULL);
}

/* A process makes its map once, so each race takes a process. */
static void threads_race_for_the_first(void)
{
	for (size_t i = 0; i < rounds(1000); i++) {
		pid_t child = fork();
		if (!child) {
			race_for_the_first();
			_exit(0);
		}
		int status;
		CHECK_EQ(waitpid(child, &status, 0), child);
		CHECK_EQ(status, 0);
	}
}

static void a_zone_without_seams_is_noticed(void)
{
	const char *slot = at(100 * GiB), *other = at(99 * GiB);
	struct sea_zone *zone = (struct sea_zone *)&sim; /* nobody looks into it */
	CHECK(sea_seams_are_sound());
	CHECK(sea_seams_cover(slot) && sea_pagemap_cover(slot, SEA_SLOT_SIZE) && sea_pagemap_cover(other, SEA_SLOT_SIZE));
	sea_pagemap_set_zone(slot, zone);
	CHECK(sea_seams_are_sound());
	sea_pagemap_set_zone(other, zone);
	CHECK(!sea_seams_are_sound()); /* W3 */
}

static const struct test_case cases[] = {
	PASSES(nothing_is_described_at_first), PASSES(words_of_neighbours_lie_side_by_side),
	PASSES(bytes_of_neighbours_lie_side_by_side),
	PASSES(all_of_the_map_can_be_read), PASSES(it_lies_around_the_first_zone),
	PASSES(near_the_ends_of_the_address_space), PASSES(only_what_is_covered_is_writable),
	PASSES(a_limit_bounds_it), PASSES(no_memory_for_the_map), PASSES(no_memory_for_a_part), PASSES(purging),
	PASSES(threads_race_for_the_first), PASSES(a_zone_without_seams_is_noticed),
};

HARNESS_MAIN(cases)
