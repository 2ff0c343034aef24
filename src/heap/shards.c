/* SPDX-License-Identifier: MIT */
/* shards.c - how many shards there are, and which thread has which
 *
 * SH1  nr_shards is 1 to SEA_MAX_SHARDS, and never falls.
 * SH2  A shard past these has no thread and no zone.
 * SH3  The threads of all shards together are those with a cache.
 * SH4  A thread joins a shard with the fewest threads.
 *
 * The threads lock orders joining and leaving.
 */
#include "base/atomic.h"
#include "base/cpus.h"
#include "base/options.h"
#include "heap/shard.h"

struct sea_shard sea_shards[SEA_MAX_SHARDS]; /* zeros: unused shards cost no memory */

/* in use so far, grows up to the limit; threads lock to write; atomic */
static uint32_t nr_shards = 1;

const struct sea_locks sea_locks_shard = {
	.first = &sea_shards[0].lock, .stride = sizeof(sea_shards[0]), .nr = SEA_MAX_SHARDS, .nr_used = &nr_shards,
};

static uint32_t limit_by_cpus; /* 0: not known yet; atomic */

/* On one processor threads take turns and rarely contend for a lock. */
static uint32_t limit_for(size_t nr_cpus)
{
	return nr_cpus == 1 ? 1 : (uint32_t)sea_min(2 * nr_cpus, SEA_MAX_SHARDS);
}

static size_t shard_limit(void)
{
	return sea_options.shards ? sea_options.shards : sea_load_relaxed(&limit_by_cpus);
}

bool sea_shard_may_join(void) { return shard_limit() || !sea_shards[0].nr_threads; }

void sea_shard_learn_limit(void) { sea_store_relaxed(&limit_by_cpus, limit_for(sea_cpus_available())); }

unsigned sea_shard_count(void) { return sea_load_relaxed(&nr_shards); }

struct sea_shard *sea_shard_join(void)
{
	struct sea_shard *best = &sea_shards[0];
	for (unsigned i = 1; i < sea_shard_count(); i++)
		if (sea_shards[i].nr_threads < best->nr_threads)
			best = &sea_shards[i];
	if (best->nr_threads && sea_shard_count() < shard_limit())
		best = &sea_shards[sea_add_relaxed_mt(&nr_shards, 1) - 1];
	SEA_ASSERT(sea_shard_count() <= SEA_MAX_SHARDS);
	SEA_ASSERT(best < &sea_shards[sea_shard_count()]);
	best->lock.rank = SEA_RANK_SHARD;
	best->nr_threads++;
	return best;
}

void sea_shard_leave(struct sea_shard *shard)
{
	SEA_ASSERT(shard->nr_threads > 0);
	shard->nr_threads--;
}

/* SH2 for a shard that is not in use. */
static bool is_untouched(const struct sea_shard *shard)
{
	return !shard->nr_threads && !shard->nr_zones && !shard->lock.rank && !shard->capacity;
}

bool sea_shards_are_sound(size_t nr_threads)
{
	unsigned nr = sea_shard_count();
	size_t sum = 0;
	for (unsigned i = 0; i < sea_min(nr, SEA_MAX_SHARDS); i++)
		sum += sea_shards[i].nr_threads;
	bool sound = nr >= 1 && nr <= SEA_MAX_SHARDS && sum == nr_threads;
	for (unsigned i = nr; i < SEA_MAX_SHARDS; i++)
		sound &= is_untouched(&sea_shards[i]);
	return sound;
}
