/* SPDX-License-Identifier: MIT */
/* sizeclass.c - every class and every size */
#include "heap/sizeclass.h"

#include "unit.h"

static void classes_ascend(void)
{
	unsigned before = 0;
	for (unsigned c = 1; c < SEA_NR_CLASSES; c++) {
		unsigned n = sea_class_granules(c);
		if (!n)
			continue;
		CHECK(n > before);
		before = n;
	}
	CHECK_EQ(before, SEA_MEDIUM_GRANULES);
}

static void classes_that_hold_nothing(void)
{
	CHECK_EQ(sea_class_granules(0), 0);
	for (unsigned c = SEA_SMALL_GRANULES + 1; c < SEA_CLASS_MEDIUM; c++)
		CHECK_EQ(sea_class_granules(c), 0);
}

/* What a fast path reads off a seam map is the class itself. */
static void small_classes_are_their_size(void)
{
	for (unsigned n = 1; n <= SEA_SMALL_GRANULES; n++) {
		CHECK_EQ(sea_class_granules(n), n);
		CHECK_EQ(sea_class_for(n), n);
		CHECK_EQ(sea_class_of(n), n);
	}
}

static void the_smallest_class_that_fits(void)
{
	for (unsigned n = 1; n <= SEA_MEDIUM_GRANULES; n++) {
		unsigned c = sea_class_for(n), smaller = c - 1;
		CHECK(c < SEA_NR_CLASSES && sea_class_granules(c) >= n);
		while (smaller > 0 && !sea_class_granules(smaller))
			smaller--;
		CHECK(sea_class_granules(smaller) < n);
	}
}

/* A length has a class only if the class has that length. */
static void the_class_of_a_length(void)
{
	unsigned nr = 0;
	for (unsigned n = 1; n <= SEA_MEDIUM_GRANULES; n++) {
		unsigned c = sea_class_of(n);
		nr += c != 0;
		CHECK_EQ(c != 0, sea_class_granules(sea_class_for(n)) == n);
		CHECK(!c || sea_class_granules(c) == n);
	}
	CHECK_EQ(nr, SEA_SMALL_GRANULES + SEA_NR_CLASSES - SEA_CLASS_MEDIUM);
	CHECK_EQ(sea_class_of(SEA_MEDIUM_GRANULES + 1), 0);
	CHECK_EQ(sea_class_of(SEA_SLOT_SIZE / SEA_GRANULE), 0);
}

static void steps_waste_an_eighth_at_most(void)
{
	for (unsigned n = SEA_SMALL_GRANULES; n <= SEA_MEDIUM_GRANULES; n++)
		CHECK(8 * (sea_class_granules(sea_class_for(n)) - n) < n + 8);
}

static void granules_of_sizes(void)
{
	CHECK_EQ(sea_granules_for(0), 0);
	CHECK_EQ(sea_granules_for(1), 1);
	CHECK_EQ(sea_granules_for(16), 1);
	CHECK_EQ(sea_granules_for(17), 2);
	CHECK_EQ(sea_granules_for(SEA_MIB), SEA_MIB / SEA_GRANULE);
}

static const struct test_case cases[] = {
	PASSES(classes_ascend), PASSES(classes_that_hold_nothing), PASSES(small_classes_are_their_size),
	PASSES(the_smallest_class_that_fits), PASSES(the_class_of_a_length),
	PASSES(steps_waste_an_eighth_at_most), PASSES(granules_of_sizes),
};

HARNESS_MAIN(cases)
