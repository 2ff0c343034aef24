/* SPDX-License-Identifier: MIT */
/* lock.h - a ranked mutex
 *
 * Ranks: a thread may take a lock only if its rank is above those of all locks it
 * holds; debug builds trap otherwise.
 *
 * Fork, and each step of an account, stops the heap: it takes every lock there is, lowest rank
 * first.  If a fork handler of the program allocates then, sea_lock_take() sees that the thread
 * owns all locks, and lets it through: there is no other thread inside.
 *
 * A call that enters the heap by its door, while its thread holds a lock already, comes from a
 * signal handler that has interrupted us, or from a thread that ends the process: it must stay
 * outside (emergency.h serves it).  Code that is not ours is called without a lock, so that
 * there is no third case.  Where such a call comes in by another way it is let through to what
 * its own thread holds: rather that than wait for ever.
 */
#ifndef SEA_LOCK_H
#define SEA_LOCK_H

#include "base/check.h"

enum sea_lock_rank {
	SEA_RANK_THREADS = 1, /* list of thread caches */
	SEA_RANK_SHARD,	   /* one shard's zones; two are never held together but by fork */
	SEA_RANK_PCP,	   /* one per-CPU page list; likewise */
	SEA_RANK_PAGES,	   /* pools */
	SEA_RANK_META,	   /* metadata pages */
	SEA_RANK_SEAMS,	   /* the seam map, while it is made */
	SEA_RANK_REGION,   /* the region map */
	SEA_NR_RANKS,
};

struct sea_lock {
	uint32_t state; /* 0 free, 1 held, 2 held and somebody sleeps */
	uint32_t rank;
	uint32_t nr_contended; /* takes that found it held; lock held to write */
	uint32_t nr_inside;    /* takes that were let through to their own thread's lock; lock held */
	struct sea_lock *outer; /* that the holder took before this one; lock held */
};

#define SEA_LOCK_INIT(r) {.rank = (r)}

void sea_lock_take(struct sea_lock *lock);
bool sea_lock_try(struct sea_lock *lock);
void sea_lock_drop(struct sea_lock *lock);

/* The lock that the calling thread has taken last and not dropped, or NULL. */
extern SEA_HIDDEN SEA_THREAD_LOCAL struct sea_lock *sea_lock_last;

/* Claim: the calling thread holds a lock, or ends the process.  It must not enter the heap. */
SEA_INLINE bool sea_lock_holds_any(void) { return unlikely(sea_lock_last != NULL); }

/* The calling thread ends the process: drops all that it holds.  Holds_any is true from now on. */
void sea_lock_give_up(void);

/* Claim: the calling thread has given up. */
bool sea_lock_gave_up(void);

/* Stands before each call of code that is not ours: a callback, stdio, the dynamic linker,
 * threads of the C library. */
#define SEA_LEAVES_HERE() SEA_ASSERT(!sea_lock_holds_any() || sea_lock_gave_up())

/* Claim for asserts: somebody holds it. */
bool sea_lock_is_held(const struct sea_lock *lock);

/* --- all locks --------------------------------------------------------------------- */

/* The locks of one rank: an array, or a single one. */
struct sea_locks {
	struct sea_lock *first;
	size_t stride; /* bytes from each to the next */
	uint32_t nr;
	const uint32_t *nr_used; /* only so many of them were ever taken; changes under a lock of a
				    lower rank; atomic.  NULL: all */
};

/* Each is a constant that the owner of the rank defines (src/README.md), so that nothing has to be
 * registered at run time, and a rank without an owner does not link. */
extern SEA_HIDDEN const struct sea_locks sea_locks_threads, sea_locks_shard, sea_locks_pcp, sea_locks_pages,
	sea_locks_meta, sea_locks_seams, sea_locks_region;

/* Calls visit() for each lock, lowest rank first. */
void sea_lock_each(void (*visit)(struct sea_lock *lock, void *context), void *context);

/* Takes every lock, for a thread that holds none.  Until it resumes, the calling thread passes
 * through all of them and others wait. */
void sea_heap_stop(void);

/* Drops every lock; true if somebody slept on one.  In the child of a fork nobody does. */
bool sea_heap_resume(bool in_child);

/* Claim: the calling thread has stopped the heap. */
bool sea_heap_is_stopped(void);

#endif
