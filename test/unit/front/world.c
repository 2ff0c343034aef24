/* SPDX-License-Identifier: MIT */
/* world.c - the whole heap in many worlds
 *
 * A world is a page size, a place for addresses, limits, and a kernel that ignores hints or
 * does not zero what it purges.  In each, a random program runs while calls of the system
 * fail, one or all from some point on.  After each failure: blocks that are there are intact,
 * the heap is sound, and when the system works again, so does the heap.  At the end all is
 * freed: not a byte is live.
 */
#include <errno.h>
#include <stdio.h>

#include "base/options.h"
#include "cache/cache.h"
#include "engines/engine.h"
#include "front/account.h"
#include "seamalloc.h"
#include "unit.h"

#define NR_BLOCKS 400

struct world {
	const char *name;
	size_t page_size;
	uintptr_t lowest, highest;
	bool is_upward, ignores_hints, purge_is_ignored, move_unmaps;
	size_t max_mappings, max_reserved, max_committed;
};

#define BITS(n) ((uintptr_t)1 << (n))

static const struct world worlds[] = {
	{.name = "pages of 4 KiB", .page_size = 4 * KiB},
	{.name = "pages of 16 KiB", .page_size = 16 * KiB},
	{.name = "pages of 64 KiB", .page_size = 64 * KiB},
	{.name = "39 bits, downward", .page_size = 4 * KiB, .lowest = BITS(38), .highest = BITS(39)},
	{.name = "39 bits, pages of 16 KiB, upward", .page_size = 16 * KiB, .lowest = BITS(36), .highest = BITS(39), .is_upward = true},
	{.name = "low addresses, upward", .page_size = 4 * KiB, .lowest = BITS(32), .highest = BITS(40), .is_upward = true},
	{.name = "across a border of 64 GiB", .page_size = 4 * KiB, .lowest = 17 * BITS(36) - 8 * MiB, .highest = BITS(41), .is_upward = true},
	{.name = "above a border of 64 GiB, downward", .page_size = 64 * KiB, .lowest = BITS(39), .highest = 19 * BITS(36) + 7 * MiB},
	{.name = "hints are ignored", .page_size = 4 * KiB, .ignores_hints = true},
	{.name = "hints are ignored, upward, pages of 64 KiB", .page_size = 64 * KiB, .lowest = BITS(38), .highest = BITS(42), .is_upward = true, .ignores_hints = true},
	{.name = "purging does not zero", .page_size = 4 * KiB, .purge_is_ignored = true},
	{.name = "purging does not zero, pages of 16 KiB", .page_size = 16 * KiB, .purge_is_ignored = true},
	{.name = "an mremap that unmaps", .page_size = 4 * KiB, .move_unmaps = true},
	{.name = "60 mappings", .page_size = 4 * KiB, .max_mappings = 60},
	{.name = "30 mappings, pages of 64 KiB", .page_size = 64 * KiB, .max_mappings = 30},
	{.name = "96 MiB of addresses", .page_size = 4 * KiB, .max_reserved = 96 * MiB},
	{.name = "24 MiB of memory", .page_size = 4 * KiB, .max_committed = 24 * MiB},
	{.name = "24 MiB of memory, pages of 64 KiB", .page_size = 64 * KiB, .max_committed = 24 * MiB},
	{.name = "64 MiB of addresses in 39 bits", .page_size = 16 * KiB, .lowest = BITS(38), .highest = BITS(38) + 80 * MiB, .max_reserved = 64 * MiB},
};

static struct block {
	char *start;
	size_t size;
	uint64_t key;
} blocks[NR_BLOCKS];

static size_t nr_faults, nr_refused;

/* Adds a line to the file that SEA_TEST_COUNTS names, for who counts what was tried. */
static void tell_counts(void)
{
	const char *path = getenv("SEA_TEST_COUNTS");
	FILE *file = path ? fopen(path, "a") : NULL;
	if (!file)
		return;
	fprintf(file, "faults %zu\n", nr_faults);
	fclose(file);
}

/* --- the program -------------------------------------------------------------------------- */

static void keep(size_t i, char *start, size_t size)
{
	blocks[i] = (struct block){start, size, blocks[i].key + NR_BLOCKS};
	test_fill(start, size, blocks[i].key + i);
}

static void expect_intact(size_t i, size_t size)
{
	if (blocks[i].start && !test_is_filled(blocks[i].start, size, blocks[i].key + i))
		test_fail(__FILE__, __LINE__, "block %zu of %zu bytes has changed", i, blocks[i].size);
}

static void drop(size_t i)
{
	expect_intact(i, blocks[i].size);
	sea_free(blocks[i].start);
	blocks[i].start = NULL;
	blocks[i].size = 0;
}

static size_t some_size(uint64_t *seed)
{
	static const size_t most[] = {100, 100, 1000, 1000, 5000, 40000, 300000, 3000000};
	return 1 + below(seed, most[below(seed, NR(most))]);
}

static void refuse(const char *start, bool may_fail)
{
	nr_refused += !start;
	CHECK(start || may_fail);
	CHECK(start || errno == ENOMEM);
}

