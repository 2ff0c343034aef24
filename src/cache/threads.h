/* SPDX-License-Identifier: MIT */
/* threads.h - which thread has which cache
 *
 * A thread gets its cache when it first allocates, and leaves it when it ends.
 */
#ifndef SEA_THREADS_H
#define SEA_THREADS_H

#include "cache/bin.h"

/* The cache of a thread that has none: it never holds anything, so that free() need not
 * ask whether there is one. */
extern SEA_HIDDEN struct sea_cache sea_threads_nobody;

/* What a thread finds its cache by.  malloc() looks at nr_classes before it looks at the
 * cache: a thread's variables read as zero at first, and the dynamic linker may call us
 * before it has given them their initial values. */
struct sea_own {
	struct sea_cache *cache; /* initially `nobody` */
	size_t nr_classes;	 /* that the fast path may serve: 0 for a thread without cache, and
				    while a chunk that was freed waits for its mark (K5) */
};
extern SEA_HIDDEN SEA_THREAD_LOCAL struct sea_own sea_own;

/* The calling thread's cache; without a shard if it has none. */
SEA_INLINE struct sea_cache *sea_threads_own(void)
{
	return likely(sea_own.cache) ? sea_own.cache : &sea_threads_nobody;
}

/* Claim: the calling thread has a cache, sea_own.cache, and may be served from it. */
SEA_INLINE bool sea_threads_is_ready(void) { return likely(sea_own.nr_classes); }

/* A chunk is going to wait for its mark: malloc() is not served before sea_threads_resume(). */
SEA_INLINE void sea_threads_hold_back(void) { sea_own.nr_classes = 0; }

/* None waits any more. */
SEA_INLINE void sea_threads_resume(void)
{
	SEA_ASSERT(sea_own.cache && sea_own.cache->shard);
	sea_own.nr_classes = SEA_SMALL_GRANULES + 1;
}

/* Gives the calling thread, which has none, a cache; NULL if it has departed or there is no
 * memory. */
struct sea_cache *sea_threads_enter(void);

/* The calling thread uses no cache any more; what is in its own is lost. */
void sea_threads_retreat(void);

/* Sends back what threads that have ended left to those that will start. */
void sea_threads_send_left(void);

/* Calls `is_it` for each cache, those of ended threads (`is_left`) first, until it says yes; returns
 * what it said last.  The threads lock is held. */
bool sea_threads_any(bool (*is_it)(const struct sea_cache *cache, bool is_left, const void *context), const void *context);

struct sea_threads_stats {
	size_t nr_threads; /* that have a cache */
	size_t cached;	   /* bytes in them, in those that threads left when they ended, and in those
			      that a fork left behind; exact while they do not move */
};
void sea_threads_stats(struct sea_threads_stats *stats);

/* In the child of a fork: other threads are gone, and so is what they had cached. */
void sea_threads_forget_others(void);

/* Claim: T1 to T4 of threads.c, BU1 of budget.h.  Walks every cache; other threads do not run. */
bool sea_threads_are_sound(void);

#endif
