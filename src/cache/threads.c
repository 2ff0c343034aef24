/* SPDX-License-Identifier: MIT */
/* threads.c - which thread has which cache
 *
 * A thread that ends with little in its cache leaves it to the next thread that starts.  Otherwise
 * short-lived threads would each fill and empty a cache for some hundred blocks.
 *
 * T1  The list has the cache of each thread that has entered and not left; `nr` counts them.
 * T2  A cache in the list has a shard.  A spare struct has no chunk.
 * T3  A left cache has chunks only in stacks, spills and fresh runs.  Their bytes and its limits
 *     are each at most the option `cache`.  There are at most as many left caches as shards, and
 *     at most SEA_BUDGET_MOST_LEFT.  The shard of a left cache is stale.
 * T4  The caches of threads without a cache are empty and have no room.
 *
 * The threads lock protects the lists.  The contents of a cache belong to its thread; observers
 * read them without a lock.
 */
#include "cache/threads.h"

#include <string.h>

#include "base/lock.h"
#include "base/os.h"
#include "base/upward.h"
#include "map/map.h"
#include "page/budget.h"
#include "heap/reclaim.h"
#include "cache/send.h"
#include "cache/bin.h"

struct sea_cache sea_threads_nobody; /* of a thread that has not allocated yet */
static struct sea_cache departed;    /* of threads whose exit hook has run */

SEA_THREAD_LOCAL struct sea_own sea_own = {.cache = &sea_threads_nobody};

static struct {
	struct sea_lock lock;
	struct sea_cache *first; /* all caches */
	struct sea_cache *left;	 /* left by ended threads */
	struct sea_cache *spare; /* unused structs */
	size_t nr, nr_left;
	/* bytes in the caches of threads that do not exist after a fork */
	size_t lost;
} threads = {.lock = SEA_LOCK_INIT(SEA_RANK_THREADS)};
const struct sea_locks sea_locks_threads = {.first = &threads.lock, .nr = 1};

/* Threads lock, unless no other thread exists. */
static void unlink_cache(struct sea_cache *cache)
{
	SEA_ASSERT(*cache->link == cache);
	SEA_ASSERT(threads.nr > 0);
	*cache->link = cache->next;
	if (cache->next)
		cache->next->link = cache->link;
	threads.nr--;
	SEA_ASSERT((threads.nr == 0) == (threads.first == NULL));
}

/* Threads lock. */
static void link_cache(struct sea_cache *cache)
{
	SEA_ASSERT(sea_lock_is_held(&threads.lock) && cache != &departed);
	SEA_ASSERT(cache->shard);
	cache->next = threads.first;
	cache->link = &threads.first;
	if (cache->next)
		cache->next->link = &cache->next;
	threads.first = cache;
	threads.nr++;
}

/* Threads lock. */
static void push(struct sea_cache **list, struct sea_cache *cache)
{
	SEA_ASSERT(cache && cache != &sea_threads_nobody && cache != &departed);
	cache->next = *list;
	*list = cache;
}

static struct sea_cache *pop(struct sea_cache **list)
{
	struct sea_cache *cache = *list;
	if (cache)
		*list = cache->next;
	return cache;
}

/* Steps that the end of a thread makes at most to merge a shard, and to reclaim: 100 ms each, if
 * so much memory is free.  Another thread waits for one step at most. */
#define MOST_STEPS 4096

/* Looks at all zones that are queued when it begins, and merges those that are worth it.  Round 1
 * covers the zones that the queue has taken, round 2 those that were pushed. */
static void merge_worth(struct sea_shard *shard)
{
	unsigned steps = MOST_STEPS;
	for (int round = 0; round < 2; round++)
		while (steps > 0 && sea_shard_merge_worth(shard))
			steps--;
}

/* Merges what ended threads have sent, and purges what is free. */
static void clear_up(struct sea_shard *shard, bool is_alone)
{
	for (unsigned i = 0; i < sea_shard_count(); i++)
		if (is_alone || &sea_shards[i] == shard)
			merge_worth(&sea_shards[i]);
	if (is_alone)
		sea_budget_end_of_work();
	for (unsigned steps = MOST_STEPS; sea_reclaim(SEA_THREAD_ENDS) && --steps > 0;)
		;
}

/* Threads lock.  The cache has so many bytes.  False: there are enough (T3). */
static bool leave_to_next(struct sea_cache *cache, size_t bytes)
{
	SEA_ASSERT(bytes == sea_cache_bytes(cache));
	if (!sea_budget_may_leave(bytes, threads.nr_left, sea_shard_count()))
		return false;
	sea_usage_inherit(&cache->usage, bytes);
	threads.nr_left++;
	push(&threads.left, cache);
	return true;
}

