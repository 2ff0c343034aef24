/* SPDX-License-Identifier: MIT */
/* seam/engine.c - the production engine: thread caches over shards over pages
 *
 * A call that must not enter the heap (lock.h) is served here without it, and hardened mode is
 * told from the other here.  Only free() is checked later, in cache.c, behind its fast path.
 */
#include "engines/engine.h"

#include <string.h>

#include "base/check.h"
#include "base/emergency.h"
#include "base/lock.h"
#include "base/options.h"
#include "base/upward.h"
#include "map/map.h"
#include "guard/guard.h"
#include "page/page_alloc.h"
#include "page/budget.h"
#include "secure/secure.h"
#include "heap/forked.h"
#include "heap/reclaim.h"
#include "named/named.h"
#include "cache/cache.h"
#include "cache/idle.h"

const char sea_engine_name[] = "seam";

/* Chunks up to this size are copied if the thread has a cached chunk of the new size.  So a vector
 * that grows and is freed again and again finds all its sizes in the cache. */
#define COPY_TO_CACHED_MAX (64 * SEA_KIB)

static bool is_secure(void) { return sea_secure_may_be_on() && sea_secure_settle(); }

void *sea_engine_alloc_as(enum sea_kind kind, size_t align, size_t size)
{
	bool zeroed;
	if (sea_lock_holds_any())
		return sea_emergency_alloc(align, size);
	if (is_secure())
		return sea_secure_alloc(align, size, kind, &zeroed);
	if (align <= SEA_GRANULE)
		return sea_cache_alloc(size, sea_cache_alloc_slow);
	return sea_cache_alloc_aligned(align, size);
}

void *sea_engine_alloc(size_t size)
{
	if (unlikely(sea_lock_holds_any()))
		return sea_emergency_alloc(SEA_GRANULE, size);
	if (unlikely(sea_secure_may_be_on()))
		return sea_secure_is_on() ? sea_secure_malloc(size) : sea_engine_alloc_as(SEA_KIND_PLAIN, SEA_GRANULE, size);
	return sea_cache_alloc(size, sea_cache_alloc_slow);
}

void *sea_engine_alloc_aligned(size_t align, size_t size) { return sea_engine_alloc_as(SEA_KIND_PLAIN, align, size); }

static void *alloc_large(size_t size, bool *zeroed)
{
	void *block = sea_cache_alloc_large(size, zeroed);
	if (likely(block))
		return block;
	sea_cache_merge_all();
	return sea_cache_alloc_large(size, zeroed);
}

void *sea_engine_alloc_zeroed(size_t size)
{
	bool zeroed = false;
	void *block;
	if (sea_lock_holds_any())
		return sea_emergency_alloc(SEA_GRANULE, size);
	if (is_secure())
		block = sea_secure_alloc(SEA_GRANULE, size, SEA_KIND_PLAIN, &zeroed);
	else if (size > SEA_RUN_LEAST && size <= PTRDIFF_MAX)
		block = alloc_large(size, &zeroed);
	else
		block = sea_engine_alloc(size);
	return block && !zeroed ? memset(block, 0, size) : block;
}

void sea_engine_free(void *block) { sea_cache_free(block); }

/* Claim: hardened mode answers for the block, or for the mistake. */
static bool is_hardened(const void *block) { return sea_secure_is_on() && !sea_named_has(block); }

/* In hardened mode the seam map shows no block. */
static SEA_NOINLINE size_t expect_long(const char *verb, const void *block)
{
	size_t size;
	if (is_hardened(block) && sea_secure_find(verb, block, &size))
		return size;
	return sea_cache_expect_live(verb, block);
}

size_t sea_engine_expect_live(const char *verb, const void *block)
{
	size_t size = sea_cache_small_size(block);
	return likely(size) ? size : expect_long(verb, block);
}

void sea_engine_free_as(enum sea_kind kind, void *block, size_t size)
{
	if (is_hardened(block)) {
		if (sea_secure_free(block, kind, size))
			return;
	} else if (block && size != SEA_SIZE_UNTOLD) {
		sea_cache_expect_room(block, size);
	}
	sea_cache_free(block);
}

bool sea_engine_has(const void *block) { return sea_pagemap_arena(block) || (sea_secure_is_on() && sea_secure_has(block)); }

