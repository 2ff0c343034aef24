/* SPDX-License-Identifier: MIT */
/* reclaim.h - purging memory inside zones */
#ifndef SEA_RECLAIM_H
#define SEA_RECLAIM_H

#include "base/atomic.h"
#include "heap/shard.h"

/* Why reclaim is called.  After the last two, the program may make no call for long. */
enum sea_occasion { SEA_NOW_AND_THEN, SEA_THREAD_CLEARS, SEA_THREAD_ENDS };

/* If more memory is idle than the high watermark allows, makes one step of purging: free pages
 * first, then long rows of idle pages inside zones, and short rows at intervals.  Else returns at
 * once.  True: there is more to do.  The caller holds no lock. */
bool sea_reclaim(enum sea_occasion occasion);

extern SEA_HIDDEN uint32_t sea_reclaim_under_way; /* atomic */

/* Claim: the last step left something to do.  Any thread. */
SEA_INLINE bool sea_reclaim_goes_on(void) { return sea_load_relaxed(&sea_reclaim_under_way); }

/* In the child of a fork no other thread reclaims. */
void sea_reclaim_in_child(void);

/* Purges long and short rows of idle pages in the shard's zones, step by step, until the process
 * has at most `keep` dirty bytes.  Returns the bytes that were purged.  The caller holds no
 * lock. */
size_t sea_reclaim_shard(struct sea_shard *shard, size_t keep);

/* Claim: RC1 to RC4 hold.  No thread purges now. */
bool sea_reclaim_is_sound(void);

/* Purges the metadata of some spare zones.  True: there is more.  The caller holds no lock. */
bool sea_reclaim_metadata(struct sea_shard *shard);

#endif
