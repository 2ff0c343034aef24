/* SPDX-License-Identifier: MIT */
/* lock.c - spin for a moment, then sleep in the kernel
 *
 * L1  state != 0  <=>  a thread is between take and drop (or has stopped the heap).
 * L2  state == 2  whenever a thread sleeps on it (Drepper, "Futexes are tricky").
 * L3  The ranks of the locks that a thread holds ascend.  Only a thread that has stopped the heap
 *     holds two of one rank.
 * L4  From sea_lock_last, `outer` leads through all locks that the thread holds.  While the heap
 *     is stopped, it leads from `stopped` through all locks, and their ranks do not ascend.
 * L5  While a thread takes or drops locks, sea_lock_last is not NULL, but for
 *     sea_lock_take_free() and sea_lock_drop_only().  So a signal handler that forks then does
 *     not wait for its own thread.
 */
#include "base/lock.h"

#include "base/atomic.h"
#include "base/check.h"
#include "base/os.h"

/* Rounds of spinning before a thread sleeps: about a microsecond, the length of a refill. */
#define SPIN_ROUNDS 200

SEA_THREAD_LOCAL struct sea_lock *sea_lock_last;

/* sea_lock_last of a thread that has given up.  It is no lock. */
static struct sea_lock given_up;

/* The thread that has stopped the heap, or NULL; only that thread writes it.  The address of a
 * thread's own copy of a variable identifies the thread. */
static void *stopper;
static struct sea_lock *stopped; /* the last of its locks; only that thread writes it */

static const struct sea_locks *const of_rank[SEA_NR_RANKS] = {
	[SEA_RANK_THREADS] = &sea_locks_threads,
	[SEA_RANK_NAMED] = &sea_locks_named,
	[SEA_RANK_SHARD] = &sea_locks_shard,
	[SEA_RANK_APART] = &sea_locks_apart,
	[SEA_RANK_INDEX] = &sea_locks_index,
	[SEA_RANK_SECURE] = &sea_locks_secure,
	[SEA_RANK_PAGES] = &sea_locks_pages,
	[SEA_RANK_META] = &sea_locks_meta,
	[SEA_RANK_SEAMS] = &sea_locks_seams,
	[SEA_RANK_REGION] = &sea_locks_region,
};

bool sea_heap_is_stopped(void) { return sea_load_relaxed(&stopper) == (void *)&sea_lock_last; }

/* Stands in front of the locks of its thread while one is taken or dropped (L5).  It is no lock;
 * state is 1 then. */
static SEA_THREAD_LOCAL struct sea_lock under_way;

/* Begins to take or drop.  False: we are in a signal handler that has interrupted such a
 * change. */
static inline bool begin_change(void)
{
	if (unlikely(under_way.state))
		return false;
	under_way.outer = sea_lock_last;
	under_way.state = 1;
	sea_before_a_signal();
	sea_lock_last = &under_way;
	sea_before_a_signal();
	return true;
}

/* Ends it: from now on `last` is the last lock.  `begun` is what begin_change() said. */
static inline void end_change(bool begun, struct sea_lock *last)
{
	sea_before_a_signal();
	sea_lock_last = last;
	sea_before_a_signal();
	if (likely(begun))
		under_way.state = 0;
}

/* The last lock; `under_way` does not count. */
static inline struct sea_lock **last_lock(bool begun) { return likely(begun) ? &under_way.outer : &sea_lock_last; }

/* Ends the taking of a lock, and checks its rank. */
static inline void end_take(bool begun, struct sea_lock *lock)
{
	struct sea_lock *outer = *last_lock(begun);
	SEA_ASSERT(lock->rank < SEA_NR_RANKS); /* 0: a shard that no thread has joined */
	SEA_ASSERT(!outer || outer->rank < lock->rank);
	lock->outer = outer;
	end_change(begun, lock);
}

