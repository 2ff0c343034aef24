/* SPDX-License-Identifier: MIT */
/* parked.c - one run for each thread, within the budget
 *
 * F1  The count of parked bytes is the sum over all parked runs.
 * F2  A parked run was not longer than `granted` when it was parked.
 * F3  At each instruction: while `start` is set, `run` and `size` are its own, and nobody else
 *     has it.  So the child of a fork by a signal handler may take it.
 */
#include "cache/parked.h"

#include "base/atomic.h"
#include "base/bits.h"
#include "base/check.h"
#include "page/page_alloc.h"

/* A run serves a request that leaves at most this part of the run unused. */
#define UNUSED_SHARE 8

/* Asks the budget again for a size that was granted only after a tick.  Two threads that ask at
 * once may both get the last bytes. */
static bool is_granted(struct sea_parked *parked, size_t size)
{
	if (likely(size <= parked->granted))
		return true;
	if (!sea_budget_may_park(size))
		return false;
	parked->granted = size;
	return true;
}

bool sea_parked_put(struct sea_parked *parked, void *start, struct page *run, size_t size)
{
	SEA_ASSERT(start && size > 0);
	if (parked->start || !run || unlikely(sea_load_relaxed(&run->is_advised)))
		return false;
	if (!is_granted(parked, size))
		return false;
	sea_pages_park(run);
	sea_pages_note_parked((intptr_t)size);
	parked->run = run;
	parked->size = size;
	parked->is_old = false;
	sea_before_a_signal(); /* F3 */
	parked->start = start;
	return true;
}

static void *take(struct sea_parked *parked)
{
	SEA_ASSERT(parked->start && parked->run && parked->size > 0);
	void *start = parked->start;
	parked->start = NULL;
	sea_before_a_signal(); /* F3 */
	sea_pages_note_parked(-(intptr_t)parked->size);
	sea_pages_unpark(parked->run);
	return start;
}

void *sea_parked_take(struct sea_parked *parked, size_t size)
{
	if (!parked->start)
		return NULL;
	if (likely(size <= parked->size && parked->size - size <= parked->size / UNUSED_SHARE))
		return take(parked);
	sea_parked_clear(parked);
	return NULL;
}

void sea_parked_clear(struct sea_parked *parked)
{
	if (parked->start)
		sea_pages_free(take(parked));
	parked->granted = 0;
}

void sea_parked_tick(struct sea_parked *parked)
{
	if (parked->is_old)
		sea_parked_clear(parked);
	parked->granted = 0;
	parked->is_old = true;
}

void sea_parked_in_child(const struct sea_parked *mine)
{
	sea_store_relaxed(&sea_counted.parked, sea_parked_bytes(mine));
}

/* Another thread may write these fields meanwhile. */
SEA_RACE_BY_DESIGN size_t sea_parked_bytes(const struct sea_parked *parked) { return parked->start ? parked->size : 0; }
