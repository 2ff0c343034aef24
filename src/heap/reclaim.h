/* SPDX-License-Identifier: MIT */
/* reclaim.h - giving memory inside zones back */
#ifndef SEA_RECLAIM_H
#define SEA_RECLAIM_H

#include "base/atomic.h"
#include "heap/shard.h"

/* Why reclaim is called: after the last two, nothing may happen for long. */
enum sea_occasion { SEA_NOW_AND_THEN, SEA_THREAD_CLEARS, SEA_THREAD_ENDS };

/* If more memory lies idle than the high watermark allows, a step of giving some of it back:
 * free pages first, then long ranges of pages inside zones, now and then short ones.
 * Cheap if not.  True: there is more to do, and the next call goes on.  No lock may be held. */
bool sea_reclaim(enum sea_occasion occasion);

extern SEA_HIDDEN uint32_t sea_reclaim_under_way; /* atomic */

/* Claim: the last step has left something to do.  Any thread. */
SEA_INLINE bool sea_reclaim_goes_on(void) { return sea_load_relaxed(&sea_reclaim_under_way); }

/* In the child of a fork: nobody else is reclaiming. */
void sea_reclaim_in_child(void);

/* Gives ranges of pages in the shard's holes back, long and short, step by step, until at most
 * `keep` bytes are dirty in the process.  Returns how many bytes went.  No lock may be held. */
size_t sea_reclaim_shard(struct sea_shard *shard, size_t keep);

/* Gives the memory of some spare zones' metadata back.  True: there are more.  No lock may be
 * held. */
bool sea_reclaim_metadata(struct sea_shard *shard);

#endif