static bool is_run(const void *block) { return sea_zone_of(block) == NULL; }

static bool is_better_in_place(size_t usable, size_t size)
{
	if (size <= usable || usable <= SEA_SMALL_MAX || size > SEA_ZONE_CHUNK_MAX * SEA_GRANULE)
		return false;
	return size > COPY_TO_CACHED_MAX || !sea_cache_has(size);
}

static void *resize_by_copy(void *block, size_t usable, size_t size)
{
	SEA_ASSERT(block && usable > 0);
	void *fresh = sea_engine_alloc(size);
	if (!fresh)
		return size <= usable ? block : NULL;
	memcpy(fresh, block, sea_min(usable, size));
	sea_engine_free(block);
	return fresh;
}

static void *resize_run(void *run, size_t usable, size_t size)
{
	SEA_ASSERT(is_run(run) && usable > 0);
	if (size <= SEA_RUN_LEAST)
		return resize_by_copy(run, usable, size);
	if (sea_pages_resize(run, sea_cache_good_size(size)))
		return run;
	if (size <= SEA_MEDIUM_MAX)
		return resize_by_copy(run, usable, size);
	void *moved = sea_pages_move(run, size);
	if (likely(moved))
		return moved;
	sea_cache_merge_all();
	return sea_pages_move(run, size);
}

static SEA_NOINLINE void *resize_secure(void *block, size_t size)
{
	void *resized;
	if (likely(!sea_lock_holds_any()) && sea_secure_resize(block, size, &resized))
		return resized;
	size_t usable = expect_long("realloc", block);
	if (size > PTRDIFF_MAX)
		return NULL;
	return sea_lock_holds_any() ? sea_emergency_copy(block, usable, size) : resize_by_copy(block, usable, size);
}

void *sea_engine_resize(void *block, size_t size)
{
	size_t usable = sea_cache_small_size(block);
	SEA_ASSERT(size > 0);
	if (unlikely(!usable)) {
		if (is_hardened(block))
			return resize_secure(block, size);
		usable = sea_cache_expect_live("realloc", block);
	}
	if (size > PTRDIFF_MAX)
		return NULL;
	if (sea_lock_holds_any())
		return sea_emergency_copy(block, usable, size);
	if (unlikely(sea_emergency_size(block) || sea_guard_has(block)))
		return resize_by_copy(block, usable, size);
	struct sea_named *named = unlikely(sea_named_any()) ? sea_named_of(block) : NULL;
	if (unlikely(named))
		return sea_named_resize(named, block, size);
	if (usable > SEA_SMALL_MAX && is_run(block))
		return resize_run(block, usable, size);
	if (sea_cache_fits(usable, size))
		return block;
	if (is_better_in_place(usable, size) && sea_cache_expand(block, sea_cache_good_size(size)))
		return block;
	return resize_by_copy(block, usable, size);
}

bool sea_engine_expand(void *block, size_t size)
{
	if (sea_engine_expect_live("sea_expand", block) >= size)
		return true;
	if (is_hardened(block))
		return !sea_lock_holds_any() && sea_secure_has(block) && sea_secure_expand(block, size);
	if (sea_lock_holds_any() || sea_emergency_size(block) || sea_guard_has(block))
		return false;
	return sea_cache_expand(block, size);
}

/* In hardened mode a block has the bytes that were asked for, and no more. */
size_t sea_engine_good_size(size_t size)
{
	if (is_secure() && size <= PTRDIFF_MAX)
		return size;
	sea_guard_keep_sizes();
	return sea_cache_good_size(size);
}

size_t sea_engine_trim(size_t keep)
{
	if (sea_lock_holds_any())
		return 0;
	size_t bytes = 0;
	if (sea_secure_is_on()) {
		sea_secure_audit(sea_options.secure_audit);
		bytes = sea_secure_trim();
	}
	return bytes + sea_cache_trim(keep); /* blocks from before the mode lie there, too */
}

/* Some 100 us: 16 zones of 7 us each. */
const size_t sea_engine_account_step = 1024;

