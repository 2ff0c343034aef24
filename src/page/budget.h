/* SPDX-License-Identifier: MIT */
/* budget.h - what free memory may stay resident, for the process as a whole
 *
 *    reserve                       may hold                                        asks
 *    dirty pages: free, idle in    together at most the high watermark,            who frees pages, and
 *    zones, in parked runs         max(dirty_max, in use / dirty_ratio)            one refill in 16; a thread
 *                                  + the allowance; purged down to the low         before it parks a run
 *                                  watermark, half of that + the allowance
 *    bins of one thread            max(cache, what it held at its peak),           a bin that wants to grow
 *                                  8 times the option `cache` at most
 *    bins of all threads, those    max(64 MiB, a quarter of what is in use)        the same
 *    of ended threads included
 *    bins of ended threads         the option `cache` each, 16 of them             a thread that ends
 *    hollow pages (huge pages)     a 20th of what was written to                   who makes a huge page
 *
 * The allowance (allowance.h) is for pages that are purged and faulted in again soon.  It is 0 in
 * a program that does not swing, at most max(48 MiB, half of the recent peak) at first, and never
 * lets what is kept and what is in use exceed the recent peak by more than a quarter.  Without
 * work it is halved each second.
 *
 * So an idle process keeps at most the high watermark and what its threads have cached; and once
 * it has done nothing for 10 s, the next call that takes a slow path begins to purge all but
 * max(dirty_max, in use / dirty_ratio) of it.
 *
 * BU1  The limits of all bins together are sea_budget.cached; growth stops at their bound.
 * BU2  low <= high, and both are at most the base and the allowance.
 *
 * Any thread may call these functions; none takes a lock or waits.
 */
#ifndef SEA_BUDGET_H
#define SEA_BUDGET_H

#include "base/options.h"
#include "page/counts.h"

/* Bins of one thread: so many times the option `cache` at most.  8 MiB serve a batch of 100,000
 * small blocks; with 16 MiB no workload of the benchmark ran faster. */
#define SEA_BUDGET_THREAD_GROWTH 8
/* Bins of all threads: this part of what is in use, or 8 threads at the end of their budget. */
#define SEA_BUDGET_CACHES_SHARE 4
#define SEA_BUDGET_CACHES_LEAST (64 * SEA_MIB)
/* Bins of ended threads: so many threads', of some 100 KiB each where threads do little. */
#define SEA_BUDGET_MOST_LEFT 16
/* Hollow pages: the goal for what huge pages may add is 5 %. */
#define SEA_BUDGET_HOLLOW_SHARE 20

/* Dirty bytes at which pages are purged, and down to which. */
struct sea_watermarks {
	size_t low, high; /* bytes */
	size_t in_use;	  /* what they were made for */
};

/* The watermarks for what is in use now.  Asking for them lets the allowance age.  Cost: a look at
 * the clock, some 60 instructions. */
struct sea_watermarks sea_budget_watermarks(void);

/* Claim: so many bytes that are in use may be parked: what is dirty stays within the high watermark. */
bool sea_budget_may_park(size_t bytes);

extern SEA_HIDDEN struct sea_budget {
	size_t cached;	 /* bytes that the limits of all bins allow together; atomic */
	size_t nr_looks; /* at the watermarks, roughly; atomic */
} sea_budget;

/* Looks at the watermarks so far: who finds the same number later knows that nobody took a slow path
 * that frees or refills. */
SEA_INLINE size_t sea_budget_nr_looks(void) { return sea_load_relaxed(&sea_budget.nr_looks); }

/* The limits of a thread's bins have grown by so many bytes (or shrunk). */
SEA_INLINE void sea_budget_note_cached(intptr_t bytes) { sea_add_relaxed_mt(&sea_budget.cached, (size_t)bytes); }

/* Bytes by which the limits of all bins together may grow. */
size_t sea_budget_cache_room(void);

/* Bytes that the bins of a thread may hold which held `peak` bytes at most of late. */
SEA_INLINE size_t sea_budget_of_thread(size_t peak)
{
	return sea_max(sea_options.cache, sea_min(peak, sea_options.cache * SEA_BUDGET_THREAD_GROWTH));
}

/* Claim: an ended thread with so many bytes in its bins may leave them to the next one, beside
 * nr_left others.  `most`: threads that run at once. */
SEA_INLINE bool sea_budget_may_leave(size_t bytes, size_t nr_left, size_t most)
{
	return bytes <= sea_options.cache && nr_left < sea_min(most, SEA_BUDGET_MOST_LEFT);
}

/* Claim: a huge page more, of `huge` bytes, is within what `hollow` bytes may come to where
 * `written` bytes were written to. */
SEA_INLINE bool sea_budget_may_hollow(size_t hollow, size_t huge, size_t written)
{
	return hollow + huge <= written / SEA_BUDGET_HOLLOW_SHARE;
}

/* Before memory is purged: counts what has been faulted in since the last time. */
void sea_budget_measure(void);

/* The program's threads have ended but for one: the allowance is 0 until something recurs again. */
void sea_budget_end_of_work(void);

/* --- for the page allocator --------------------------------------------------- */

/* Runs have been handed out. */
void sea_budget_note_use(void);

/* Claim: BU2. */
bool sea_budget_is_sound(void);

#endif
