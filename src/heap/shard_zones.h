/* SPDX-License-Identifier: MIT */
/* shard_zones.h - the zones of a shard: made, found by number, given back
 *
 * The caller holds the shard's lock.
 */
#ifndef SEA_SHARD_ZONES_H
#define SEA_SHARD_ZONES_H

#include "heap/shard.h"

/* Makes a zone for chunks of k granules.  Drops the lock and takes it again.  False: out of
 * memory. */
bool sea_shard_make_zone(struct sea_shard *shard, unsigned k);

/* Takes a zone without used chunks out of the shard. */
void sea_shard_remove_zone(struct sea_shard *shard, struct sea_zone *zone);

/* Drops the lock, then gives the zones that were removed to the page allocator.  Those of a heap
 * object are purged as far as the watermarks say; after the others the caller asks reclaim. */
void sea_shard_drop_lock(struct sea_shard *shard);

#endif
