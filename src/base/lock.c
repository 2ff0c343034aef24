/* SPDX-License-Identifier: MIT */
/* lock.c - spin for a moment, then sleep in the kernel
 *
 * L1  state != 0  <=>  some thread is between take and drop (or forks).
 * L2  state == 2  whenever a thread sleeps on it (Drepper, "Futexes are tricky").
 * L3  A thread's held ranks ascend; two shards, or two page lists, only in fork.
 * L4  From sea_lock_last, `outer` leads through all locks that the thread holds, but in a fork:
 *     then it leads from `forking` through all there are.
 */
#include "base/lock.h"

#include "base/atomic.h"
#include "base/check.h"
#include "base/os.h"

/* Rounds of looking before sleeping: about a microsecond, the length of a refill. */
#define SPIN_ROUNDS 200

SEA_THREAD_LOCAL struct sea_lock *sea_lock_last;

/* What a thread holds that has given up: no lock, but its mark. */
static struct sea_lock given_up;

/* The thread that forks, else NULL; written by it alone.  A thread is identified by the address
 * of its own copy of a variable. */
static void *fork_owner;
static struct sea_lock *forking; /* the last of its locks; written by it alone */

static bool is_forking(void) { return sea_load_relaxed(&fork_owner) == (void *)&sea_lock_last; }

/* The rank is compared where the thread is not a signal handler inside itself. */
static inline void note_take(struct sea_lock *lock)
{
	SEA_ASSERT(!sea_lock_last || sea_lock_last->rank < lock->rank);
	lock->outer = sea_lock_last;
	sea_lock_last = lock;
}

/* Locks are dropped in any order, mostly the last first. */
static inline void note_drop(struct sea_lock *lock)
{
	struct sea_lock **link = &sea_lock_last;
	while (*link && unlikely(*link != lock))
		link = &(*link)->outer;
	if (likely(*link))
		*link = lock->outer;
}

static bool is_mine(const struct sea_lock *lock)
{
	const struct sea_lock *held = sea_lock_last;
	while (held && held != lock)
		held = held->outer;
	return held;
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

static void wait_for(struct sea_lock *lock)
{
	for (int i = 0; i < SPIN_ROUNDS; i++) {
		if (!sea_load_relaxed(&lock->state) && sea_swap_if(&lock->state, 0, 1))
			return;
		pause_briefly();
	}
	while (sea_exchange_acq_rel(&lock->state, 2))
		sea_os_wait(&lock->state, 2);
}

/* False: it is the thread's own.  Where there is no other thread, it can be nobody else's. */
SEA_COLD static bool take_slow(struct sea_lock *lock)
{
	if (sea_is_alone() || is_mine(lock)) {
		lock->nr_inside++;
		return false;
	}
	wait_for(lock);
	sea_count_own(&lock->nr_contended, 1);
	return true;
}

void sea_lock_take(struct sea_lock *lock)
{
	if (is_forking())
		return;
	if (likely(take_free(lock)) || take_slow(lock))
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
	if (unlikely(lock->nr_inside)) {
		lock->nr_inside--;
		return;
	}
	note_drop(lock);
	if (unlikely(make_free(lock)))
		sea_os_wake(&lock->state);
}

bool sea_lock_is_held(const struct sea_lock *lock) { return sea_load_relaxed(&lock->state) != 0; }

void sea_lock_fork_take(struct sea_lock *lock)
{
	if (!sea_swap_if(&lock->state, 0, 1)) {
		if (sea_is_alone())
			return; /* a signal handler has interrupted us just there */
		wait_for(lock);
	}
	lock->outer = forking;
	forking = lock;
}

/* Drops a lock that is in no list of its holder any more.  In a child nobody sleeps. */
static bool give_back(struct sea_lock *lock, bool in_child)
{
	if (sea_exchange_acq_rel(&lock->state, 0) != 2)
		return false;
	if (!in_child)
		sea_os_wake(&lock->state);
	return true;
}

/* The list is another thread's as soon as the first lock, which is dropped last, is free. */
bool sea_lock_fork_drop_all(bool in_child)
{
	bool have_waited = false;
	struct sea_lock *lock = forking;
	forking = NULL;
	for (struct sea_lock *outer; lock; lock = outer) {
		outer = lock->outer;
		have_waited |= give_back(lock, in_child);
	}
	return have_waited;
}

void sea_lock_fork_begin(void) { sea_store_relaxed(&fork_owner, (void *)&sea_lock_last); }

void sea_lock_fork_end(void) { sea_store_relaxed(&fork_owner, NULL); }

bool sea_lock_owns_all(void) { return is_forking(); }

void sea_lock_give_up(void)
{
	struct sea_lock *held = sea_lock_last;
	sea_lock_last = &given_up;
	for (struct sea_lock *outer; held; held = outer) {
		outer = held->outer;
		held->nr_inside = 0;
		give_back(held, false);
	}
	if (is_forking()) {
		sea_lock_fork_end();
		sea_lock_fork_drop_all(false);
	}
}

bool sea_lock_gave_up(void) { return sea_lock_last == &given_up; }
