/* SPDX-License-Identifier: MIT */
/* arenas.c - made, equipped, listed, given back */
#include "page/arenas.h"

#include "base/options.h"
#include "map/map.h"
#include "page/buddy.h"
#include "unit.h"

enum { NR_PAGES = 16 * 256 }; /* of the arenas that link_one() makes */
#define ARENA (16 * MiB)

static void check(void) { CHECK(sea_arenas_are_sound()); }

static size_t nr_listed(void)
{
	size_t nr = 0;
	for (const struct sea_arena *arena = sea_arenas.first; arena; arena = arena->next)
		nr++;
	return nr;
}

/* A regular arena, listed, whose pages are all free; the first has 16 MiB. */
static struct sea_arena *link_one(void)
{
	sea_options.arena = ARENA;
	struct sea_arena *arena = sea_arenas_make(1, 1);
	CHECK(arena != NULL);
	sea_arenas_link(arena);
	check();
	return arena;
}

/* Takes a run of pages, which hold memory then. */
static pfn_t take(struct sea_arena *arena, size_t nr_pages)
{
	pfn_t pfn = sea_buddy_alloc(arena->pool, nr_pages);
	CHECK(pfn != SEA_NO_PFN);
	CHECK(sea_arena_commit(arena, (pfn + nr_pages) << sea_page_shift()));
	sea_arena_touch(arena, pfn, pfn + nr_pages, true);
	return pfn;
}

/* --- regular arenas ------------------------------------------------------------------------ */

static void none_at_first(void)
{
	size_t nr_dirty = 7;
	check();
	CHECK(!sea_arenas_release_empty(0, 0, &nr_dirty));
	CHECK_EQ(nr_dirty, 0);
}

static void one_is_equipped_and_empty(void)
{
	sea_options.arena = ARENA;
	struct sea_arena *arena = sea_arenas_make(100000, 1);
	CHECK(arena && arena->size == ARENA && !arena->block_size && !arena->next);
	CHECK_EQ((uintptr_t)arena->base % (2 * MiB), 0);
	CHECK_EQ(arena->pool->nr_pages, NR_PAGES);
	CHECK_EQ(arena->pool->nr_free, NR_PAGES);
	CHECK(sea_buddy_is_sound(arena->pool));
	CHECK(test_is_zero(arena->touched, NR_PAGES / 8));
	CHECK(sea_pagemap_arena(arena->base + ARENA - 1) == arena);
	CHECK(!sea_arenas.first); /* not listed yet */
	check();
	sea_arenas_link(arena);
	CHECK(sea_arenas.first == arena && sea_arenas.last == arena);
	check();
}

static void sizes_double(void)
{
	sea_options.arena = 4 * MiB;
	for (size_t want = 4 * MiB; want <= 64 * MiB; want *= 2)
		CHECK_EQ(sea_arenas_make(1, 1)->size, want);
	CHECK_EQ(sea_arenas_make(300 * MiB - 1, 1)->size, 300 * MiB);
	CHECK_EQ(sea_arenas_make(1, 32 * MiB)->size, 600 * MiB);
	CHECK_EQ(sea_arenas_make(1, 1)->size, SEA_ARENA_MAX);
}

static void the_oldest_is_first(void)
{
	struct sea_arena *a = link_one(), *b = link_one(), *c = link_one();
	CHECK(sea_arenas.first == a && a->next == b && b->next == c && sea_arenas.last == c);
}

static void less_where_there_is_not_so_much(void)
{
	CHECK(sea_meta_alloc(1) && sea_pagemap_cover((char *)&sim, 1));
	sea_options.arena = 64 * MiB;
	sim.max_reserved = sim.reserved + 24 * MiB;
	struct sea_arena *arena = sea_arenas_make(3 * MiB, 1);
	CHECK(arena && arena->size >= 3 * MiB && arena->size <= 16 * MiB);
	check();
}

/* What was taken for it is used by the next. */
static void no_room(void)
{
	sea_options.arena = 64 * MiB;
	CHECK(sea_meta_alloc(1));
	size_t reserved = sim.reserved, metadata = 0;
	for (int i = 0; i < 10; i++) {
		sim_fail(SIM_RESERVE, 1, true);
		CHECK(!sea_arenas_make(3 * MiB, 1));
		sim_heal();
		CHECK(i == 0 || sea_meta_size() == metadata);
		metadata = sea_meta_size();
		CHECK_EQ(sim.reserved, reserved);
	}
	check();
	CHECK(sea_arenas_make(3 * MiB, 1));
}