/* One operation; it may find no memory if calls fail or the world is small. */
static void act(uint64_t *seed, bool may_fail)
{
	size_t i = below(seed, NR_BLOCKS), size = some_size(seed), align = (size_t)16 << below(seed, 10);
	unsigned what = (unsigned)below(seed, 16);
	char *start;
	errno = 0;
	if (what < 6) {
		drop(i);
		start = what < 4 ? sea_malloc(size) : sea_calloc(1, size);
		refuse(start, may_fail);
		CHECK(!start || what < 4 || test_is_zero(start, size));
	} else if (what < 8) {
		drop(i);
		start = sea_aligned_alloc(align, size);
		refuse(start, may_fail);
		CHECK((uintptr_t)start % align == 0);
	} else if (what < 12) {
		size_t kept = (blocks[i].size < size ? blocks[i].size : size) & ~(size_t)7;
		start = sea_realloc(blocks[i].start, size);
		refuse(start, may_fail);
		if (start && blocks[i].start)
			CHECK(test_is_filled(start, kept, blocks[i].key + i));
		if (!start)
			return;
	} else {
		drop(i);
		if (what == 15 && below(seed, 20) == 0)
			sea_malloc_trim(0);
		return;
	}
	if (start)
		keep(i, start, size);
}

static void audit(void)
{
	struct sea_stats stats;
	size_t live = 0;
	CHECK(sea_engine_is_sound());
	for (size_t i = 0; i < NR_BLOCKS; i++) {
		expect_intact(i, blocks[i].size);
		live += blocks[i].start ? sea_malloc_usable_size(blocks[i].start) : 0;
	}
	sea_account(&stats);
	CHECK(sea_account_adds_up(&stats));
	CHECK_EQ(stats.live, live);
	CHECK_EQ(stats.mapped <= sim.reserved, true);
}

/* What cannot be released stays mapped for good: it would use up the mappings of a world that has
 * few, and no allocator could go on. */
static enum sim_call choose_failure(uint64_t *seed)
{
	enum sim_call kind = (enum sim_call)below(seed, SIM_NR_CALLS + 1);
	return sim.max_mappings && (kind == SIM_RELEASE || kind == SIM_ANY) ? SIM_COMMIT : kind;
}

/* A while in which a call fails, once or for good, and then a while in which none does. */
static void live_through_a_failure(uint64_t *seed, bool is_small)
{
	enum sim_call kind = choose_failure(seed);
	size_t nr_failed = sim.nr_failed;
	sim_fail(kind, 1 + below(seed, 6), below(seed, 2));
	for (size_t n = 1 + below(seed, 150); n > 0; n--)
		act(seed, true);
	nr_faults += sim.nr_failed - nr_failed;
	sim_heal();
	audit();
	for (size_t n = 30; n > 0; n--)
		act(seed, is_small);
}

/* Service goes on: blocks of all sizes that a world of this size has room for. */
static void expect_service(void)
{
	for (size_t size = 1; size < 200000; size += 1 + size / 3) {
		char *start = sea_malloc(size);
		CHECK(start != NULL);
		test_fill(start, size, size);
		CHECK(test_is_filled(start, size, size));
		sea_free(start);
	}
}

static void live_in(const struct world *world)
{
	uint64_t seed = test_seed();
	bool is_small = world->max_mappings || world->max_reserved || world->max_committed;
	if (IS_DEBUG && world->highest)
		test_skip("the address sanitizer has its shadow there");
	sim.page_size = world->page_size;
	sim.lowest = world->lowest;
	sim.highest = world->highest;
	sim.is_upward = world->is_upward;
	sim.ignores_hints = world->ignores_hints;
	sim.purge_is_ignored = world->purge_is_ignored;
	sim.move_unmaps = world->move_unmaps;
	sim.max_mappings = world->max_mappings;
	sim.max_reserved = world->max_reserved;
	sim.max_committed = world->max_committed;
	sim.is_quiet = true;
	sea_options.arena = 2 * MiB;
	sea_options.guard = 20;
	for (size_t n = 0; n < rounds(60); n++, sim.now_ms++)
		live_through_a_failure(&seed, is_small);
	for (size_t i = 0; i < NR_BLOCKS; i++)
		drop(i);
	sea_malloc_trim(0);
	audit();
	expect_service();
	test_note("%s: %zu faults, %zu refusals\n", world->name, nr_faults, nr_refused);
	tell_counts();
}

#define WORLDS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15) X(16) X(17) X(18)
#define BODY(n) static void world_##n(void) { live_in(&worlds[n]); }
WORLDS(BODY)

int main(int argc, char **argv)
{
#define RUN(n) world_##n,
	static void (*const run[])(void) = {WORLDS(RUN)};
	static struct test_case cases[NR(worlds)];
	_Static_assert(NR(run) == NR(worlds), "a case for each world");
	for (size_t i = 0; i < NR(worlds); i++)
		cases[i] = (struct test_case){.name = worlds[i].name, .run = run[i], .seconds = 60};
	return test_main(argc, argv, cases, NR(cases));
}