/* Threads lock, so that observers count what the cache holds.  Sending takes no other lock. */
static void empty(struct sea_cache *cache)
{
	sea_send_all(cache);
	SEA_ASSERT(sea_cache_bytes(cache) == 0);
	push(&threads.spare, cache);
}

static void leave(void *argument)
{
	if (sea_lock_holds_any())
		return; /* the thread ends the process */
	SEA_ASSERT(argument == sea_threads_own());
	struct sea_cache *cache = argument;
	struct sea_shard *shard = cache->shard;
	SEA_ASSERT(shard);
	sea_own = (struct sea_own){.cache = &departed};
	sea_send_waiting(cache);
	sea_parked_clear(&cache->parked);
	if (cache->usage.granted > sea_options.cache)
		sea_bins_tighten(cache);
	size_t bytes = sea_cache_bytes(cache);
	bool is_small = bytes <= sea_options.cache;
	if (!is_small) {
		sea_send_all(cache); /* much, so without the lock */
		sea_send_purge_spills(cache);
	}
	bool has_sent = cache->usage.unmerged >= SEA_MERGE_BYTES;
	if (has_sent)
		cache->usage.unmerged = 0;
	sea_lock_take(&threads.lock);
	unlink_cache(cache);
	sea_shard_leave(shard);
	bool is_left = is_small && leave_to_next(cache, bytes);
	if (!is_left)
		empty(cache);
	bool is_alone = threads.nr <= 1;
	sea_lock_drop(&threads.lock);
	if (!is_left || has_sent || is_alone)
		clear_up(shard, is_alone);
}

/* Threads lock. */
static struct sea_cache *take_left(void)
{
	struct sea_cache *cache = pop(&threads.left);
	SEA_ASSERT(!cache || threads.nr_left > 0);
	threads.nr_left -= cache != NULL;
	return cache;
}

void sea_threads_send_left(void)
{
	sea_lock_take(&threads.lock);
	for (struct sea_cache *cache; (cache = take_left());)
		empty(cache);
	sea_lock_drop(&threads.lock);
}

/* Clears a struct but keeps its spills, which are empty. */
static void clear(struct sea_cache *cache)
{
	SEA_ASSERT(sea_cache_is_empty(cache)); /* T2 */
	struct sea_spill *spill[SEA_SPILL_CLASSES];
	memcpy(spill, cache->spill, sizeof(spill));
	memset(cache, 0, sizeof(*cache));
	memcpy(cache->spill, spill, sizeof(spill));
}

/* Threads lock.  A cache that an ended thread left, or an empty one.  NULL: out of memory. */
static struct sea_cache *take_struct(void)
{
	struct sea_cache *cache = take_left();
	if (cache)
		return cache;
	cache = pop(&threads.spare);
	if (cache)
		clear(cache);
	else if (!(cache = sea_meta_alloc_aligned(sizeof(*cache), SEA_CACHE_ALIGN)))
		return NULL;
	cache->to_guard = sea_guard_distance();
	return cache;
}

/* Threads lock.  Drops it while it asks the system for the limit of shards. */
static struct sea_shard *join(void)
{
	if (!sea_shard_may_join()) {
		sea_lock_drop(&threads.lock);
		sea_shard_learn_limit();
		sea_lock_take(&threads.lock);
	}
	return sea_shard_join();
}

struct sea_cache *sea_threads_enter(void)
{
	SEA_ASSERT(!sea_threads_own()->shard);
	if (sea_threads_own() == &departed)
		return NULL;
	sea_front_start();
	sea_lock_take(&threads.lock);
	struct sea_cache *cache = take_struct();
	if (cache) {
		SEA_ASSERT(!cache->outbox.nr && !cache->parked.start); /* T2, T3 */
		cache->waits_below = SEA_WAITS_BELOW;
		cache->shard = join();
		cache->clock = sea_os_thread_clock();
		link_cache(cache);
	}
	sea_lock_drop(&threads.lock);
	if (!cache)
		return NULL;
	cache->looked_ms = sea_os_now_ms();
	sea_own.cache = cache;
	sea_threads_resume();
	SEA_LEAVES_HERE();
	sea_os_at_thread_exit(leave, cache);
	return cache;
}