void sea_engine_count_run(const char *run, size_t size, struct sea_stats *stats)
{
	size_t used, free, purged;
	if (sea_secure_is_on() && sea_secure_count_tract(run, &used, &free, &purged)) {
		stats->nr_zones++;
		stats->live += used; /* what is kept is subtracted later */
		stats->free += free;
		stats->purged += purged;
		return;
	}
	const struct sea_zone *zone = sea_zone_of(run);
	if (!zone) {
		stats->live += size;
		return;
	}
	struct sea_zone_count count;
	sea_zone_count(zone, &count);
	SEA_ASSERT(size == SEA_ZONE_SIZE && count.pending <= count.used);
	stats->nr_zones++;
	stats->live += count.used - count.pending; /* cached chunks are subtracted later */
	stats->pending += count.pending;
	stats->free += count.free;
	stats->purged += count.purged;
	stats->dirty += count.idle;
}

/* Shared runs of heap objects are in no arena. */
static void count_shared(struct sea_stats *stats)
{
	struct sea_shared shared = sea_handover_mapped();
	stats->live += shared.blocks;
	stats->metadata += shared.heads;
	stats->mapped += shared.blocks + shared.heads;
}

static size_t take_from_live(size_t bytes, struct sea_stats *stats)
{
	bytes = sea_min(bytes, stats->live);
	stats->live -= bytes;
	return bytes;
}

/* What runs have beside blocks in hardened mode.  Seals and slack are metadata. */
static void count_secure(struct sea_threads_stats *caches, struct sea_stats *stats)
{
	struct sea_secure_sums sums = sea_secure_sum();
	sums.live += sea_named_drawn_from_pages();
	stats->purged += take_from_live(sums.closed, stats);
	size_t kept = sea_min(caches->cached + sums.kept, stats->live);
	size_t live = sea_min(sums.live, stats->live - kept);
	stats->metadata += take_from_live(stats->live - kept - live, stats);
	caches->cached = kept;
	caches->nr_threads += sums.nr_threads;
}

/* Threads that run may have more in their caches than the zones show. */
void sea_engine_count_rest(struct sea_stats *stats)
{
	struct sea_threads_stats caches;
	sea_threads_stats(&caches);
	if (sea_secure_is_on())
		count_secure(&caches, stats);
	stats->cached = sea_min(caches.cached, stats->live);
	stats->live -= stats->cached;
	size_t guarded, pages;
	sea_guard_count(&guarded, &pages);
	stats->live += guarded;
	stats->metadata += pages - guarded;
	stats->reserved -= pages;
	stats->nr_threads = caches.nr_threads;
	stats->nr_shards = sea_shard_count();
	count_shared(stats);
}

void sea_engine_send_waiting(void)
{
	if (!sea_lock_holds_any())
		sea_cache_send_waiting();
}

void sea_engine_start(bool options_are_read)
{
	sea_secure_start(options_are_read);
	if (sea_secure_is_on())
		sea_threads_hold_back();
}

void sea_engine_audit(void)
{
	if (sea_secure_is_on() && !sea_lock_holds_any())
		sea_secure_audit(sea_options.secure_audit);
}

void sea_engine_retreat(void)
{
	sea_threads_retreat();
	sea_secure_retreat();
}

/* What the child repairs after all locks are free.  Other threads may have been between two locks:
 *   page/    buddies that a purge had in hand go to their pools; the counts of pages are made anew
 *            from the pools
 *   heap/    the queues of zones with pending chunks are made anew; the turn to reclaim is free
 *   cache/   the idle thread does not exist; caches of other threads are unlinked: their contents
 *            are lost and count as cached; the sums over all threads are made anew from the caches
 *            that are left
 *   secure/  cell caches of other threads are lost in the same way
 * Nothing else is between two locks. */
void sea_engine_in_child(void)
{
	sea_pages_in_child();
	sea_forked_requeue();
	sea_reclaim_in_child();
	sea_idle_in_child();
	sea_threads_forget_others();
	sea_secure_in_child();
}

void sea_engine_disown(void) { sea_handover_in_child(); }

bool sea_engine_is_sound(void)
{
	bool sound = sea_emergency_is_sound() && sea_map_is_sound() && sea_pages_are_sound() && sea_threads_are_sound() &&
		     sea_guard_is_sound() && sea_secure_is_sound() && sea_reclaim_is_sound() && sea_apart_are_sound();
	for (unsigned i = 0; i < sea_shard_count(); i++)
		sound &= sea_shard_is_sound(&sea_shards[i]);
	return sound && sea_named_are_sound();
}
