/* SPDX-License-Identifier: MIT */
/* cellcache.c - held back by number and bytes, left to the next thread */
#include "secure/cellcache.h"

#include "base/options.h"
#include "unit.h"

static char *take(unsigned class)
{
	char *cell = sea_cellcache_take(sea_cellcache_of_thread(), class);
	CHECK(cell);
	return cell;
}

static void hold(unsigned class, char *cell)
{
	struct sea_cell found = sea_slabs_find(sea_slabs_tract(cell), cell);
	CHECK_EQ(found.size, sea_cell_size(class));
	sea_cellcache_hold(sea_cellcache_of_thread(), sea_free_cell_of(found));
}

static void bounds(void)
{
	uint64_t random = test_seed();
	for (size_t i = 0; i < rounds(4000); i++) {
		unsigned class = (unsigned)below(&random, SEA_CELL_CLASSES);
		hold(class, take(class));
		CHECK(sea_cellcache_own->nr_held <= sea_options.secure_hold_count);
		CHECK(sea_cellcache_own->held_bytes <= sea_options.secure_hold);
		if (i % 64 == 0)
			CHECK(sea_cellcache_is_sound());
	}
	sea_cellcache_empty(sea_cellcache_own, true);
	CHECK(sea_cellcache_is_sound() && sea_slabs_are_sound());
	CHECK_EQ(sea_cellcache_sum().kept, 0);
}

static void come_again_by_chance(void)
{
	char *first = take(3);
	hold(3, first);
	size_t n = 0;
	for (; n < 100000; n++) {
		char *cell = take(3);
		if (cell == first)
			break;
		hold(3, cell);
	}
	CHECK(n > 16 && n < 100000);
}

static void *use(void *cell)
{
	*(char **)cell = take(9);
	hold(9, *(char **)cell);
	return NULL;
}

static void threads_leave_theirs(void)
{
	char *cell;
	size_t before = sea_cellcache_sum().kept;
	for (int i = 0; i < 50; i++)
		run_in_thread(use, &cell);
	CHECK(sea_cellcache_sum().kept > before);
	CHECK_AT_MOST(sea_cellcache_sum().kept, 200 * 1024);
	sea_cellcache_empty_left();
	CHECK_EQ(sea_cellcache_sum().kept, before);
}

static void in_a_child(void)
{
	hold(3, take(3));
	sea_cellcache_forget_others();
	CHECK(sea_cellcache_is_sound());
	CHECK_EQ(sea_cellcache_sum().nr_threads, 1);
}

static void *show_own(void *own)
{
	hold(9, take(9));
	*(struct sea_cellcache **)own = sea_cellcache_own;
	return NULL;
}

/* A thread that is leaving is not counted any more, but its cell cache is still in use. */
static void in_a_child_while_a_thread_leaves(void)
{
	struct sea_cellcache *other;
	hold(3, take(3));
	run_in_thread(show_own, &other);
	other->is_used = true;
	sea_cellcache_forget_others();
	CHECK_EQ(sea_cellcache_sum().nr_threads, 1);
}

static const struct test_case cases[] = {
	PASSES(bounds),
	PASSES(come_again_by_chance),
	PASSES(threads_leave_theirs),
	PASSES(in_a_child),
	PASSES(in_a_child_while_a_thread_leaves),
};

HARNESS_MAIN(cases)
