/* SPDX-License-Identifier: MIT */
/* cell.c - the sizes of cells */
#include "secure/cell.h"

#include "unit.h"

static void smallest_that_fits(void)
{
	size_t before = 0;
	for (unsigned class = 0; class < SEA_CELL_CLASSES; class++) {
		size_t size = sea_cell_size(class);
		CHECK(size > before && size % SEA_GRANULE == 0);
		CHECK_EQ(sea_cell_class(size), class);
		CHECK_EQ(sea_cell_class(before + 1), class);
		before = size;
	}
	CHECK_EQ(before, SEA_CELL_MAX);
}

/* Above 128 bytes an eighth is lost at most. */
static void little_is_lost(void)
{
	for (size_t bytes = 128; bytes <= SEA_CELL_MAX; bytes++)
		CHECK(sea_cell_size(sea_cell_class(bytes)) <= bytes + bytes / 8);
}

static void slabs_have_enough_cells(void)
{
	for (unsigned class = 0; class < SEA_CELL_CLASSES; class++) {
		size_t size = sea_cell_size(class), nr = ((size_t)1 << sea_slab_shift(sea_slab_grade(size))) / size;
		CHECK(nr >= 7 && nr <= SEA_SLAB_CELLS_MAX);
		CHECK(size > SEA_KIB || nr >= 16);
	}
}

static const struct test_case cases[] = {
	PASSES(smallest_that_fits),
	PASSES(little_is_lost),
	PASSES(slabs_have_enough_cells),
};

HARNESS_MAIN(cases)
