/* SPDX-License-Identifier: MIT */
/* send.c - sending chunks from a cache to the zones
 *
 * K4  Every chunk that is sent has its mark before its bit is set (X1).
 * K6  A bin that was emptied has no chunks and no room for any.  A cache that was emptied has only
 *     such bins, no parked run, an empty outbox, and nothing is granted to it.
 *
 * A thread that sends much makes a step of merging at intervals.  A thread that is clearing up
 * keeps nothing in its cache.
 */
#include "cache/send.h"

#include "base/lock.h"
#include "base/os.h"
#include "base/step.h"
#include "heap/reclaim.h"

/* When this part of the peak is left, the thread is about to finish.  What it still frees
 * completes pages and zones that are free but for the last blocks. */
#define LAST_SHARE 8

/* 1,300 to 2,600 instructions: a thread uses few classes or many. */
SEA_RACE_BY_DESIGN size_t sea_cache_bytes(const struct sea_cache *cache)
{
	size_t bytes = sea_outbox_bytes(&cache->outbox) + sea_parked_bytes(&cache->parked);
	for (unsigned c = 1; c < SEA_NR_CLASSES; c++) {
		const struct sea_bin *bin = &cache->bin[c];
		int32_t nr = (int32_t)bin->limit - cache->room[c];
		if (likely(nr <= 0 && bin->end == bin->cur))
			continue;
		if (nr > 0)
			bytes += (size_t)nr * sea_class_size(c);
		if (bin->end > bin->cur)
			bytes += (size_t)(bin->end - bin->cur);
	}
	for (unsigned c = 1; c < SEA_SPILL_CLASSES; c++)
		if (unlikely(cache->spill[c]))
			bytes += sea_spill_length(cache->spill[c]) * sea_class_size(c);
	return bytes;
}

void sea_send_outbox(struct sea_cache *cache)
{
	if (cache->outbox.nr)
		sea_usage_send(&cache->usage, sea_outbox_send(&cache->outbox));
	SEA_ASSERT(sea_outbox_bytes(&cache->outbox) == 0);
}

void sea_send_waiting(struct sea_cache *cache)
{
	sea_send_outbox(cache);
	for (unsigned c = 1; c < SEA_SPILL_CLASSES; c++)
		if (cache->spill[c])
			sea_spill_enter_all(cache->spill[c]);
}

/* Sends a marked chunk. */
static void send(struct sea_cache *cache, struct sea_link *chunk, unsigned c)
{
	SEA_ASSERT(sea_zone_of(chunk));
	SEA_ASSERT(sea_link_is_marked(chunk));
	if (sea_outbox_add(&cache->outbox, chunk, sea_class_granules(c)))
		sea_send_outbox(cache);
}

/* Sends up to `most` chunks of the stack of class c and lowers the limit with them (K1).  Chunks
 * above the limit only restore room.  Returns the number. */
static size_t send_stack(struct sea_cache *cache, unsigned c, size_t most)
{
	size_t nr = 0;
	sea_bin_expect(cache->head[c], NULL);
	for (struct sea_link *chunk; nr < most && (chunk = cache->head[c]); nr++) {
		cache->head[c] = sea_bin_below(chunk);
		sea_before_a_signal(); /* K7 */
		send(cache, chunk, c);
	}
	size_t within = sea_min(nr, cache->bin[c].limit);
	cache->bin[c].limit -= (uint32_t)within;
	cache->room[c] += (int32_t)(nr - within);
	sea_usage_revoke(&cache->usage, within * sea_class_size(c));
	return nr;
}

/* The same for the spill of class c, whose limit becomes what it holds. */
static size_t send_spill(struct sea_cache *cache, unsigned c, size_t most)
{
	struct sea_spill *spill = sea_bin_spill(cache, c);
	struct sea_link *chunk;
	size_t nr = 0;
	uint32_t some;
	if (!spill)
		return 0;
	while (nr < most && (some = sea_spill_take(spill, SEA_OUTBOX_CHUNKS, &chunk))) {
		nr += some;
		for (struct sea_link *next; chunk; chunk = next) {
			next = chunk->next;
			send(cache, chunk, c);
		}
	}
	sea_usage_revoke(&cache->usage, sea_spill_tighten(spill) * sea_class_size(c));
	return nr;
}

static size_t send_fresh(struct sea_cache *cache, unsigned c, size_t most)
{
	struct sea_bin *bin = &cache->bin[c];
	size_t nr = 0;
	for (size_t size = sea_class_size(c); nr < most && bin->cur < bin->end; nr++) {
		struct sea_link *chunk = (struct sea_link *)bin->cur;
		chunk->mark = sea_link_mark(chunk);
		bin->cur += size;
		sea_before_a_signal(); /* K7 */
		send(cache, chunk, c);
	}
	return nr;
}

bool sea_bin_has_any(const struct sea_cache *cache, unsigned c)
{
	const struct sea_bin *bin = &cache->bin[c];
	const struct sea_spill *spill = sea_bin_spill(cache, c);
	return cache->head[c] || bin->limit || bin->cur < bin->end || (spill && spill->limit);
}