/* Locks may be dropped in any order; mostly the last one is first. */
static inline void note_drop(bool begun, struct sea_lock *lock)
{
	struct sea_lock **link = last_lock(begun);
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

/* True: it was free, and is taken now. */
static inline bool take_free(struct sea_lock *lock)
{
	if (!sea_is_alone())
		return sea_swap_if(&lock->state, 0, 1);
	if (lock->state)
		return false;
	sea_store_relaxed(&lock->state, 1);
	return true;
}

/* Frees it.  True: a thread sleeps on it. */
static inline bool make_free(struct sea_lock *lock)
{
	if (!sea_is_alone())
		return sea_exchange_acq_rel_mt(&lock->state, 0) == 2;
	sea_store_relaxed(&lock->state, 0);
	return false;
}

/* begun: a change that ends while the thread sleeps. */
static void wait_for(struct sea_lock *lock, bool begun)
{
	for (int i = 0; i < SPIN_ROUNDS; i++) {
		if (!sea_load_relaxed(&lock->state) && sea_swap_if(&lock->state, 0, 1))
			return;
		sea_pause();
	}
	while (sea_exchange_acq_rel_mt(&lock->state, 2)) {
		if (begun)
			end_change(true, under_way.outer);
		sea_os_wait(&lock->state, 2);
		if (begun)
			begin_change();
	}
}

/* Waits for the lock.  False: the thread holds it already, which is certain if there is no other
 * thread. */
SEA_COLD static bool take_slow(struct sea_lock *lock, bool begun)
{
	if (sea_is_alone() || is_mine(lock)) {
		lock->nr_inside++;
		return false;
	}
	wait_for(lock, begun);
	sea_count_own(&lock->nr_contended, 1);
	return true;
}

void sea_lock_take(struct sea_lock *lock)
{
	if (sea_heap_is_stopped())
		return;
	bool begun = begin_change();
	if (likely(take_free(lock)) || take_slow(lock, begun))
		end_take(begun, lock);
	else
		end_change(begun, *last_lock(begun));
}

bool sea_lock_try(struct sea_lock *lock)
{
	if (sea_heap_is_stopped())
		return true;
	if (sea_load_relaxed(&lock->state))
		return false;
	bool begun = begin_change(), taken = take_free(lock);
	if (likely(taken))
		end_take(begun, lock);
	else
		end_change(begun, *last_lock(begun));
	return taken;
}

void sea_lock_drop(struct sea_lock *lock)
{
	if (sea_heap_is_stopped())
		return;
	SEA_ASSERT(sea_lock_is_held(lock));
	if (unlikely(lock->nr_inside)) {
		lock->nr_inside--;
		return;
	}
	bool begun = begin_change();
	note_drop(begun, lock);
	bool has_sleeper = make_free(lock);
	end_change(begun, *last_lock(begun));
	if (unlikely(has_sleeper))
		sea_os_wake(&lock->state);
}

void sea_lock_wake(struct sea_lock *lock) { sea_os_wake(&lock->state); }

bool sea_lock_is_held(const struct sea_lock *lock) { return sea_load_relaxed(&lock->state) != 0; }

/* --- all locks --------------------------------------------------------------------- */

static uint32_t count_used(const struct sea_locks *locks)
{
	return locks->nr_used ? sea_load_relaxed(locks->nr_used) : locks->nr;
}

/* L3: the constants give the right ranks.  A lock that was never taken may have rank 0. */
static struct sea_lock *lock_at(unsigned rank, uint32_t i)
{
	const struct sea_locks *locks = of_rank[rank];
	SEA_ASSERT(i < locks->nr);
	struct sea_lock *lock = locks->nth ? locks->nth(i) : (struct sea_lock *)((char *)locks->first + i * locks->stride);
	SEA_ASSERT(!sea_load_relaxed(&lock->rank) || sea_load_relaxed(&lock->rank) == rank);
	return lock;
}

void sea_lock_each(void (*visit)(struct sea_lock *, void *), void *context)
{
	for (unsigned rank = 1; rank < SEA_NR_RANKS; rank++)
		for (uint32_t i = 0; i < count_used(of_rank[rank]); i++)
			visit(lock_at(rank, i), context);
}

static void take_to_stop(struct sea_lock *lock, void *unused)
{
	(void)unused;
	if (!sea_swap_if(&lock->state, 0, 1)) {
		if (sea_is_alone())
			return; /* we are in a signal handler that interrupted its holder */
		wait_for(lock, false);
	}
	lock->outer = stopped;
	stopped = lock;
}

void sea_heap_stop(void)
{
	SEA_ASSERT(!sea_lock_holds_any());
	SEA_ASSERT(!sea_heap_is_stopped());
	bool begun = begin_change();
	sea_lock_each(take_to_stop, NULL);
	sea_store_relaxed(&stopper, (void *)&sea_lock_last);
	end_change(begun, *last_lock(begun));
}

/* Drops a lock that is not in its holder's list any more.  In the child of a fork no thread
 * sleeps. */
static bool give_back(struct sea_lock *lock, bool in_child)
{
	SEA_ASSERT(sea_lock_is_held(lock));
	if (sea_exchange_acq_rel_mt(&lock->state, 0) != 2)
		return false;
	if (!in_child)
		sea_os_wake(&lock->state);
	return true;
}

/* The first lock is dropped last.  After that another thread may stop the heap and use the
 * list. */
bool sea_heap_resume(bool in_child)
{
	SEA_ASSERT(sea_heap_is_stopped());
	bool begun = begin_change();
	sea_store_relaxed(&stopper, NULL);
	bool have_waited = false;
	struct sea_lock *lock = stopped;
	stopped = NULL;
	for (struct sea_lock *outer; lock; lock = outer) {
		outer = lock->outer;
		have_waited |= give_back(lock, in_child);
	}
	end_change(begun, *last_lock(begun));
	return have_waited;
}

void sea_lock_give_up(void)
{
	struct sea_lock *held = sea_lock_last;
	sea_lock_last = &given_up;
	for (struct sea_lock *outer; held; held = outer) {
		outer = held->outer;
		held->nr_inside = 0;
		give_back(held, false);
	}
	if (sea_heap_is_stopped())
		sea_heap_resume(false);
}

bool sea_lock_gave_up(void) { return sea_lock_last == &given_up; }
