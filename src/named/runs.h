/* SPDX-License-Identifier: MIT */
/* runs.h - large blocks of heap objects, and which heap an address belongs to
 *
 * A block above SEA_ZONE_CHUNK_MAX is a run of pages.  The page allocator keeps it parked (or
 * gives it an arena of its own), so free() does not find it there and asks this index.
 *
 * RU1  A run is in the list of its heap and in one bucket of the index.
 */
#ifndef SEA_NAMED_RUNS_H
#define SEA_NAMED_RUNS_H

#include "named/table.h"

struct sea_run {
	char *base;
	size_t size;		/* bytes, whole pages */
	struct sea_named *named;
	struct sea_run *next, **link; /* in the heap's list; the heap's lock */
	struct sea_run *chain;	/* in the bucket, or unused; index lock */
	int file;		/* of a shared run (handover.h); -1: none */
	uint32_t is_shared;	/* a mapping of its own, not the page allocator's */
};

/* A record for a run of the heap, listed and indexed.  Heap's lock.  NULL: out of memory. */
struct sea_run *sea_runs_add(struct sea_named *named, char *base, size_t size);

/* Unlists it and frees the record.  Heap's lock. */
void sea_runs_remove(struct sea_run *run);

/* The run was moved or resized.  Heap's lock. */
void sea_runs_change(struct sea_run *run, char *base, size_t size);

/* The run that starts at `address`, or NULL.  Valid while the block lives. */
struct sea_run *sea_runs_find(const void *address);

/* Claim: RU1 holds for the runs of the heap.  Heap's lock. */
bool sea_runs_are_sound(const struct sea_named *named);

#endif
