/* SPDX-License-Identifier: MIT */
/* fault.c - every operation with every system call failing
 *
 * A case is a script: it prepares a heap, and then does one thing.  That thing is
 * repeated in fresh processes with its first call of the system failing, its second,
 * and so on, until one run meets no fault any more; first with one call failing, then
 * with that call and all after it.  (Of the many calls of one kind that a long script
 * makes, the later ones are thinned out.)  Arenas are small, so that they come and go.
 *
 * Whatever the outcome: blocks that were there are intact, a failed operation says so
 * and nothing else, the heap is sound, everything can be freed and counted, and the
 * operation works once the system does.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "front/account.h"
#include "engines/engine.h"
#include "base/options.h"
#include "page/page_alloc.h"
#include "seamalloc.h"
#include "blocks.h"
#include "unit.h"

/* --- blocks with a pattern ----------------------------------------------------------------- */

static void keep(char *start, size_t size)
{
	CHECK(sea_malloc_usable_size(start) >= size);
	keep_block(start, size, nr_blocks + 1);
}

static void drop_block(size_t i)
{
	check_block(i);
	sea_free(blocks[i].start);
	forget_block(i);
}

/* A block of `size` bytes or ENOMEM. */
static bool try_alloc(size_t size)
{
	errno = 0;
	char *start = sea_malloc(size);
	CHECK_EQ(errno, start ? 0 : ENOMEM);
	if (start)
		keep(start, size);
	return start != NULL;
}

static void resize(size_t i, size_t size, bool *done)
{
	size_t kept = blocks[i].size < size ? blocks[i].size : size;
	errno = 0;
	char *start = sea_realloc(blocks[i].start, size);
	CHECK_EQ(errno, start ? 0 : ENOMEM);
	*done = start != NULL;
	if (!start)
		return;
	CHECK(test_is_filled(start, kept & ~(size_t)7, blocks[i].key));
	CHECK(sea_malloc_usable_size(start) >= size);
	blocks[i].start = start;
	blocks[i].size = size;
	test_fill(start, size, blocks[i].key);
}

/* --- what is done: each returns false where it got no memory --------------------------------- */

static bool do_malloc_small(void) { return try_alloc(100); }
static bool do_malloc_medium(void) { return try_alloc(10000); }
static bool do_malloc_zone_direct(void) { return try_alloc(200000); }
static bool do_malloc_large(void) { return try_alloc(MiB); }
static bool do_malloc_whole(void) { return try_alloc(5 * MiB); }

static bool do_malloc_many(void)
{
	bool done = true;
	for (int i = 0; i < 200; i++)
		done &= try_alloc((size_t)i * 97);
	return done;
}

static bool calloc_of(size_t count, size_t size)
{
	errno = 0;
	char *start = sea_calloc(count, size);
	CHECK_EQ(errno, start ? 0 : ENOMEM);
	if (!start)
		return false;
	CHECK(test_is_zero(start, count * size));
	keep(start, count * size);
	return true;
}

static bool do_calloc_small(void) { return calloc_of(10, 33); }
static bool do_calloc_large(void) { return calloc_of(100, 5000); }
static bool do_calloc_whole(void) { return calloc_of(1000, 5000); }

static bool aligned_of(size_t align, size_t size)
{
	errno = 0;
	char *start = sea_aligned_alloc(align, size);
	CHECK_EQ(errno, start ? 0 : ENOMEM);
	CHECK_EQ((uintptr_t)start % align, 0);
	if (start)
		keep(start, size);
	return start != NULL;
}

static bool do_aligned_small(void) { return aligned_of(64, 100); }
static bool do_aligned_pages(void) { return aligned_of(64 * KiB, 300000); }
static bool do_aligned_whole(void) { return aligned_of(8 * MiB, 100); }

/* Resizes the block that the preparation made last. */
static bool resize_last(size_t size)
{
	bool done;
	resize(nr_blocks - 1, size, &done);
	return done;
}

