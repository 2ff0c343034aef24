/* SPDX-License-Identifier: MIT */
/* lock.h - a ranked mutex
 *
 * Ranks: a thread may take a lock only if its rank is above those of all locks that the thread
 * holds.  Debug builds check that.
 *
 * Fork, and each step of an account, stops the heap: it takes every lock, lowest rank first.  If a
 * fork handler of the program allocates then, sea_lock_take() sees that the thread owns all locks
 * and lets it pass: no other thread is inside.
 *
 * If a call enters the heap by its door while its thread holds a lock, it comes from a signal
 * handler that has interrupted us, or from a thread that ends the process.  It must stay outside
 * (emergency.h serves it).  There is no third case, because we hold no lock while we call code
 * that is not ours.  A call that enters by another way passes through the locks of its own thread:
 * otherwise it would wait forever.
 */
#ifndef SEA_LOCK_H
#define SEA_LOCK_H

#include "base/atomic.h"
#include "base/check.h"

enum sea_lock_rank {
	SEA_RANK_THREADS = 1, /* list of thread caches */
	SEA_RANK_NAMED,	   /* one heap object; only stopping the heap takes two */
	SEA_RANK_SHARD,	   /* one shard's zones; the same */
	SEA_RANK_APART,	   /* one shard of a heap object; the same */
	SEA_RANK_INDEX,	   /* the table of heap objects and their large blocks */
	SEA_RANK_SECURE,   /* hardened mode: one of its tables; only stopping the heap takes two */
	SEA_RANK_PAGES,	   /* the arenas and their pools */
	SEA_RANK_META,	   /* metadata pages */
	SEA_RANK_SEAMS,	   /* the making of the seam map */
	SEA_RANK_REGION,   /* the region map */
	SEA_NR_RANKS,
};

struct sea_lock {
	uint32_t state; /* 0 free, 1 held, 2 held and a thread sleeps on it */
	uint32_t rank;
	uint32_t nr_contended; /* takes that had to wait; the holder writes it */
	/* takes that passed through their own thread's lock; the holder's */
	uint32_t nr_inside;
	struct sea_lock *outer; /* the lock that the holder took before this one; the holder's */
};

#define SEA_LOCK_INIT(r) {.rank = (r)}

void sea_lock_take(struct sea_lock *lock);
bool sea_lock_try(struct sea_lock *lock);
void sea_lock_drop(struct sea_lock *lock);

/* The lock that the calling thread took last and still holds, or NULL. */
extern SEA_HIDDEN SEA_THREAD_LOCAL struct sea_lock *sea_lock_last;

/* Claim: the calling thread holds a lock, or is ending the process.  It must not enter the
 * heap. */
SEA_INLINE bool sea_lock_holds_any(void) { return unlikely(sea_lock_last != NULL); }

/* The same two for fast paths, inline: for a thread that holds no lock, if nobody has this one.
 * False: sea_lock_take() must decide. */
SEA_INLINE bool sea_lock_take_free(struct sea_lock *lock)
{
	if (unlikely(sea_lock_last || !sea_swap_if(&lock->state, 0, 1)))
		return false;
	lock->outer = NULL;
	sea_lock_last = lock;
	return true;
}

SEA_COLD void sea_lock_wake(struct sea_lock *lock);

SEA_INLINE void sea_lock_drop_only(struct sea_lock *lock)
{
	SEA_ASSERT(sea_lock_last == lock && !lock->outer);
	sea_lock_last = NULL;
	if (unlikely(sea_exchange_acq_rel(&lock->state, 0) == 2))
		sea_lock_wake(lock);
}

/* For a thread that ends the process: drops all locks that it holds.  From then on
 * sea_lock_holds_any() is true. */
void sea_lock_give_up(void);

/* Claim: the calling thread has given up. */
bool sea_lock_gave_up(void);

/* Use this before each call of code that is not ours: a callback, stdio, the dynamic linker,
 * threads of the C library. */
#define SEA_LEAVES_HERE() SEA_ASSERT(!sea_lock_holds_any() || sea_lock_gave_up())

/* For asserts.  Claim: a thread holds it. */
bool sea_lock_is_held(const struct sea_lock *lock);

/* --- all locks --------------------------------------------------------------------- */

/* The locks of one rank: an array, a single one, or what a function finds. */
struct sea_locks {
	struct sea_lock *first;
	size_t stride; /* bytes from one lock to the next */
	struct sea_lock *(*nth)(uint32_t i); /* instead of the two above; NULL: an array */
	uint32_t nr;
	/* number of locks that were ever taken; changes under a lock of a lower
	 * rank; atomic.  NULL: all */
	const uint32_t *nr_used;
};

/* Each is a constant that the owner of the rank defines (src/README.md).  So no lock is registered
 * at run time, and a rank without an owner does not link. */
extern SEA_HIDDEN const struct sea_locks sea_locks_threads, sea_locks_named, sea_locks_shard, sea_locks_apart,
	sea_locks_index, sea_locks_secure, sea_locks_pages, sea_locks_meta, sea_locks_seams, sea_locks_region;

/* Calls visit() for each lock, lowest rank first. */
void sea_lock_each(void (*visit)(struct sea_lock *lock, void *context), void *context);

/* Takes every lock, for a thread that holds none.  Until it resumes, the thread passes through all
 * locks, and other threads wait. */
void sea_heap_stop(void);

/* Drops every lock.  True: a thread slept on one.  In the child of a fork no thread does. */
bool sea_heap_resume(bool in_child);

/* Claim: the calling thread has stopped the heap. */
bool sea_heap_is_stopped(void);

#endif
