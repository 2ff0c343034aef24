/* SPDX-License-Identifier: MIT */
/* usage.h - what a thread has drawn and sent back, in bytes
 *
 * From it follow how much the thread holds, how much its caches may hold beside, and
 * whether it is clearing up.  Its owner alone writes it and reads it.
 */
#ifndef SEA_USAGE_H
#define SEA_USAGE_H

#include "base/atomic.h"
#include "base/check.h"
#include "base/options.h"
#include "page/budget.h"

/* Caches hold at most this part of what is live, or the option `cache`. */
#define SEA_CACHED_SHARE 4
/* A thread that sent this much back without one refill, and most of what it held, is
 * clearing up: its stacks are emptied as well, and stay so until it allocates again. */
#define SEA_CLEARING_BYTES SEA_MIB
/* A thread that sent this much back without an allocation that took its slow path tears something
 * down: chunks that leave wait for their memory (outbox.h). */
#define SEA_TEARDOWN_BYTES (64 * SEA_KIB)

struct sea_usage {
	size_t drawn;	     /* bytes refilled since the last look */
	size_t sent;	     /* bytes sent back since the last help */
	size_t unmerged;    /* bytes sent back since a thread cleared up as it ended; outlives it */
	size_t returned;     /* bytes sent back since the last refill */
	size_t torn_down;    /* bytes sent back since the last allocation that took its slow path */
	size_t cleared;	     /* what `returned` is to reach before the thread tidies up again */
	size_t net;	     /* bytes refilled less bytes sent back, ever; may wrap */
	size_t peak;	     /* the largest net of late */
	size_t peak_live;    /* the largest net of late, without what was cached then */
	uint32_t nr_refills;
	size_t granted;	     /* bytes that all limits together allow */
};

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

/* In the child of a fork: other usages are gone ... */
SEA_INLINE void sea_usage_in_child(const struct sea_usage *mine)
{
	sea_store_relaxed(&sea_budget.cached, mine->granted);
}

/* ... but for those of caches that stay. */
SEA_INLINE void sea_usage_grant_again(const struct sea_usage *usage)
{
	sea_budget_note_cached((intptr_t)usage->granted);
}

/* A new thread has the cache of one that has ended, with so many bytes in it. */
SEA_INLINE void sea_usage_inherit(struct sea_usage *usage, size_t cached)
{
	*usage = (struct sea_usage){.net = cached, .peak = cached, .sent = usage->sent,
				      .unmerged = usage->unmerged, .granted = usage->granted};
}

/* Bytes that the thread holds, caches included; 0 for one that frees what others drew. */
SEA_INLINE size_t sea_usage_net(const struct sea_usage *usage)
{
	return (intptr_t)usage->net > 0 ? usage->net : 0;
}

/* Bytes that the thread may hold, caches included, for a stack to grow.  A program that
 * frees all and allocates it anew never holds more than at its peak; one that replaces
 * blocks at random would fill its caches beside what is live. */
SEA_INLINE size_t sea_usage_may_hold(const struct sea_usage *usage)
{
	return usage->peak_live + sea_max(usage->peak_live / SEA_CACHED_SHARE, sea_options.cache);
}

/* Bytes that all limits together may allow, and that are drawn between two looks. */
SEA_INLINE size_t sea_usage_budget(const struct sea_usage *usage)
{
	return sea_budget_of_thread(usage->peak);
}

/* Claim: the thread is giving back what it holds. */
SEA_INLINE bool sea_usage_is_clearing(const struct sea_usage *usage)
{
	return usage->returned >= sea_max(SEA_CLEARING_BYTES, usage->peak / 4 * 3);
}

/* Claim: the thread frees a mass of blocks, and allocates next to nothing. */
SEA_INLINE bool sea_usage_is_tearing_down(const struct sea_usage *usage)
{
	return usage->torn_down >= SEA_TEARDOWN_BYTES;
}

/* It allocates again. */
SEA_INLINE void sea_usage_resume(struct sea_usage *usage) { usage->torn_down = 0; }

/* Claim: it had something to give back.  A thread that only frees what others drew clears
 * up for ever. */
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
}

/* So many bytes left. */
SEA_INLINE void sea_usage_send(struct sea_usage *usage, size_t bytes)
{
	usage->net -= bytes;
	usage->sent += bytes;
	usage->unmerged += bytes;
	usage->returned += bytes;
	usage->torn_down += bytes;
}

/* Looks at what is live while `cached` of what the thread holds is not. */
SEA_INLINE void sea_usage_sample(struct sea_usage *usage, size_t cached)
{
	size_t net = sea_usage_net(usage);
	usage->peak_live = sea_max(usage->peak_live, net - sea_min(net, cached));
	SEA_ASSERT(usage->peak_live + cached >= net);
}

/* At a look: what was of late counts half from now on. */
SEA_INLINE void sea_usage_age(struct sea_usage *usage)
{
	usage->drawn = 0;
	usage->peak = sea_max(sea_usage_net(usage), usage->peak / 2);
	usage->peak_live /= 2;
	SEA_ASSERT(usage->peak >= sea_usage_net(usage));
}

#endif
