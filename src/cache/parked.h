/* SPDX-License-Identifier: MIT */
/* parked.h - the run of pages that a thread freed last
 *
 * A program that allocates and frees a large buffer in turn gets the same run each time,
 * without a lock, an atomic operation or a page fault.  A parked run is no block, and
 * counts as in use to the page allocator.
 *
 * A parked run counts as dirty: it and what else is dirty stay within the high watermark of the
 * budget.  A thread asks the budget once for a run of some size, and again after a tick.
 */
#ifndef SEA_PARKED_H
#define SEA_PARKED_H

#include "base/compiler.h"

/* One thread's; zeros at first. */
struct sea_parked {
	void *start;	  /* of the run; NULL: empty */
	struct page *run; /* what the page allocator knows of it */
	size_t size;	  /* bytes of it */
	size_t granted;	  /* bytes that the budget let this thread park, since the last tick */
	bool is_old;	  /* nothing was parked since the last tick */
};

/* Parks a run that starts at `start` and has `size` bytes; false: no room, or it has
 * an arena of its own (`run` is NULL); it is still the caller's. */
bool sea_parked_put(struct sea_parked *parked, void *start, struct page *run, size_t size);

/* The run's start, if it has `size` bytes and not many more; else NULL, and the run is freed:
 * its pages may serve the request. */
void *sea_parked_take(struct sea_parked *parked, size_t size);

/* Gives the run to the page allocator. */
void sea_parked_clear(struct sea_parked *parked);

/* Now and then: frees a run that was parked before the last time. */
void sea_parked_tick(struct sea_parked *parked);

/* In the child of a fork: the other threads' are gone. */
void sea_parked_in_child(const struct sea_parked *mine);

/* Bytes on it; for observers a moment's view. */
size_t sea_parked_bytes(const struct sea_parked *parked);

#endif
