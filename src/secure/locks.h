/* SPDX-License-Identifier: MIT */
/* locks.h - the locks of hardened mode
 *
 * All have one rank, and no thread takes two of them.
 */
#ifndef SEA_SECURE_LOCKS_H
#define SEA_SECURE_LOCKS_H

#include "base/lock.h"

/* Sets of slabs.  A thread uses one of them to allocate, so up to 8 threads do not wait for each
 * other; more sets cost memory, because each has slabs that are not full. */
#define SEA_SECURE_SHARDS 8

enum {
	SEA_SECURE_LOCK_SHARD, /* the first of SEA_SECURE_SHARDS */
	SEA_SECURE_LOCK_THREADS = SEA_SECURE_SHARDS,
	SEA_SECURE_LOCK_LARGE,
	SEA_SECURE_LOCK_NOTHING,
	SEA_SECURE_NR_LOCKS
};

/* One lock in a cache line. */
struct sea_secure_lock {
	struct sea_lock lock;
} SEA_LINE_ALIGNED;

/* 0 until the mode is on: a fork has none of them to take.  Atomic. */
extern SEA_HIDDEN uint32_t sea_secure_nr_locks;
extern SEA_HIDDEN struct sea_secure_lock sea_secure_locks[SEA_SECURE_NR_LOCKS];

SEA_INLINE void sea_secure_take(unsigned i) { sea_lock_take(&sea_secure_locks[i].lock); }
SEA_INLINE void sea_secure_drop(unsigned i) { sea_lock_drop(&sea_secure_locks[i].lock); }
SEA_INLINE bool sea_secure_holds(unsigned i) { return sea_lock_is_held(&sea_secure_locks[i].lock); }

#endif
