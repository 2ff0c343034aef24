/* SPDX-License-Identifier: MIT */
/* idle.c - the thread: when it starts, what it does, when it ends
 *
 * ID1  A thread of ours runs, or is about to run, only while `progress` is RUNS.
 */
#include "cache/idle.h"

#include "base/atomic.h"
#include "base/lock.h"
#include "base/os.h"
#include "page/budget.h"
#include "cache/cache.h"
#include "cache/send.h"

/* A heap that has less than this, used and free, is not worth a thread: so much may stay in any
 * process. */
#define SMALL_HEAP (4 * SEA_MIB)
/* The thread looks so often in each period: memory goes back after 1 to 1.25 periods. */
#define LOOKS 4

enum progress { NONE, RUNS, REFUSED };

static uint32_t progress; /* atomic */

static bool is_small(void) { return sea_pages_in_use() + sea_pages_dirty() < SMALL_HEAP; }

/* Waits until nobody took a slow path for a period.  False: the system does not let us sleep. */
static bool wait_for_quiet(void)
{
	size_t seen = sea_budget_nr_looks();
	for (unsigned quiet = 0; quiet < LOOKS; quiet++) {
		if (!sea_os_sleep((unsigned)(sea_load_relaxed(&sea_options.idle) * 1000 / LOOKS)))
			return false;
		size_t now = sea_budget_nr_looks();
		if (now == seen)
			continue;
		seen = now;
		quiet = (unsigned)-1;
	}
	return true;
}

/* A thread that allocates after we have looked and before we say that we end starts no other
 * thread.  So we look again.  False: the thread ends. */
static bool goes_on_small(void)
{
	SEA_ASSERT(sea_load_relaxed(&progress) == RUNS); /* ID1 */
	sea_store_release(&progress, NONE);
	return !is_small() && sea_swap_if(&progress, NONE, RUNS);
}

static void body(void)
{
	sea_threads_retreat();
	while (wait_for_quiet()) {
		if (sea_pages_dirty() >= SEA_MERGE_BYTES)
			sea_cache_trim(0);
		if (is_small() && !goes_on_small())
			return;
	}
	SEA_ASSERT(sea_load_relaxed(&progress) == RUNS); /* ID1 */
	sea_store_release(&progress, REFUSED);
}

/* Not while the heap is stopped: then a fork handler of the program allocates, and the child would
 * not know of the thread. */
void sea_idle_consider(void)
{
	if (sea_load_relaxed(&progress) != NONE || is_small() || sea_lock_holds_any() || sea_heap_is_stopped())
		return;
	if (sea_swap_if(&progress, NONE, RUNS) && !sea_os_start_thread(body, "seamalloc-idle"))
		sea_store_relaxed(&progress, REFUSED);
}

void sea_idle_in_child(void)
{
	if (sea_load_relaxed(&progress) == RUNS)
		sea_store_relaxed(&progress, NONE);
}
