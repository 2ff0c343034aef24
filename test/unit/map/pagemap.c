/* SPDX-License-Identifier: MIT */
/* pagemap.c - lookups over the whole address space */
#include "map/pagemap.h"

#include "page/arena.h"
#include "base/os.h"
#include "map/region.h"
#include "unit.h"
#include "heap/zone.h"

#define WINDOW ((size_t)1 << SEA_WINDOW_SHIFT)

static struct sea_arena first_arena, second_arena;

static char *at(size_t window, size_t offset) { return (char *)(window * WINDOW + offset); }

static void nothing_is_ours_at_first(void)
{
	static const uintptr_t addresses[] = {0, 1, 16, 1ull << 47, (1ull << 48) - 1, 1ull << 48, UINTPTR_MAX};
	for (size_t i = 0; i < NR(addresses); i++) {
		CHECK(!sea_pagemap_window((void *)addresses[i]));
		CHECK(!sea_pagemap_arena((void *)addresses[i]));
		CHECK(!sea_zone_of((void *)addresses[i]));
	}
}

static void covers_what_it_is_told(void)
{
	char *base = at(3, 5 * MiB);
	CHECK(sea_pagemap_cover(base, 2 * MiB));
	sea_pagemap_set_arena(base, 2 * MiB, &first_arena);
	CHECK(sea_pagemap_arena(base) == &first_arena);
	CHECK(sea_pagemap_arena(base + 2 * MiB - 1) == &first_arena);
	CHECK(!sea_pagemap_arena(base - 1));
	CHECK(!sea_pagemap_arena(base + 2 * MiB));
	CHECK(!sea_pagemap_arena(at(4, 5 * MiB)));
	sea_pagemap_set_arena(base, 2 * MiB, NULL);
	CHECK(!sea_pagemap_arena(base));
}

static void a_range_over_the_border_of_windows(void)
{
	char *base = at(8, 0) - 3 * MiB;
	CHECK(sea_pagemap_cover(base, 6 * MiB));
	sea_pagemap_set_arena(base, 6 * MiB, &second_arena);
	for (size_t slot = 0; slot < 6; slot++)
		CHECK(sea_pagemap_arena(base + slot * MiB) == &second_arena);
	CHECK(sea_pagemap_window(base) != sea_pagemap_window(base + 3 * MiB));
	CHECK(!sea_pagemap_window(at(9, 0)));
}

static void a_range_over_several_windows(void)
{
	CHECK(sea_pagemap_cover(at(2, WINDOW - 1), WINDOW + 2));
	CHECK(sea_pagemap_window(at(2, 0)) && sea_pagemap_window(at(3, 0)) && sea_pagemap_window(at(4, 0)));
	CHECK(!sea_pagemap_window(at(1, 0)) && !sea_pagemap_window(at(5, 0)));
}

static void the_ends_of_the_address_space(void)
{
	char *end = (char *)((uintptr_t)1 << SEA_ADDRESS_BITS);
	CHECK(sea_pagemap_cover(end - MiB, MiB));
	CHECK(!sea_pagemap_cover(end, MiB));
	CHECK(!sea_pagemap_cover(end - MiB, 2 * MiB));
	CHECK(!sea_pagemap_cover((char *)(UINTPTR_MAX - 2 * MiB + 1), MiB));
	CHECK(sea_pagemap_cover((char *)MiB, MiB));
}

static void covering_again_costs_nothing(void)
{
	CHECK(sea_pagemap_cover(at(3, 0), MiB));
	size_t calls = sim.nr_calls[SIM_ANY];
	CHECK(sea_pagemap_cover(at(3, 5 * MiB), 9 * MiB));
	CHECK_EQ(sim.nr_calls[SIM_ANY], calls);
}

static void zones(void)
{
	static struct sea_zone zone;
	char *base = at(5, 7 * MiB);
	CHECK(sea_pagemap_cover(base, MiB));
	CHECK(!sea_zone_of(base));
	sea_pagemap_set_zone(base, &zone);
	CHECK(sea_zone_of(base) == &zone);
	CHECK(sea_zone_of(base + MiB - 1) == &zone);
	CHECK(!sea_zone_of(base - 1));
	CHECK(!sea_zone_of(base + MiB));
	sea_pagemap_set_zone(base, NULL);
	CHECK(!sea_zone_of(base));
}

static void no_memory_for_a_window(void)
{
	static const enum sim_call kinds[] = {SIM_RESERVE, SIM_COMMIT};
	for (size_t i = 0; i < NR(kinds); i++) {
		size_t reserved = sim.reserved;
		sim_fail(kinds[i], 1, false);
		CHECK(!sea_pagemap_cover(at(20 + i, 0), MiB));
		CHECK(!sea_pagemap_window(at(20 + i, 0)));
		CHECK_EQ(sim.reserved, reserved);
		CHECK(sea_pagemap_cover(at(20 + i, 0), MiB));
	}
}

static void *cover_many(void *unused)
{
	for (size_t window = 100; window < 200; window++)
		CHECK(sea_pagemap_cover(at(window, 0), MiB));
	return unused;
}

/* Two threads that want the same window end up with one. */
static void threads_cover_the_same(void)
{
	pthread_t threads[3];
	for (size_t i = 0; i < NR(threads); i++)
		threads[i] = start_thread(cover_many, NULL);
	for (size_t i = 0; i < NR(threads); i++)
		pthread_join(threads[i], NULL);
	size_t bytes = (sizeof(struct sea_window) + 4095) / 4096 * 4096;
	CHECK(sim.reserved / bytes >= 100 && sim.reserved / bytes <= 101);
}

static void unsound_slots_are_noticed(void)
{
	char *base = at(5, 7 * MiB);
	static struct sea_zone zone;
	CHECK(sea_pagemap_is_sound());
	CHECK(sea_pagemap_cover(base, 2 * MiB));
	CHECK(sea_region_add(base, MiB, SEA_REGION_AVAILABLE));
	sea_pagemap_set_arena(base, MiB, &first_arena);
	sea_pagemap_set_zone(base, &zone);
	CHECK(sea_pagemap_is_sound());
	sea_pagemap_set_zone(base + MiB, &zone);
	CHECK(!sea_pagemap_is_sound()); /* PM3: nothing of ours */
	sea_pagemap_set_zone(base + MiB, NULL);
	CHECK(sea_pagemap_is_sound());
	sea_region_remove(base);
	CHECK(!sea_pagemap_is_sound()); /* PM3 */
	CHECK(sea_region_add(base, MiB, SEA_REGION_METADATA));
	CHECK(!sea_pagemap_is_sound()); /* PM3: no memory for blocks */
	sea_pagemap_set_arena(base, MiB, NULL);
	sea_pagemap_set_zone(base, NULL);
	CHECK(sea_pagemap_is_sound());
	sea_region_remove((char *)sea_pagemap_window(base));
	CHECK(!sea_pagemap_is_sound()); /* PM2 */
}

static const struct test_case cases[] = {
	PASSES(nothing_is_ours_at_first), PASSES(covers_what_it_is_told), PASSES(a_range_over_the_border_of_windows),
	PASSES(a_range_over_several_windows), PASSES(the_ends_of_the_address_space),
	PASSES(covering_again_costs_nothing), PASSES(zones),
	PASSES(no_memory_for_a_window), PASSES(threads_cover_the_same),
	PASSES(unsound_slots_are_noticed),
};

HARNESS_MAIN(cases)
