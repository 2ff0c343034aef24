/* SPDX-License-Identifier: MIT */
/* lock.h - a ranked mutex (layer 1)
 *
 * Ranks: a thread may take a lock only if its rank is above those of all locks it
 * holds; debug builds trap otherwise.  Fork takes all of them, lowest rank first.
 *
 * While a fork or an account is under way the thread at it owns every lock.  If a fork handler
 * of the program allocates at that moment, sea_lock_take() sees that the owner
 * asks again and lets it through: there is no other thread inside.
 */
#ifndef SEA_LOCK_H
#define SEA_LOCK_H

#include "compiler.h"

enum sea_lock_rank {
	SEA_RANK_THREADS = 1, /* list of thread caches */
	SEA_RANK_SHARD,	   /* one shard's zones; two are never held together but by fork */
	SEA_RANK_PCP,	   /* one per-CPU page list; likewise */
	SEA_RANK_PAGES,	   /* pools */
	SEA_RANK_META,	   /* metadata pages */
	SEA_RANK_SEAMS,	   /* the seam map, while it is made */
	SEA_RANK_REGION,   /* the region map */
};

struct sea_lock {
	uint32_t state; /* 0 free, 1 held, 2 held and somebody sleeps */
	uint32_t rank;
	uint32_t nr_contended; /* takes that found it held; lock held to write */
	uint32_t is_forking;   /* taken by sea_lock_fork_take(); lock held to write */
};

#define SEA_LOCK_INIT(r) {.rank = (r)}

void sea_lock_take(struct sea_lock *lock);
bool sea_lock_try(struct sea_lock *lock);
void sea_lock_drop(struct sea_lock *lock);

/* Claim for asserts: somebody holds it. */
bool sea_lock_is_held(const struct sea_lock *lock);

/* Fork: take each lock, lowest rank first; then sea_lock_fork_begin(), after which
 * the calling thread passes through all of them.  Afterwards sea_lock_fork_end(),
 * and drop each lock; the child forgets who waited. */
void sea_lock_fork_take(struct sea_lock *lock);
void sea_lock_fork_drop(struct sea_lock *lock, bool in_child);
void sea_lock_fork_begin(void);
void sea_lock_fork_end(void);

/* Claim: the calling thread is between begin and end. */
bool sea_lock_owns_all(void);

#endif