static bool do_realloc_grow_small(void) { return resize_last(900); }
static bool do_realloc_grow_medium(void) { return resize_last(90000); }
static bool do_realloc_grow_run(void) { return resize_last(500000); }
static bool do_realloc_move_run(void) { return resize_last(1800000); }
static bool do_realloc_to_whole(void) { return resize_last(6 * MiB); }
static bool do_realloc_move_whole(void) { return resize_last(20 * MiB); }
static bool do_realloc_shrink(void) { return resize_last(10); }

static bool do_free_all(void)
{
	while (nr_blocks)
		drop_block(nr_blocks - 1);
	return true;
}

static bool do_free_half(void)
{
	for (size_t i = 0; i < nr_blocks; i++)
		drop_block(i);
	return true;
}

static bool do_trim(void)
{
	do_free_half();
	sea_malloc_trim(0);
	return true;
}

static bool do_trim_empty(void)
{
	do_free_all();
	sea_malloc_trim(0);
	return true;
}

/* Freeing first, so that zones and arenas come and go. */
static bool do_replace_all(void)
{
	bool done = true;
	do_free_all();
	for (size_t size = 1; size < 6 * MiB; size = 2 * size + 13)
		done &= try_alloc(size);
	return done;
}

static void *use_a_thread(void *done)
{
	char *block = sea_malloc(1000);
	*(bool *)done = block != NULL;
	sea_free(block);
	return NULL;
}

static bool do_thread(void)
{
	bool done;
	run_in_thread(use_a_thread, &done);
	return done;
}

/* --- what is there before -------------------------------------------------------------------- */

static void prepare_nothing(void) {}

static void prepare(const size_t *sizes, size_t nr, size_t count)
{
	for (size_t round = 0; round < count; round++)
		for (size_t i = 0; i < nr; i++)
			CHECK(try_alloc(sizes[i]));
}

/* Blocks of all kinds, and holes between them. */
static void prepare_mixture(void)
{
	static const size_t sizes[] = {1, 24, 100, 800, 900, 5000, 30000, 100000, 300000, 1000000};
	prepare(sizes, NR(sizes), 10);
	for (size_t i = 0; i < nr_blocks; i += 3)
		drop_block(i);
	prepare((const size_t[]){5 * MiB}, 1, 1);
}

static void prepare_small(void) { prepare((const size_t[]){600}, 1, 5); }
static void prepare_medium(void) { prepare((const size_t[]){5000}, 1, 5); }

/* The zone has no room left behind the last block. */
static void prepare_full_zone(void)
{
	for (size_t i = 0; i < 7; i++)
		CHECK(try_alloc(150000));
	CHECK(try_alloc(20000));
}

static void prepare_run(void) { prepare((const size_t[]){400000}, 1, 2); }
static void prepare_large_run(void) { prepare((const size_t[]){1500000}, 1, 2); }
static void prepare_whole(void) { prepare((const size_t[]){5 * MiB}, 1, 2); }

static void prepare_many_arenas(void) { prepare((const size_t[]){900000}, 1, 20); }

/* --- one run --------------------------------------------------------------------------------- */

struct script {
	void (*prepare)(void);
	bool (*run)(void);
};

static void check_heap(void)
{
	check_blocks();
	CHECK(sea_engine_is_sound());
}

/* When all is freed and given back, nothing is live. */
static void check_no_leak(void)
{
	struct sea_stats stats;
	do_free_all();
	sea_malloc_trim(0);
	sea_malloc_trim(0);
	sea_account(&stats);
	CHECK_EQ(stats.live, 0);
	CHECK_EQ(stats.cached, 0);
	CHECK_EQ(stats.nr_zones, 0);
	CHECK_EQ(stats.nr_whole, 0);
	CHECK_EQ(stats.dirty, 0);
	CHECK(sea_engine_is_sound());
}

