/* SPDX-License-Identifier: MIT */
/* parked.c - one run a thread, within a common limit
 *
 * F1  `granted` of all threads together is the count of what is granted.
 * F2  A parked run is not longer than its thread's share.
 */
#include "cache/parked.h"

#include "base/atomic.h"
#include "base/bits.h"
#include "base/check.h"
#include "page/page_alloc.h"

/* A run serves a request that leaves at most this part of it unused. */
#define UNUSED_SHARE 8

static size_t granted; /* to all threads, bytes; atomic */

static bool raise_share(struct sea_parked *parked, size_t size)
{
	size_t more = size - parked->granted;
	if (sea_add_relaxed(&granted, more) > sea_pages_watermarks_without(size).high) {
		sea_add_relaxed(&granted, -more);
		return false;
	}
	parked->granted = size;
	return true;
}

bool sea_parked_put(struct sea_parked *parked, void *start, struct page *run, size_t size)
{
	SEA_ASSERT(start && size > 0);
	if (parked->start || !run)
		return false;
	sea_pages_park(run);
	if (size > parked->granted && !raise_share(parked, size)) {
		sea_pages_unpark(run);
		return false;
	}
	parked->start = start;
	parked->run = run;
	parked->size = size;
	parked->is_old = false;
	return true;
}

static void *take(struct sea_parked *parked)
{
	void *start = parked->start;
	parked->start = NULL;
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
	sea_add_relaxed(&granted, -parked->granted);
	parked->granted = 0;
}

void sea_parked_tick(struct sea_parked *parked)
{
	if (parked->granted && parked->is_old)
		sea_parked_clear(parked);
	parked->is_old = true;
}

void sea_parked_in_child(const struct sea_parked *mine) { sea_store_relaxed(&granted, mine->granted); }

/* Reads what another thread may write. */
SEA_RACE_BY_DESIGN size_t sea_parked_bytes(const struct sea_parked *parked) { return parked->start ? parked->size : 0; }
