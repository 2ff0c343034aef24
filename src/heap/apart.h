/* SPDX-License-Identifier: MIT */
/* apart.h - shards that belong to heap objects, and to no thread
 *
 * The seam map has no seams for their zones: the fast path of free() finds no chunk there, and its
 * slow path asks the zone for its shard.  So no chunk of a heap object comes into a thread's
 * cache.
 */
#ifndef SEA_APART_H
#define SEA_APART_H

#include "heap/shard.h"

/* Heap objects at a time.  The table has a pointer for each. */
#define SEA_MAX_APART 4096

/* Adds a zeroed shard for good.  False: the table is full.  The caller sees to it that no other
 * thread adds one. */
bool sea_apart_add(struct sea_shard *shard);

/* Frees all chunks of the shard at once, used or pending: all zones go to the page allocator.
 * Nobody sends to it or takes from it meanwhile.  Waits for threads that purge its pages, for a
 * step at most (page/purge.h).  Cost: some 2 us a zone, however many chunks it has. */
void sea_apart_clear(struct sea_shard *shard);

unsigned sea_apart_count(void);
struct sea_shard *sea_apart_at(unsigned i);

/* Claim: AP1 to AP3 hold.  sea_shard_is_sound() checks each shard beside. */
bool sea_apart_are_sound(void);

#endif
