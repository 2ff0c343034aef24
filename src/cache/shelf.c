/* SPDX-License-Identifier: MIT */
/* shelf.c - one run a thread, within a common limit
 *
 * F1  `granted` of all shelves together is the count of what is granted.
 * F2  A run on a shelf is not longer than the shelf's share.
 */
#include "cache/shelf.h"

#include "base/atomic.h"
#include "base/bits.h"
#include "base/check.h"
#include "page/page_alloc.h"

/* A run serves a request that leaves at most this part of it unused. */
#define UNUSED_SHARE 8

static size_t granted; /* to all shelves, bytes; atomic */

static bool raise_share(struct sea_shelf *shelf, size_t size)
{
	size_t more = size - shelf->granted;
	if (sea_add_relaxed(&granted, more) > sea_pages_watermarks_without(size).high) {
		sea_add_relaxed(&granted, -more);
		return false;
	}
	shelf->granted = size;
	return true;
}

bool sea_shelf_put(struct sea_shelf *shelf, void *start, struct page *run, size_t size)
{
	SEA_ASSERT(start && size > 0);
	if (shelf->start || !run)
		return false;
	sea_pages_set_aside(run);
	if (size > shelf->granted && !raise_share(shelf, size)) {
		sea_pages_resume(run);
		return false;
	}
	shelf->start = start;
	shelf->run = run;
	shelf->size = size;
	shelf->is_old = false;
	return true;
}

static void *take(struct sea_shelf *shelf)
{
	void *start = shelf->start;
	shelf->start = NULL;
	sea_pages_resume(shelf->run);
	return start;
}

void *sea_shelf_take(struct sea_shelf *shelf, size_t size)
{
	if (!shelf->start)
		return NULL;
	if (likely(size <= shelf->size && shelf->size - size <= shelf->size / UNUSED_SHARE))
		return take(shelf);
	sea_shelf_clear(shelf);
	return NULL;
}

void sea_shelf_clear(struct sea_shelf *shelf)
{
	if (shelf->start)
		sea_pages_free(take(shelf));
	sea_add_relaxed(&granted, -shelf->granted);
	shelf->granted = 0;
}

void sea_shelf_tick(struct sea_shelf *shelf)
{
	if (shelf->granted && shelf->is_old)
		sea_shelf_clear(shelf);
	shelf->is_old = true;
}

void sea_shelf_in_child(const struct sea_shelf *mine) { sea_store_relaxed(&granted, mine->granted); }

/* Reads what another thread may write. */
SEA_RACE_BY_DESIGN size_t sea_shelf_bytes(const struct sea_shelf *shelf) { return shelf->start ? shelf->size : 0; }
