/* SPDX-License-Identifier: MIT */
/* lock.c - spin for a moment, then sleep in the kernel (layer 1)
 *
 * L1  state != 0  <=>  some thread is between take and drop (or forks).
 * L2  state == 2  whenever a thread sleeps on it (Drepper, "Futexes are tricky").
 * L3  A thread's held ranks ascend; two shards, or two page lists, only in fork.
 */
#include "lock.h"

#include "atomic.h"
#include "check.h"
#include "os.h"

/* Rounds of looking before sleeping: about a microsecond, the length of a refill. */
#define SPIN_ROUNDS 200

/* Identifies a thread by the address of its own copy of this byte. */
static SEA_THREAD_LOCAL uint32_t held_ranks; /* bit r: holds a lock of rank r; debug builds */

static void *fork_owner; /* the thread that forks, else NULL; written by it alone */

static bool is_forking(void) { return sea_load_relaxed(&fork_owner) == (void *)&held_ranks; }

static void note_take(const struct sea_lock *lock)
{
	if (SEA_DEBUG) {
		SEA_ASSERT(held_ranks >> lock->rank == 0);
		held_ranks |= 1u << lock->rank;
	}
}

static void note_drop(const struct sea_lock *lock)
{
	if (SEA_DEBUG)
		held_ranks &= ~(1u << lock->rank);
}

static inline void pause_briefly(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#endif
}

/* True if it was free. */
static inline bool take_free(struct sea_lock *lock)
{
	if (!sea_is_alone())
		return sea_swap_if(&lock->state, 0, 1);
	if (lock->state)
		return false;
	sea_store_relaxed(&lock->state, 1);
	return true;
}

/* True if somebody sleeps on it. */
static inline bool make_free(struct sea_lock *lock)
{
	if (!sea_is_alone())
		return sea_exchange_acq_rel(&lock->state, 0) == 2;
	sea_store_relaxed(&lock->state, 0);
	return false;
}

SEA_COLD static void take_slow(struct sea_lock *lock)
{
	for (int i = 0; i < SPIN_ROUNDS; i++) {
		if (!sea_load_relaxed(&lock->state) && sea_swap_if(&lock->state, 0, 1))
			return;
		pause_briefly();
	}
	while (sea_exchange_acq_rel(&lock->state, 2))
		sea_os_wait(&lock->state, 2);
}

void sea_lock_take(struct sea_lock *lock)
{
	if (is_forking())
		return;
	if (unlikely(!take_free(lock))) {
		take_slow(lock);
		sea_count_own(&lock->nr_contended, 1);
	}
	note_take(lock);
}

bool sea_lock_try(struct sea_lock *lock)
{
	if (is_forking())
		return true;
	if (sea_load_relaxed(&lock->state) || !take_free(lock))
		return false;
	note_take(lock);
	return true;
}

void sea_lock_drop(struct sea_lock *lock)
{
	if (is_forking())
		return;
	SEA_ASSERT(sea_lock_is_held(lock));
	note_drop(lock);
	if (unlikely(make_free(lock)))
		sea_os_wake(&lock->state);
}

bool sea_lock_is_held(const struct sea_lock *lock) { return sea_load_relaxed(&lock->state) != 0; }

void sea_lock_fork_take(struct sea_lock *lock)
{
	if (!sea_swap_if(&lock->state, 0, 1))
		take_slow(lock);
	sea_store_relaxed(&lock->is_forking, 1);
}

void sea_lock_fork_drop(struct sea_lock *lock, bool in_child)
{
	if (!sea_load_relaxed(&lock->is_forking))
		return;
	sea_store_relaxed(&lock->is_forking, 0);
	if (sea_exchange_acq_rel(&lock->state, 0) == 2 && !in_child)
		sea_os_wake(&lock->state);
}

void sea_lock_fork_begin(void) { sea_store_relaxed(&fork_owner, (void *)&held_ranks); }

void sea_lock_fork_end(void) { sea_store_relaxed(&fork_owner, NULL); }

bool sea_lock_owns_all(void) { return is_forking(); }
