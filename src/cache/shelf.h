/* SPDX-License-Identifier: MIT */
/* shelf.h - the run of pages that a thread freed last
 *
 * A program that allocates and frees a large buffer in turn gets the same run each time,
 * without a lock, an atomic operation or a page fault.  A run on a shelf is no block, and
 * counts as in use to the page allocator.
 *
 * All shelves together hold no more than the high watermark: a shelf takes its share of
 * that once, and keeps it when its run is taken.
 */
#ifndef SEA_SHELF_H
#define SEA_SHELF_H

#include "base/compiler.h"

/* One thread's; zeros at first. */
struct sea_shelf {
	void *start;	  /* of the run; NULL: empty */
	struct page *run; /* what the page allocator knows of it */
	size_t size;	  /* bytes of it */
	size_t granted;	  /* bytes of the common limit that are this shelf's */
	bool is_old;	  /* nothing was put on it since the last tick */
};

/* Puts a run that starts at `start` and has `size` bytes on the shelf; false: no room, or it has
 * an arena of its own (`run` is NULL); it is still the caller's. */
bool sea_shelf_put(struct sea_shelf *shelf, void *start, struct page *run, size_t size);

/* The run's start, if it has `size` bytes and not many more; else NULL, and the shelf is cleared:
 * its pages may serve the request. */
void *sea_shelf_take(struct sea_shelf *shelf, size_t size);

/* Gives the run to the page allocator, and the share back. */
void sea_shelf_clear(struct sea_shelf *shelf);

/* Now and then: clears a shelf that nothing was put on since the last time. */
void sea_shelf_tick(struct sea_shelf *shelf);

/* In the child of a fork: all shelves but this one are gone. */
void sea_shelf_in_child(const struct sea_shelf *mine);

/* Bytes on it; for observers a moment's view. */
size_t sea_shelf_bytes(const struct sea_shelf *shelf);

#endif
