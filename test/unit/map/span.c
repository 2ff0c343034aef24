/* SPDX-License-Identifier: MIT */
/* span.c - guards on both sides, whatever the size and the alignment */
#include "map/span.h"

#include "base/bits.h"
#include "base/os.h"
#include "unit.h"

#include <sys/mman.h>

static size_t page(void) { return sim.page_size; }

static bool is_guard(const char *at) { return sim_is_reserved(at, page()) && !sim_is_committed(at, page()); }

/* What is committed ends in a guard on both sides, and nothing else is reserved. */
static void check_span(char *base, size_t size, size_t align)
{
	CHECK_EQ((uintptr_t)base % align, 0);
	CHECK_EQ(sim.reserved, size + 2 * page());
	CHECK(sea_os_commit(base, size));
	CHECK(sim_is_committed(base, size));
	CHECK(is_guard(base - page()) && is_guard(base + size));
}

static void guards_on_pages_of(size_t size)
{
	sim.page_size = size;
	for (size_t align = page(); align <= 256 * MiB; align *= 4)
		for (size_t nr = 1; nr < 100; nr = 3 * nr + 1) {
			char *base = sea_span_reserve(nr * page(), align);
			CHECK(base != NULL);
			check_span(base, nr * page(), align);
			CHECK(sea_span_release(base, nr * page()));
			CHECK_EQ(sim.reserved, 0);
		}
}

static void a_guard_on_both_sides(void) { guards_on_pages_of(4 * KiB); }
static void guards_of_64k(void) { guards_on_pages_of(64 * KiB); }

static void zeros_between_guards(void)
{
	char *base = sea_span_reserve_zeros(10 * page());
	CHECK(base != NULL);
	for (size_t i = 0; i < 10 * page(); i++)
		CHECK_EQ(base[i], 0);
	check_span(base, 10 * page(), page());
}

static void committed_at_once(void)
{
	char *base = sea_span_commit(3 * page());
	memset(base, 1, 3 * page());
	check_span(base, 3 * page(), page());
}

/* What is cut off goes back, and a guard stays where the rest ends. */
static void the_end_is_cut_off(void)
{
	char *base = sea_span_commit(100 * page());
	memset(base, 7, 100 * page());
	CHECK(sea_span_cut(base, 100 * page(), 30 * page()));
	CHECK_EQ(sim.reserved, 32 * page());
	CHECK(sim_is_committed(base, 30 * page()) && is_guard(base + 30 * page()));
	CHECK_EQ(base[30 * page() - 1], 7);
	CHECK(sea_span_release(base, 30 * page()));
	CHECK_EQ(sim.reserved, 0);
}

static void impossible_sizes(void)
{
	CHECK(!sea_span_reserve((size_t)-1 & ~(page() - 1), page()));
	CHECK(!sea_span_reserve((size_t)1 << 46, (size_t)1 << 63));
	CHECK_EQ(sim.reserved, 0);
}

/* Addresses are given out where nothing else of this process is. */
static void use_free_addresses(size_t size)
{
	char *base = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(base != MAP_FAILED);
	CHECK_EQ(munmap(base, size), 0);
	sim.lowest = (uintptr_t)base;
	sim.highest = (uintptr_t)base + size;
}

/* Where only what is needed can be had, it is: below the place that the system
 * chooses, as that is free. */
static void no_room_for_slack(void)
{
	size_t nr = 0;
	use_free_addresses(256 * MiB);
	sim.max_reserved = MiB + 2 * page();
	for (size_t i = 0; i < 20; i++) {
		char *base = sea_span_reserve(MiB, MiB);
		nr += base != NULL;
		if (base) {
			CHECK_EQ((uintptr_t)base % MiB, 0);
			CHECK(sea_span_release(base, MiB));
		}
		CHECK_EQ(sim.reserved, 0);
		sim.max_reserved += page();
	}
	CHECK(nr > 0);
}

static char *reserve(size_t size) { return sea_span_reserve(size, 16 * page()); }

/* No call but that which gives back may fail and leave something behind. */
static void failures_leave_nothing(void)
{
	static char *(*const functions[])(size_t) = {reserve, sea_span_reserve_zeros, sea_span_commit};
	static const enum sim_call kinds[] = {SIM_RESERVE, SIM_COMMIT, SIM_RESET};
	for (size_t i = 0; i < NR(functions); i++)
		for (size_t k = 0; k < NR(kinds); k++)
			for (size_t n = 1; n <= 2; n++) {
				size_t failed = sim.nr_failed;
				sim_fail(kinds[k], n, true);
				char *base = functions[i](4 * page());
				CHECK_EQ(base == NULL, sim.nr_failed > failed);
				sim_heal();
				if (base)
					CHECK(sea_span_release(base, 4 * page()));
				CHECK_EQ(sim.reserved, 0);
			}
}

static const struct test_case cases[] = {
	PASSES(a_guard_on_both_sides), PASSES(guards_of_64k),	 PASSES(zeros_between_guards),	 PASSES(committed_at_once),
	PASSES(no_room_for_slack), PASSES(the_end_is_cut_off),    PASSES(impossible_sizes), PASSES(failures_leave_nothing),
};

HARNESS_MAIN(cases)
