/* SPDX-License-Identifier: MIT */
/* threads.h - which thread has which cache
 *
 * A thread gets its cache when it first allocates, and leaves it when it ends.
 */
#ifndef SEA_THREADS_H
#define SEA_THREADS_H

#include "cache/bin.h"

/* The cache of threads that have none.  It is always empty, so free() need not check for it. */
extern SEA_HIDDEN struct sea_cache sea_threads_nobody;

/* How a thread finds its cache.  malloc() checks nr_classes first: a thread's variables read as
 * zero at first, and the dynamic linker may call us before it has set their initial values. */
struct sea_own {
	struct sea_cache *cache; /* initially sea_threads_nobody */
	/* classes that the fast path may serve; 0 for a thread without cache, and while a freed
	 * chunk waits for its mark (K5) */
	size_t nr_classes;
};
extern SEA_HIDDEN SEA_THREAD_LOCAL struct sea_own sea_own;

/* The calling thread's cache.  Its shard is NULL if the thread has none. */
SEA_INLINE struct sea_cache *sea_threads_own(void)
{
	return likely(sea_own.cache) ? sea_own.cache : &sea_threads_nobody;
}

/* Claim: the calling thread has a cache, sea_own.cache, and may take from it. */
SEA_INLINE bool sea_threads_is_ready(void) { return likely(sea_own.nr_classes); }

/* A chunk is about to wait for its mark: malloc() takes its slow path until
 * sea_threads_resume(). */
SEA_INLINE void sea_threads_hold_back(void) { sea_own.nr_classes = 0; }

/* No chunk waits any more. */
SEA_INLINE void sea_threads_resume(void)
{
	SEA_ASSERT(sea_own.cache && sea_own.cache->shard);
	sea_own.nr_classes = SEA_SMALL_GRANULES + 1;
}

/* Makes a cache for the calling thread, which has none.  NULL: its exit hook has run, or out of
 * memory. */
struct sea_cache *sea_threads_enter(void);

/* The calling thread uses no cache from now on.  The contents of its cache are lost. */
void sea_threads_retreat(void);

/* Sends the contents of the caches that ended threads have left. */
void sea_threads_send_left(void);

/* Calls `is_it` for each cache until it returns true: first those of ended threads (`is_left`).
 * Returns its last answer.  Holds the threads lock meanwhile. */
bool sea_threads_any(bool (*is_it)(const struct sea_cache *cache, bool is_left, const void *context), const void *context);

struct sea_threads_stats {
	size_t nr_threads; /* threads with a cache */
	/* bytes in their caches, in those that ended threads left, and in those lost by a fork;
	 * exact if no thread runs */
	size_t cached;
};
void sea_threads_stats(struct sea_threads_stats *stats);

/* In the child of a fork the other threads do not exist.  What they had cached is lost. */
void sea_threads_forget_others(void);

/* Claim: T1 to T4 of threads.c and BU1 of budget.h.  Walks every cache.  No other thread runs. */
bool sea_threads_are_sound(void);

#endif