size_t sea_send_bin(struct sea_cache *cache, unsigned c, size_t most)
{
	struct sea_bin *bin = &cache->bin[c];
	SEA_ASSERT(sea_class_granules(c));
	size_t nr = send_stack(cache, c, most);
	nr += send_fresh(cache, c, most - nr);
	nr += nr < most ? send_spill(cache, c, most - nr) : 0;
	if (nr >= most)
		return nr;
	SEA_ASSERT(cache->room[c] == (int32_t)bin->limit);
	sea_usage_revoke(&cache->usage, bin->limit * sea_class_size(c));
	cache->room[c] = 0;
	sea_before_a_signal(); /* K7 */
	bin->limit = 0;
	bin->drawn = 0;
	bin->is_shut = 0;
	SEA_ASSERT(!sea_bin_has_any(cache, c));
	return nr;
}

bool sea_send_some(struct sea_cache *cache, size_t most)
{
	size_t nr = 0;
	sea_send_outbox(cache);
	for (unsigned c = 1; c < SEA_NR_CLASSES && nr < most; c++)
		if (cache->bin[c].drawn || sea_bin_has_any(cache, c))
			nr += sea_send_bin(cache, c, most - nr);
	sea_send_outbox(cache);
	if (nr < most)
		sea_parked_clear(&cache->parked);
	return nr < most;
}

void sea_send_all(struct sea_cache *cache)
{
	sea_send_some(cache, SIZE_MAX);
	SEA_ASSERT(sea_cache_is_empty(cache));
}

bool sea_cache_is_empty(const struct sea_cache *cache)
{
	bool empty = !cache->outbox.nr && !cache->usage.granted && !sea_cache_bytes(cache);
	for (unsigned c = 1; c < SEA_NR_CLASSES && empty; c++)
		empty = !sea_bin_has_any(cache, c) && !cache->room[c];
	return empty;
}

void sea_send_purge_spills(struct sea_cache *cache)
{
	for (unsigned c = 1; c < SEA_SPILL_CLASSES; c++)
		if (cache->spill[c])
			sea_spill_purge(cache->spill[c]);
}

/* Bytes that a thread sends between two steps of merging.  A thread that frees all sends half of
 * what it holds, as far as `dirty_max` allows: that needs fewer passes. */
static size_t merge_interval(const struct sea_usage *usage)
{
	size_t some = sea_min(sea_usage_net(usage), sea_options.dirty_max) / 2;
	return sea_max(some, SEA_MERGE_BYTES);
}

/* The thread may be freeing all that it has, and make no call for long.  Sends some of its cache,
 * then makes a step of merging and of reclaiming more than usual.  The next time is when the
 * thread has sent half of what it still holds.  True: there is more to do. */
static bool clear_up(struct sea_cache *cache)
{
	struct sea_usage *usage = &cache->usage;
	if (!usage->cleared) {
		if (!sea_send_some(cache, SEA_STEP_LOOKS))
			return true;
		sea_send_purge_spills(cache);
	}
	/* Once it has cleared up, no bin takes a chunk before a refill. */
	SEA_ASSERT(!usage->granted);
	sea_parked_clear(&cache->parked);
	if (usage->returned < usage->cleared)
		return false;
	bool goes_on = sea_shard_merge_worth(cache->shard);
	goes_on |= sea_reclaim(SEA_THREAD_CLEARS);
	if (!goes_on) {
		size_t least = sea_usage_held_much(usage) ? SEA_TEARDOWN_BYTES : SEA_CLEARING_BYTES / 2;
		usage->cleared = usage->returned + sea_max(sea_usage_net(usage) / 2, least);
	}
	return goes_on;
}

/* A step of merging and reclaiming after sending.  True: there is more to do, and the next send
 * continues. */
static bool merge_and_reclaim(struct sea_cache *cache, struct sea_shard *shard)
{
	SEA_ASSERT(shard);
	if (sea_lock_holds_any())
		return false; /* we are in a signal handler, and the interrupted code holds it */
	struct sea_usage *usage = &cache->usage;
	bool goes_on = sea_shard_merge_some(shard);
	goes_on |= sea_usage_is_clearing(usage) ? clear_up(cache) : sea_reclaim(SEA_NOW_AND_THEN);
	usage->sent = goes_on ? merge_interval(usage) : 0;
	return goes_on;
}

static bool is_nearly_done(const struct sea_usage *usage)
{
	return sea_usage_held_much(usage) &&
	       sea_usage_net(usage) < sea_max(SEA_MERGE_BYTES, usage->peak / LAST_SHARE);
}

static bool is_worth_merging(const struct sea_usage *usage)
{
	if (likely(usage->sent < SEA_TEARDOWN_BYTES))
		return false;
	return usage->sent >= merge_interval(usage) || (is_nearly_done(usage) && sea_usage_is_clearing(usage));
}

/* The shard of the last chunk is read first: once the zone has its chunk, the zone may be freed.
 * When a thread has nearly freed all, no call may follow.  Then each chunk is sent by itself and
 * makes a step, until nothing is left to do. */
void sea_send_and_merge(struct sea_cache *cache)
{
	struct sea_shard *shard = sea_outbox_shard(&cache->outbox);
	sea_send_outbox(cache);
	bool goes_on = is_worth_merging(&cache->usage) && merge_and_reclaim(cache, shard);
	SEA_ASSERT(sea_bins_seem_sound(cache));
	cache->waits_below = unlikely(goes_on && is_nearly_done(&cache->usage)) ? 1 : SEA_WAITS_BELOW;
}