/* Whichever call it is, there is an arena or none, and the lists are sound. */
static void each_call_fails_once(void)
{
	sea_options.arena = ARENA;
	CHECK(sea_arenas_make(1, 1));
	for (size_t n = 1; n < 20; n++) {
		size_t nr_failed = sim.nr_failed;
		sim_fail(SIM_ANY, n, false);
		struct sea_arena *arena = sea_arenas_make(1, 1);
		sim_heal();
		check();
		if (sim.nr_failed == nr_failed)
			return; /* fewer calls than that */
		CHECK(!arena || sea_buddy_is_sound(arena->pool));
	}
	test_fail(__FILE__, __LINE__, "more than 20 calls");
}

/* --- given back ---------------------------------------------------------------------------- */

static void empty_ones_go_but_for_the_first(void)
{
	struct sea_arena *arena[4] = {link_one(), link_one(), link_one(), link_one()};
	size_t nr_dirty, reserved = sim.reserved;
	char *base = arena[2]->base;
	take(arena[1], 3);
	CHECK(sea_arenas_release_empty(1, 0, &nr_dirty));
	CHECK_EQ(nr_dirty, 0);
	CHECK_EQ(nr_listed(), 2);
	CHECK(sea_arenas.first == arena[0] && sea_arenas.last == arena[1] && !arena[1]->next);
	CHECK(sim.reserved < reserved);
	CHECK(!sea_pagemap_arena(base) && sea_arenas_was_released(base + 100));
	CHECK(!sea_arenas_was_released(arena[0]->base));
	check();
	CHECK(!sea_arenas_release_empty(1, 0, &nr_dirty));
	CHECK(sea_arenas_release_empty(0, 0, &nr_dirty));
	CHECK(sea_arenas.first == arena[1]);
	check();
}

/* Pages that are free and hold memory still are told, or keep the arena. */
static void dirty_ones(void)
{
	struct sea_arena *arena = link_one();
	size_t nr_dirty;
	pfn_t pfn = take(arena, 10);
	sea_buddy_free(arena->pool, pfn, 10);
	CHECK(!sea_arenas_release_empty(0, 9, &nr_dirty));
	CHECK_EQ(nr_dirty, 0);
	CHECK(sea_arenas_release_empty(0, 10, &nr_dirty));
	CHECK_EQ(nr_dirty, 10);
	CHECK(!sea_arenas.first && !sea_arenas.last);
	check();
}

/* The next of its size gets it, as if it were new. */
static void metadata_is_used_again(void)
{
	struct sea_arena *arena = link_one();
	char *meta = arena->meta;
	size_t nr_dirty;
	sea_buddy_free(arena->pool, take(arena, 100), 100);
	CHECK(sea_arenas_release_empty(0, SIZE_MAX, &nr_dirty));
	size_t metadata = sea_meta_size();
	sea_options.arena = ARENA;
	/* sizes have doubled: 32, 64 and 128 MiB have metadata of their own */
	for (int i = 0; i < 3; i++) {
		struct sea_arena *other = sea_arenas_make(1, 1);
		CHECK(other && other->meta != meta);
	}
	CHECK(sea_meta_size() > metadata);
	metadata = sea_meta_size();
	sim.max_reserved = sim.reserved + 20 * MiB; /* so that it is 16 MiB again */
	arena = sea_arenas_make(1, 1);
	CHECK(arena && arena->size == ARENA && arena->meta == meta);
	CHECK_AT_MOST(sea_meta_size() - metadata, 256);
	CHECK_EQ(arena->pool->nr_free, NR_PAGES);
	CHECK(sea_buddy_is_sound(arena->pool));
	CHECK(test_is_zero(arena->touched, NR_PAGES / 8));
	check();
}

/* --- whole arenas --------------------------------------------------------------------------- */

