/* SPDX-License-Identifier: MIT */
/* apart.c - the table of heap objects' shards, for reclaim and for stopping the heap; how all
 * chunks of one are freed at once
 *
 * AP1  The first nr_shards entries have a shard each, and no two the same.  An entry never
 *      changes.
 * AP2  Each of these shards is apart, and has a lock of rank SEA_RANK_APART.  No other shard is.
 * AP3  Each of its zones is apart, and has the owner of the shard.
 */
#include "heap/apart.h"

#include <string.h>

#include "base/atomic.h"
#include "base/check.h"
#include "base/os.h"
#include "heap/shard_zones.h"

static struct sea_shard *shards[SEA_MAX_APART];
static uint32_t nr_shards; /* released by sea_apart_add(), acquired by sea_apart_count() */

static struct sea_lock *nth_lock(uint32_t i) { return &sea_apart_at(i)->lock; }

const struct sea_locks sea_locks_apart = {.nth = nth_lock, .nr = SEA_MAX_APART, .nr_used = &nr_shards};

bool sea_apart_add(struct sea_shard *shard)
{
	SEA_ASSERT(!shard->nr_threads && !shard->is_apart); /* AP1 */
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

/* Takes the lock when no thread holds chunks that it purges. */
static void lock_unpurged(struct sea_shard *shard)
{
	sea_lock_take(&shard->lock);
	shard->is_clearing = true;
	while (unlikely(shard->nr_purging)) {
		sea_lock_drop(&shard->lock);
		sea_os_yield();
		sea_lock_take(&shard->lock);
	}
	shard->is_clearing = false;
}

static void empty_queue(struct sea_shard *shard, enum sea_which_queue q)
{
	while (sea_queue_pop(&shard->queue[q], q))
		;
}

void sea_apart_clear(struct sea_shard *shard)
{
	SEA_ASSERT(shard->is_apart);
	lock_unpurged(shard);
	empty_queue(shard, SEA_QUEUE_WORTH);
	empty_queue(shard, SEA_QUEUE_ANY);
	memset(&shard->holes, 0, sizeof(shard->holes));
	while (shard->nr_zones) {
		struct sea_zone *zone = shard->zones[shard->nr_zones - 1];
		sea_zone_clear(zone);
		sea_shard_remove_zone(shard, zone);
	}
	SEA_ASSERT(shard->nr_zones == 0 && !shard->is_clearing);
	sea_shard_drop_lock(shard);
}

/* AP2 and AP3. */
static bool is_sound(struct sea_shard *shard)
{
	bool sound = shard->is_apart && shard->lock.rank == SEA_RANK_APART;
	sea_lock_take(&shard->lock);
	for (uint32_t i = 0; i < shard->nr_zones; i++)
		sound &= shard->zones[i]->is_apart && shard->zones[i]->owner == shard->owner;
	sea_lock_drop(&shard->lock);
	return sound;
}

bool sea_apart_are_sound(void)
{
	unsigned nr = sea_apart_count();
	bool sound = nr <= SEA_MAX_APART;
	for (unsigned i = 0; sound && i < nr; i++)
		sound = shards[i] && is_sound(shards[i]);
	for (unsigned i = nr; sound && i < SEA_MAX_APART; i++)
		sound = !shards[i];
	for (unsigned i = 0; sound && i < sea_shard_count(); i++)
		sound = !sea_shards[i].is_apart;
	return sound;
}
