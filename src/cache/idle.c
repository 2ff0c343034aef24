/* SPDX-License-Identifier: MIT */
/* idle.c - the thread, and when it exists
 *
 * ID1  A thread of ours runs, or is about to run, only while `progress` is RUNS.
 */
#include "cache/idle.h"

#include "base/atomic.h"
#include "base/lock.h"
#include "base/os.h"
#include "page/budget.h"
#include "cache/cache.h"

/* Less free memory than this is not worth a thread, which takes 20 KiB. */
#define LEAST_BYTES (256 * SEA_KIB)
/* The thread looks so often in each period, so memory is purged after 1 to 1.25 periods. */
#define LOOKS 4

enum progress { NONE, RUNS, REFUSED };

static uint32_t progress; /* atomic */

static bool is_worth_it(void) { return sea_pages_dirty() >= LEAST_BYTES; }

enum outcome { QUIET, NOTHING_LEFT, CANNOT_SLEEP };

/* Waits until no slow path was taken for a period, or nothing is left to do. */
static enum outcome wait_for_quiet(void)
{
	size_t seen = sea_budget_nr_looks();
	for (unsigned quiet = 0; quiet < LOOKS; quiet++) {
		if (!sea_os_sleep((unsigned)(sea_load_relaxed(&sea_options.idle) * 1000 / LOOKS)))
			return CANNOT_SLEEP;
		if (!is_worth_it())
			return NOTHING_LEFT;
		size_t now = sea_budget_nr_looks();
		if (now == seen)
			continue;
		seen = now;
		quiet = (unsigned)-1;
	}
	return QUIET;
}

/* A thread that frees memory between our last look and NONE starts no other thread.  So we look
 * again after NONE. */
static void body(void)
{
	sea_threads_retreat();
	do {
		enum outcome outcome = wait_for_quiet();
		if (outcome == QUIET)
			sea_cache_trim(0);
		if (outcome != NOTHING_LEFT) {
			sea_store_release(&progress, outcome == QUIET ? NONE : REFUSED);
			return;
		}
		sea_store_release(&progress, NONE);
	} while (is_worth_it() && sea_swap_if(&progress, NONE, RUNS));
}

void sea_idle_consider(void)
{
	if (sea_load_relaxed(&progress) != NONE || !is_worth_it() || sea_lock_holds_any() || sea_heap_is_stopped())
		return; /* stopped: a fork handler of the program allocates, before sea_idle_in_child() */
	if (sea_swap_if(&progress, NONE, RUNS) && !sea_os_start_thread(body, "seamalloc-idle"))
		sea_store_relaxed(&progress, REFUSED);
}

void sea_idle_in_child(void)
{
	if (sea_load_relaxed(&progress) == RUNS)
		sea_store_relaxed(&progress, NONE);
}
