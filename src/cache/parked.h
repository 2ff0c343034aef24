/* SPDX-License-Identifier: MIT */
/* parked.h - the run of pages that a thread freed last
 *
 * A program that allocates and frees a large buffer in turn gets the same run each time, without
 * a lock, an atomic operation or a page fault.  To the page allocator a parked run is in use; it
 * is no block.  Without it a pair of 1 MiB takes 2958 instructions, not 320, and 7.9 times the
 * time (9 pairs of runs, quartiles 7.8 and 8.0).
 *
 * A parked run counts as dirty: all dirty memory stays within the high watermark of the budget.  A
 * thread asks the budget once for a run of some size, and again after a tick.
 */
#ifndef SEA_PARKED_H
#define SEA_PARKED_H

#include "base/compiler.h"

/* One for each thread.  Zeros at first. */
struct sea_parked {
	void *start;	  /* the run's start; NULL: no run */
	struct page *run; /* the page allocator's record */
	size_t size;	  /* bytes of the run */
	size_t granted;	  /* bytes that the budget has allowed since the last tick */
	bool is_old;	  /* nothing was parked since the last tick */
};

/* Parks a run of `size` bytes at `start`.  False: there is no room, or the run has an arena of its
 * own (`run` is NULL).  The caller then still owns it. */
bool sea_parked_put(struct sea_parked *parked, void *start, struct page *run, size_t size);

/* The run's start if it has `size` bytes and not many more.  Else NULL, and the run is freed: its
 * pages may serve the request. */
void *sea_parked_take(struct sea_parked *parked, size_t size);

/* Gives the run to the page allocator. */
void sea_parked_clear(struct sea_parked *parked);

/* Called once in 16 refills.  Frees the run if nothing was parked since the last tick. */
void sea_parked_tick(struct sea_parked *parked);

/* In the child of a fork only the calling thread's run is counted. */
void sea_parked_in_child(const struct sea_parked *mine);

/* Bytes of the run.  For observers: may be out of date. */
size_t sea_parked_bytes(const struct sea_parked *parked);

#endif