/* Returns whether a fault was met. */
static bool run_with_fault(const struct script *script, enum sim_call kind, size_t n, bool persistent)
{
	sea_options.arena = 4 * MiB;
	sea_options.dirty_max = MiB;
	script->prepare();
	sim_fail(kind, n, persistent);
	bool done = script->run();
	sim_heal();
	bool met = sim.nr_failed > 0;
	CHECK(done || met);
	check_heap();
	if (!done)
		CHECK(script->run());
	check_heap();
	for (size_t size = 1; size < 6 * MiB; size = 5 * size + 3)
		CHECK(try_alloc(size));
	check_heap();
	check_no_leak();
	return met;
}

/* --- all of them, each in a process of its own ----------------------------------------------- */

enum { NOT_MET = 0, MET = 17 };

static bool fork_and_run(const struct script *script, enum sim_call kind, size_t n, bool persistent)
{
	pid_t child = fork();
	if (child == 0)
		_exit(run_with_fault(script, kind, n, persistent) ? MET : NOT_MET);
	int status = 0;
	waitpid(child, &status, 0);
	if (!WIFEXITED(status) || (WEXITSTATUS(status) != MET && WEXITSTATUS(status) != NOT_MET))
		test_fail(__FILE__, __LINE__, "call %zu of kind %d failing%s: status 0x%x", n, kind,
			  persistent ? " and all after it" : "", status);
	return WEXITSTATUS(status) == MET;
}

static void run_script(void (*prepare)(void), bool (*run)(void))
{
	struct script script = {prepare, run};
	static const enum sim_call kinds[] = {SIM_ANY, SIM_RESERVE, SIM_COMMIT, SIM_PURGE, SIM_RELEASE, SIM_MOVE,
					      SIM_READ};
	for (size_t k = 0; k < NR(kinds); k++)
		for (int persistent = IS_DEBUG && kinds[k] != SIM_ANY; persistent < 2; persistent++)
			for (size_t n = 1; fork_and_run(&script, kinds[k], n, persistent); n += 1 + n / 3)
				;
}

/* Calls may fail from the first of the process on, or in a heap that is in use. */
#define SCRIPTS(X)                                                                                 \
	X(malloc_small, nothing)                                                                   \
	X(malloc_medium, nothing)                                                                  \
	X(malloc_zone_direct, nothing)                                                             \
	X(malloc_large, nothing)                                                                   \
	X(malloc_whole, nothing)                                                                   \
	X(malloc_many, nothing)                                                                    \
	X(malloc_many, mixture)                                                                    \
	X(calloc_small, nothing)                                                                   \
	X(calloc_large, mixture)                                                                   \
	X(calloc_whole, mixture)                                                                   \
	X(aligned_small, nothing)                                                                  \
	X(aligned_pages, mixture)                                                                  \
	X(aligned_whole, mixture)                                                                  \
	X(realloc_grow_small, small)                                                               \
	X(realloc_grow_medium, medium)                                                             \
	X(realloc_grow_medium, full_zone)                                                          \
	X(realloc_grow_run, run)                                                                   \
	X(realloc_move_run, run)                                                                   \
	X(realloc_move_run, large_run)                                                             \
	X(realloc_to_whole, run)                                                                   \
	X(realloc_to_whole, large_run)                                                             \
	X(realloc_move_whole, whole)                                                               \
	X(realloc_shrink, run)                                                                     \
	X(realloc_shrink, whole)                                                                   \
	X(free_half, mixture)                                                                      \
	X(free_all, mixture)                                                                       \
	X(free_all, many_arenas)                                                                   \
	X(trim, mixture)                                                                           \
	X(trim_empty, mixture)                                                                     \
	X(trim_empty, many_arenas)                                                                 \
	X(replace_all, mixture)                                                                    \
	X(replace_all, many_arenas)                                                                \
	X(thread, nothing)                                                                         \
	X(thread, small)

#define DEFINE(action, state)                                                                      \
	static void action##_with_##state(void) { run_script(prepare_##state, do_##action); }
SCRIPTS(DEFINE)

#define ROW(action, state) {.name = #action " with " #state, .run = action##_with_##state, .seconds = 60},
static const struct test_case cases[] = {SCRIPTS(ROW)};

HARNESS_MAIN(cases)
