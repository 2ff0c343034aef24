/* SPDX-License-Identifier: MIT */
/* apart.c - the table of them, for reclaim and for stopping the heap */
#include "heap/apart.h"

#include "base/atomic.h"
#include "base/check.h"

static struct sea_shard *shards[SEA_MAX_APART];
static uint32_t nr_shards; /* released by sea_apart_add(), acquired by sea_apart_count() */

static struct sea_lock *nth_lock(uint32_t i) { return &sea_apart_at(i)->lock; }

const struct sea_locks sea_locks_apart = {.nth = nth_lock, .nr = SEA_MAX_APART, .nr_used = &nr_shards};

bool sea_apart_add(struct sea_shard *shard)
{
	uint32_t nr = sea_load_relaxed(&nr_shards);
	SEA_ASSERT(!shard->nr_zones);
	if (nr == SEA_MAX_APART)
		return false;
	shard->is_apart = true;
	shard->lock.rank = SEA_RANK_APART;
	shards[nr] = shard;
	sea_store_release(&nr_shards, nr + 1);
	return true;
}

unsigned sea_apart_count(void) { return sea_load_acquire(&nr_shards); }

struct sea_shard *sea_apart_at(unsigned i)
{
	SEA_ASSERT(i < sea_apart_count());
	return shards[i];
}
