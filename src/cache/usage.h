/* SPDX-License-Identifier: MIT */
/* usage.h - what a thread has drawn and sent, in bytes
 *
 * From these numbers follows how much the thread holds, how much its cache may hold, and whether
 * it is clearing up.  Only its thread reads and writes a usage.
 *
 * US1  torn_down <= returned: a refill sets both to 0, an allocation on the slow path only
 *      torn_down.
 * US2  `cleared` is 0 unless the thread is clearing up.
 * US3  peak_live <= peak, and net <= peak after each refill and each look.
 * US4  `granted` is what the limits of the thread's stacks and spills allow, in bytes.
 */
#ifndef SEA_USAGE_H
#define SEA_USAGE_H

#include "base/atomic.h"
#include "base/check.h"
#include "base/options.h"
#include "map/map.h"
#include "page/budget.h"

/* A thread that sent at least this much, and 3/4 of its peak, without a refill is clearing up: its
 * stacks are emptied and stay empty until it allocates again. */
#define SEA_CLEARING_BYTES SEA_SLOT_SIZE
/* A thread that sent this much without an allocation on the slow path is tearing down: its chunks
 * that leave are only prefetched (outbox.h). */
#define SEA_TEARDOWN_BYTES (64 * SEA_KIB)

struct sea_usage {
	size_t drawn;	     /* bytes refilled since the last look */
	/* bytes sent since the last step of merging; if that step left something, so many that
	 * the next send makes a step */
	size_t sent;
	/* bytes sent since an ending thread last merged; stays with the cache when the thread
	 * ends */
	size_t unmerged;
	size_t returned;     /* bytes sent since the last refill */
	size_t torn_down;    /* bytes sent since the last allocation on the slow path */
	size_t cleared;	     /* the value of `returned` at which the thread clears up again */
	size_t net;	     /* bytes refilled minus bytes sent, ever; may wrap */
	size_t peak;	     /* the largest recent net */
	size_t peak_live;    /* the largest recent net minus what was cached then */
	uint32_t nr_refills;
	size_t granted;	     /* bytes that all limits allow together */
};

/* Claim: US1 to US3 hold.  sea_bins_are_sound() checks US4. */
SEA_INLINE bool sea_usage_is_sound(const struct sea_usage *usage)
{
	bool sound = usage->torn_down <= usage->returned && usage->peak_live <= usage->peak;
	return sound && (!usage->cleared || usage->returned >= SEA_CLEARING_BYTES);
}

SEA_INLINE void sea_usage_grant(struct sea_usage *usage, size_t bytes)
{
	usage->granted += bytes;
	sea_budget_note_cached((intptr_t)bytes);
}

SEA_INLINE void sea_usage_revoke(struct sea_usage *usage, size_t bytes)
{
	SEA_ASSERT(usage->granted >= bytes);
	usage->granted -= bytes;
	sea_budget_note_cached(-(intptr_t)bytes);
}

/* In the child of a fork only the calling thread's usage counts ... */
SEA_INLINE void sea_usage_in_child(const struct sea_usage *mine)
{
	sea_store_relaxed(&sea_budget.cached, mine->granted);
}

/* ... and those of left caches. */
SEA_INLINE void sea_usage_grant_again(const struct sea_usage *usage)
{
	sea_budget_note_cached((intptr_t)usage->granted);
}

/* A thread ends and leaves its cache, with `cached` bytes in it: the usage of the next thread. */
SEA_INLINE void sea_usage_inherit(struct sea_usage *usage, size_t cached)
{
	*usage = (struct sea_usage){.net = cached, .peak = cached, .sent = usage->sent,
				      .unmerged = usage->unmerged, .granted = usage->granted};
}

/* Bytes that the thread holds, its cache included; 0 if it has sent more than it drew. */
SEA_INLINE size_t sea_usage_net(const struct sea_usage *usage)
{
	return (intptr_t)usage->net > 0 ? usage->net : 0;
}

/* A stack may grow while the thread holds at most so many bytes, its cache included.  A program
 * that frees all and allocates it again stays at its peak.  A program that replaces blocks at
 * random would otherwise fill its caches on top of what is live. */
SEA_INLINE size_t sea_usage_may_hold(const struct sea_usage *usage)
{
	return usage->peak_live + sea_max(usage->peak_live / SEA_BUDGET_CACHES_SHARE, sea_options.cache);
}

/* Bytes that all limits together may allow, and that the thread draws between two looks. */
SEA_INLINE size_t sea_usage_budget(const struct sea_usage *usage)
{
	return sea_budget_of_thread(usage->peak);
}

/* Claim: the thread is freeing most of what it holds. */
SEA_INLINE bool sea_usage_is_clearing(const struct sea_usage *usage)
{
	return usage->returned >= sea_max(SEA_CLEARING_BYTES, usage->peak / 4 * 3);
}

/* Claim: the thread frees many blocks and allocates next to nothing. */
SEA_INLINE bool sea_usage_is_tearing_down(const struct sea_usage *usage)
{
	return usage->torn_down >= SEA_TEARDOWN_BYTES;
}

/* The thread allocates again. */
SEA_INLINE void sea_usage_resume(struct sea_usage *usage) { usage->torn_down = 0; }

/* Claim: the thread has drawn much itself.  A thread that only frees what others drew is always
 * clearing up. */
SEA_INLINE bool sea_usage_held_much(const struct sea_usage *usage) { return usage->peak >= SEA_CLEARING_BYTES; }

/* A refill brought so many bytes. */
SEA_INLINE void sea_usage_draw(struct sea_usage *usage, size_t bytes)
{
	SEA_ASSERT(bytes > 0);
	usage->returned = 0;
	usage->torn_down = 0;
	usage->cleared = 0;
	usage->drawn += bytes;
	usage->net += bytes;
	usage->peak = sea_max(usage->peak, sea_usage_net(usage));
	SEA_ASSERT(sea_usage_is_sound(usage));
}

/* The thread sent so many bytes. */
SEA_INLINE void sea_usage_send(struct sea_usage *usage, size_t bytes)
{
	usage->net -= bytes;
	usage->sent += bytes;
	usage->unmerged += bytes;
	usage->returned += bytes;
	usage->torn_down += bytes;
	SEA_ASSERT(sea_usage_is_sound(usage));
}

/* Measures what is live: what the thread holds minus the `cached` bytes. */
SEA_INLINE void sea_usage_sample(struct sea_usage *usage, size_t cached)
{
	size_t net = sea_usage_net(usage);
	usage->peak_live = sea_max(usage->peak_live, net - sea_min(net, cached));
	SEA_ASSERT(usage->peak_live + cached >= net);
	/* the peak is up to date: a refill or a look came before */
	SEA_ASSERT(sea_usage_is_sound(usage));
}

/* At a look: recent peaks count half. */
SEA_INLINE void sea_usage_age(struct sea_usage *usage)
{
	usage->drawn = 0;
	usage->peak = sea_max(sea_usage_net(usage), usage->peak / 2);
	usage->peak_live /= 2;
	SEA_ASSERT(usage->peak >= sea_usage_net(usage));
	SEA_ASSERT(sea_usage_is_sound(usage));
}

#endif