bool sea_threads_any(bool (*is_it)(const struct sea_cache *, bool, const void *), const void *context)
{
	bool found = false;
	sea_lock_take(&threads.lock);
	for (const struct sea_cache *cache = threads.left; cache && !found; cache = cache->next)
		found = is_it(cache, true, context);
	for (const struct sea_cache *cache = threads.first; cache && !found; cache = cache->next)
		found = is_it(cache, false, context);
	sea_lock_drop(&threads.lock);
	return found;
}

void sea_threads_retreat(void) { sea_own = (struct sea_own){.cache = &departed}; }

void sea_threads_stats(struct sea_threads_stats *stats)
{
	*stats = (struct sea_threads_stats){0};
	sea_lock_take(&threads.lock);
	stats->cached = threads.lost;
	for (const struct sea_cache *cache = threads.first; cache; cache = cache->next) {
		stats->nr_threads++;
		stats->cached += sea_cache_bytes(cache);
	}
	for (const struct sea_cache *cache = threads.left; cache; cache = cache->next)
		stats->cached += sea_cache_bytes(cache);
	sea_lock_drop(&threads.lock);
}

void sea_threads_forget_others(void)
{
	sea_parked_in_child(&sea_threads_own()->parked);
	sea_usage_in_child(&sea_threads_own()->usage);
	if (sea_threads_own()->shard)
		sea_threads_own()->clock = sea_os_thread_clock(); /* the thread has a new id */
	for (const struct sea_cache *cache = threads.left; cache; cache = cache->next)
		sea_usage_grant_again(&cache->usage);
	for (struct sea_cache *cache = threads.first, *next; cache; cache = next) {
		next = cache->next;
		if (cache == sea_threads_own())
			continue;
		SEA_ASSERT(cache->shard); /* T2 */
		threads.lost += sea_cache_bytes(cache);
		unlink_cache(cache);
		sea_shard_leave(cache->shard);
	}
}

/* T1 and T2 for the caches in use.  Threads lock. */
static bool used_are_sound(void)
{
	size_t nr = 0;
	struct sea_cache *const *link = &threads.first;
	for (const struct sea_cache *cache; (cache = *link); link = &cache->next, nr++)
		if (cache->link != link || !cache->shard || !sea_bins_are_sound(cache))
			return false;
	return nr == threads.nr;
}

/* T3.  Threads lock. */
static bool left_are_sound(void)
{
	size_t nr = 0;
	for (const struct sea_cache *cache = threads.left; cache; cache = cache->next, nr++)
		if (cache->outbox.nr || sea_parked_bytes(&cache->parked) || !sea_bins_are_sound(cache) ||
		    sea_max(sea_cache_bytes(cache), cache->usage.granted) > sea_options.cache)
			return false;
	return nr == threads.nr_left && nr <= sea_min(sea_shard_count(), SEA_BUDGET_MOST_LEFT);
}

/* BU1.  Threads lock. */
static size_t granted_to_all(void)
{
	size_t bytes = 0;
	for (const struct sea_cache *cache = threads.first; cache; cache = cache->next)
		bytes += cache->usage.granted;
	for (const struct sea_cache *cache = threads.left; cache; cache = cache->next)
		bytes += cache->usage.granted;
	return bytes;
}

/* F1.  Left caches have none (T3).  Threads lock. */
static size_t parked_by_all(void)
{
	size_t bytes = 0;
	for (const struct sea_cache *cache = threads.first; cache; cache = cache->next)
		bytes += sea_parked_bytes(&cache->parked);
	return bytes;
}

/* T4. */
static bool holds_nothing(const struct sea_cache *cache)
{
	bool nothing = !cache->shard && !cache->outbox.nr;
	for (unsigned c = 0; c < SEA_NR_CLASSES; c++)
		nothing &= !cache->head[c] && cache->room[c] <= 0 && cache->bin[c].cur == cache->bin[c].end;
	return nothing;
}

bool sea_threads_are_sound(void)
{
	sea_lock_take(&threads.lock);
	bool sound = used_are_sound() && left_are_sound() && holds_nothing(&sea_threads_nobody) && holds_nothing(&departed);
	sound &= granted_to_all() == sea_load_relaxed(&sea_budget.cached);
	sound &= parked_by_all() == sea_load_relaxed(&sea_counted.parked) && sea_shards_are_sound(threads.nr);
	for (const struct sea_cache *cache = threads.spare; cache && sound; cache = cache->next)
		sound = sea_cache_is_empty(cache);
	sea_lock_drop(&threads.lock);
	return sound;
}
