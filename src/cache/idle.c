/* SPDX-License-Identifier: MIT */
/* idle.c - the thread, and when it is there
 *
 * ID1  A thread of ours runs, or is about to run, only while `progress` is RUNS.
 */
#include "cache/idle.h"

#include "base/atomic.h"
#include "base/lock.h"
#include "base/os.h"
#include "page/budget.h"
#include "cache/cache.h"

/* Less than this that is free is not worth a thread: it has 20 KiB itself. */
#define LEAST_BYTES (256 * SEA_KIB)
/* The thread looks so often in each period: memory goes back after 1 to 1.25 periods. */
#define LOOKS 4

enum progress { NONE, RUNS, REFUSED };

static uint32_t progress; /* atomic */

static bool is_worth_it(void) { return sea_pages_dirty() >= LEAST_BYTES; }

enum outcome { QUIET, NOTHING_LEFT, CANNOT_SLEEP };

/* Waits until nobody took a slow path for a period, or there is nothing to do any more. */
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

/* Who frees something after we have looked and before we say that we end starts no other thread: so
 * we look again. */
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
		return; /* stopped: a fork handler of the program allocates, and a thread of its child is not known yet */
	if (sea_swap_if(&progress, NONE, RUNS) && !sea_os_start_thread(body, "seamalloc-idle"))
		sea_store_relaxed(&progress, REFUSED);
}

void sea_idle_in_child(void)
{
	if (sea_load_relaxed(&progress) == RUNS)
		sea_store_relaxed(&progress, NONE);
}
