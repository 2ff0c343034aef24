/* SPDX-License-Identifier: MIT */
/* budget.h - what free memory may stay resident, for the process as a whole
 *
 *    reserve                      may hold                                     asked when
 *    dirty pages: free, idle in   together at most the high watermark,         freeing pages;
 *    zones, in parked runs        max(dirty_max, in use / dirty_ratio)         one refill in 16;
 *                                 + the allowance; purged down to the low      parking a run
 *                                 watermark, half of that + the allowance
 *    bins of one thread           max(cache, what it held at its peak),        growing a bin
 *                                 8 times the option `cache` at most
 *    bins of all threads, those   max(64 times `cache`, a quarter of the use)   the same
 *    of ended threads included
 *    bins of ended threads        the option `cache` each, 16 threads          ending a thread
 *    hollow pages (huge pages)    a 20th of what was written to                making a huge page
 *
 * The allowance (allowance.h) is for pages that are purged and faulted in again soon.  It is 0 in
 * a program whose memory use does not swing.  At first it is at most max(48 MiB, half of the
 * recent peak).  What is kept plus what is in use never exceeds the recent peak by more than a
 * quarter because of it.  Without work it is halved each second.
 *
 * So an idle process keeps at most the high watermark and what its threads have cached.  After
 * 10 s without work, the next call that takes a slow path begins to purge down to
 * max(dirty_max, in use / dirty_ratio).
 *
 * BU1  sea_budget.cached is the sum of the limits of all bins; growth stops at their bound.
 * BU2  low <= high, and high is the base plus the allowance.
 *
 * Any thread may call these functions.  None takes a lock or waits.
 */
#ifndef SEA_BUDGET_H
#define SEA_BUDGET_H

#include "base/options.h"
#include "page/counts.h"

/* Bins of one thread: at most so many times the option `cache`.  8 MiB serve a batch of 100,000
 * small blocks.  With 16 MiB no workload of the benchmark ran faster. */
#define SEA_BUDGET_THREAD_GROWTH 8
/* Bins of all threads: this part of what is in use; at least what as many threads as the factor
 * above may hold.  A thread's bins grow while it holds at most this part (at least the option
 * `cache`) more than was live at its peak. */
#define SEA_BUDGET_CACHES_SHARE 4
/* Bins of ended threads: so many threads.  A thread that did little leaves some 100 KiB. */
#define SEA_BUDGET_MOST_LEFT 16
/* Hollow pages: huge pages may add 5 %. */
#define SEA_BUDGET_HOLLOW_SHARE 20

/* Purging begins when more than `high` bytes are dirty, and stops at `low`. */
struct sea_watermarks {
	size_t low, high; /* bytes */
	size_t in_use;	  /* bytes in use for which they were computed */
};

/* The watermarks for what is in use now.  Also lowers the allowance if its time has come.  Cost:
 * reading the clock, some 60 instructions. */
struct sea_watermarks sea_budget_watermarks(void);

/* Claim: so many bytes in use may be parked: dirty memory then stays within the high watermark. */
bool sea_budget_may_park(size_t bytes);

extern SEA_HIDDEN struct sea_budget {
	size_t cached;	 /* bytes that the limits of all bins allow; atomic */
	size_t nr_looks; /* calls of sea_budget_watermarks(), not exact; counted only if the option
			    `idle` is set; atomic */
} sea_budget;

/* If the number is the same later, no thread took a slow path that frees or refills. */
SEA_INLINE size_t sea_budget_nr_looks(void) { return sea_load_relaxed(&sea_budget.nr_looks); }

/* The limits of a thread's bins grew by so many bytes (negative: shrank). */
SEA_INLINE void sea_budget_note_cached(intptr_t bytes)
{
	SEA_ASSERT(bytes >= 0 || sea_load_relaxed(&sea_budget.cached) >= (size_t)-bytes); /* BU1 */
	sea_add_relaxed_mt(&sea_budget.cached, (size_t)bytes);
}

/* Bytes by which the limits of all bins may grow together. */
size_t sea_budget_cache_room(void);

/* Bytes that a thread's bins may hold if the thread held `peak` bytes at its recent peak. */
SEA_INLINE size_t sea_budget_of_thread(size_t peak)
{
	return sea_max(sea_options.cache, sea_min(peak, sea_options.cache * SEA_BUDGET_THREAD_GROWTH));
}

/* Claim: an ended thread may leave so many bytes in its bins to the next thread; nr_left others
 * have done so.  `most`: limit for the number of those. */
SEA_INLINE bool sea_budget_may_leave(size_t bytes, size_t nr_left, size_t most)
{
	return bytes <= sea_options.cache && nr_left < sea_min(most, SEA_BUDGET_MOST_LEFT);
}

/* Claim: one more huge page of `huge` bytes keeps the hollow bytes within their part of the
 * `written` bytes. */
SEA_INLINE bool sea_budget_may_hollow(size_t hollow, size_t huge, size_t written)
{
	return hollow + huge <= written / SEA_BUDGET_HOLLOW_SHARE;
}

/* Counts refaults.  Call it before memory is purged. */
void sea_budget_measure(void);

/* Only one of the program's threads is left: the allowance is 0 until pages refault again. */
void sea_budget_end_of_work(void);

/* --- for the page allocator --------------------------------------------------- */

/* Runs were handed out. */
void sea_budget_note_use(void);

#endif
