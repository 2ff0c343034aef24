/* SPDX-License-Identifier: MIT */
/* slabs.c - cells taken and given, against a list of what is out */
#include "secure/slabs.h"

#include "map/map.h"
#include "page/page_alloc.h"
#include "unit.h"

enum { MOST = 4000 };
static char *taken[MOST];
static size_t nr_taken;

static bool overlaps(const char *cell, size_t size)
{
	for (size_t i = 0; i < nr_taken; i++) {
		size_t other = sea_slabs_find(sea_slabs_tract(taken[i]), taken[i]).size;
		if (cell < taken[i] + other && taken[i] < cell + size)
			return true;
	}
	return false;
}

static void take(unsigned class, unsigned nr)
{
	unsigned done = sea_slabs_take(0, class, nr, taken + nr_taken);
	CHECK_EQ(done, nr);
	for (unsigned i = 0; i < done; i++) {
		char *cell = taken[nr_taken];
		struct sea_cell found = sea_slabs_find(sea_slabs_tract(cell), cell + 3);
		CHECK(found.start == cell && found.size == sea_cell_size(class));
		CHECK(!overlaps(cell, found.size));
		memset(cell, 0, found.size);
		nr_taken++;
	}
}

static void give_one(char *cell)
{
	struct sea_free_cell free_cell = sea_free_cell_of(sea_slabs_find(sea_slabs_tract(cell), cell));
	CHECK(sea_free_cell_start(free_cell) == cell);
	sea_slabs_give(&free_cell, 1);
}

static void give(uint64_t *random, unsigned nr)
{
	while (nr-- && nr_taken) {
		size_t i = below(random, nr_taken);
		give_one(taken[i]);
		taken[i] = taken[--nr_taken];
	}
}

static void any_order(void)
{
	uint64_t random = test_seed();
	for (size_t i = 0; i < rounds(400); i++) {
		if (nr_taken + 8 < MOST && below(&random, 9) < 5)
			take((unsigned)below(&random, SEA_CELL_CLASSES), (unsigned)below(&random, 8) + 1);
		else
			give(&random, (unsigned)below(&random, 20));
		if (i % 16 == 0)
			CHECK(sea_slabs_are_sound());
	}
	give(&random, MOST);
	sea_slabs_trim();
	CHECK(sea_slabs_are_sound() && sea_pages_are_sound() && sea_map_is_sound());
}

static void all_goes_back(void)
{
	uint64_t random = test_seed();
	for (unsigned class = 0; class < SEA_CELL_CLASSES; class += 7)
		take(class, 16);
	char *one = taken[0];
	give(&random, MOST);
	sea_slabs_trim();
	CHECK(!sea_slabs_tract(one));
	struct sea_page_stats stats;
	sea_pages_stats(&stats);
	CHECK_EQ(stats.in_use, 0);
}

/* Of 64 cells in a row of a fresh slab few follow their neighbour. */
static void places_are_chosen_by_chance(void)
{
	size_t nr_next = 0;
	sea_secrets.address = test_seed();
	take(3, 64);
	for (size_t i = 1; i < 64; i++)
		nr_next += taken[i] == taken[i - 1] + 64;
	CHECK_AT_MOST(nr_next, 16);
}

static void memory_of_another_size_is_clean(void)
{
	uint64_t random = test_seed();
	take(0, 200);
	for (size_t i = 0; i < nr_taken; i++)
		memset(taken[i], 1, 16);
	give(&random, MOST);
	for (unsigned class = 1; class < 4; class++) {
		char *cells[200];
		unsigned nr = sea_slabs_take(0, class, 200, cells);
		for (unsigned i = 0; i < nr; i++)
			for (size_t at = 0; at < sea_cell_size(class); at++)
				CHECK(!cells[i][at]);
	}
}

static void no_memory(void)
{
	char *cell;
	sim_fail(SIM_ANY, 1, true);
	CHECK_EQ(sea_slabs_take(0, 5, 1, &cell), 0);
	CHECK(sea_slabs_are_sound());
}

static void given_twice(void)
{
	take(5, 2);
	give_one(taken[0]);
	give_one(taken[0]);
}

static const struct test_case cases[] = {
	PASSES(any_order),
	PASSES(all_goes_back),
	PASSES(places_are_chosen_by_chance),
	PASSES(memory_of_another_size_is_clean),
	PASSES(no_memory),
	ABORTS(given_twice, "heap corrupted"),
};

HARNESS_MAIN(cases)