static void a_whole_one(void)
{
	struct sea_arena *arena = sea_arenas_make_whole(5 * MiB + 1, 1, 40 * MiB);
	CHECK(arena && !arena->pool);
	CHECK_EQ(arena->block_size, 5 * MiB + 4096);
	CHECK_EQ(arena->size, 40 * MiB);
	CHECK_EQ(sea_arenas.nr_whole, 1);
	CHECK_EQ(sea_arenas.whole, 5 * MiB + 4096);
	CHECK(!sea_arenas.first);
	check();
	char *base = arena->base;
	sea_arenas_free_whole(arena);
	CHECK_EQ(sea_arenas.nr_whole + sea_arenas.whole, 0);
	CHECK(sea_arenas_was_released(base + 40 * MiB - 1) && !sea_arenas_was_released(base - 1));
	CHECK(!sim_is_reserved(base, 4096));
	check();
	size_t metadata = sea_meta_size();
	CHECK(sea_arenas_make_whole(5 * MiB, 1, 5 * MiB) == arena); /* the struct of the first */
	CHECK_EQ(sea_meta_size(), metadata);
}

static void a_whole_one_without_room_to_grow(void)
{
	CHECK(sea_meta_alloc(1) && sea_pagemap_cover((char *)&sim, 1));
	sim.max_reserved = sim.reserved + 30 * MiB;
	struct sea_arena *arena = sea_arenas_make_whole(20 * MiB, 1, 40 * MiB);
	CHECK(arena && arena->size == 20 * MiB);
	CHECK(!sea_arenas_make_whole(20 * MiB, 1, 20 * MiB));
	CHECK_EQ(sea_arenas.nr_whole, 1);
	check();
}

/* A move of pages has failed, and another thread may have the addresses by now. */
static void a_lost_one_is_nobodys(void)
{
	struct sea_arena *arena = sea_arenas_make_whole(5 * MiB, 1, 5 * MiB);
	char *base = arena->base;
	sea_arenas_lose_whole(arena);
	CHECK_EQ(sea_arenas.nr_whole + sea_arenas.whole, 0);
	CHECK(!sea_pagemap_arena(base) && !sea_arenas_was_released(base));
	CHECK(sim_is_reserved(base, 4096)); /* not given back by us */
	check();
}

/* 64 ranges are remembered, the youngest. */
static void old_ranges_are_forgotten(void)
{
	struct sea_arena *arena[70];
	char *base[NR(arena)];
	for (size_t i = 0; i < NR(arena); i++) {
		CHECK(arena[i] = sea_arenas_make_whole(MiB, 1, MiB));
		base[i] = arena[i]->base;
	}
	for (size_t i = 0; i < NR(arena); i++)
		sea_arenas_free_whole(arena[i]);
	for (size_t i = 0; i < NR(arena); i++)
		CHECK_EQ(sea_arenas_was_released(base[i] + MiB / 2), i >= NR(arena) - 64);
}

/* --- what is not sound ----------------------------------------------------------------------- */

static void unsound_arenas_are_noticed(void)
{
	struct sea_arena *first = link_one(), *second = link_one();
	sea_arenas.last = first;
	CHECK(!sea_arenas_are_sound()); /* AR1 */
	sea_arenas.last = second;
	first->size += SEA_SLOT_SIZE;
	CHECK(!sea_arenas_are_sound()); /* AR1 */
	first->size -= SEA_SLOT_SIZE;
	check();
	struct sea_arena *whole = sea_arenas_make_whole(MiB, 1, MiB);
	sea_arenas.nr_whole++;
	CHECK(!sea_arenas_are_sound()); /* AR3 */
	sea_arenas.nr_whole--;
	whole->block_size -= 4096;
	CHECK(!sea_arenas_are_sound()); /* AR3 */
}

static const struct test_case cases[] = {
	PASSES(none_at_first),
	PASSES(one_is_equipped_and_empty),
	PASSES(sizes_double),
	PASSES(the_oldest_is_first),
	PASSES(less_where_there_is_not_so_much),
	PASSES(no_room),
	PASSES(each_call_fails_once),
	PASSES(empty_ones_go_but_for_the_first),
	PASSES(dirty_ones),
	PASSES(metadata_is_used_again),
	PASSES(a_whole_one),
	PASSES(a_whole_one_without_room_to_grow),
	PASSES(a_lost_one_is_nobodys),
	PASSES(old_ranges_are_forgotten),
	PASSES(unsound_arenas_are_noticed),
};

HARNESS_MAIN(cases)
