/* SPDX-License-Identifier: MIT */
/* account.c - walks everything, a step at a time
 *
 *    arena    | run     | run: a zone            | free  | in transit |
 *    touched    live      live, cached, pending,   free    free
 *                         free
 *    others     live      purged                   purged  purged
 *
 * AC1  live + cached + pending + free + metadata + reserved == mapped, at any time.
 * AC2  `in_transit` is 0 unless another thread has allocated or freed since the account began, or
 *      was doing so when the process forked.
 * AC3  Bytes that count as purged are in pages that have no memory at that moment.
 * AC4  No step walks more than sea_engine_account_step allows, except for its last item.
 *
 * `mapped` is the sum of the ranges that were walked.  The rest is counted page by page and bit by
 * bit.  Only `live` in zones is a difference: used chunks minus those cached or pending.
 *
 * A step holds all locks, like a fork; functions that the walk calls pass through them.  Between
 * two steps no lock is held, so no thread waits for more than a step.  The walk goes by address.
 * A range is counted as it is in its step; later changes at lower addresses are not seen.  Threads
 * use their caches all the time, so some live blocks may count as cached, or the other way round.
 */
#include "front/account.h"

#include <string.h>

#include "base/lock.h"
#include "base/os.h"
#include "base/step.h"
#include "map/map.h"
#include "page/arena.h"
#include "page/buddy.h"
#include "page/page_alloc.h"

/* Work of counting a zone.  A run, a free buddy or a page in transit is 1: some 0.1 us. */
#define ZONE_WORK 64
/* Microseconds for which the locks are left free so that a thread can wake up. */
#define GIVE_WAY_US 50

/* --- all locks ------------------------------------------------------------------- */

static void give_way(void)
{
	uint64_t begun = sea_os_now_us();
	for (unsigned i = 0; i < SEA_STEP_YIELDS && sea_os_now_us() - begun < GIVE_WAY_US; i++)
		sea_os_yield();
}

/* If a thread slept on a lock, lets it run.  Otherwise this thread would take the locks again
 * first. */
static void resume(void)
{
	if (sea_heap_resume(false))
		give_way();
}

static void count_contended(struct sea_lock *lock, void *context)
{
	*(size_t *)context += sea_load_relaxed(&lock->nr_contended);
}

/* --- arenas ----------------------------------------------------------------------- */

static size_t bytes_of(size_t nr_pages) { return nr_pages << sea_page_shift(); }

/* Counts pages in no run.  Returns the bytes of those that have memory. */
static size_t count_free(const struct sea_arena *arena, size_t pfn, size_t nr_pages, struct sea_stats *stats)
{
	size_t held = bytes_of(sea_arena_count_held(arena, pfn, pfn + nr_pages));
	stats->free += held;
	SEA_ASSERT(held <= bytes_of(nr_pages));
	stats->purged += bytes_of(nr_pages) - held;
	return held;
}

/* Counts what begins at this page.  Returns its length in pages.  The owner of a run may be
 * resizing it: pages that come or go are in transit. */
SEA_RACE_BY_DESIGN static size_t count_at(const struct sea_arena *arena, size_t pfn, struct sea_stats *stats)
{
	const struct page *page = &arena->pool->pages[pfn];
	size_t nr_pages;
	switch (sea_load_relaxed(&page->state)) {
	case SEA_PAGE_RUN:
	case SEA_PAGE_PARKED: /* the caches count it */
		nr_pages = page->nr_pages;
		sea_engine_count_run(arena->base + bytes_of(pfn), bytes_of(nr_pages), stats);
		return nr_pages;
	case SEA_PAGE_INSIDE:
		count_free(arena, pfn, 1, stats);
		stats->in_transit += bytes_of(1);
		return 1;
	default:
		nr_pages = (size_t)1 << page->order;
		stats->dirty += count_free(arena, pfn, nr_pages, stats);
		return nr_pages;
	}
}

/* Counts bytes of the mappings for our structures as used.  All bytes of these mappings count as
 * reserved, before or after this. */
static void use_metadata(size_t size, struct sea_stats *stats)
{
	stats->metadata += size;
	stats->reserved -= size;
	SEA_ASSERT(stats->metadata >= size);
}

/* Bytes of a window for so many bytes of addresses: an arena and a zone for each slot. */
static size_t entries_for(size_t size) { return size / SEA_SLOT_SIZE * 2 * sizeof(void *); }

/* Bytes of the seam map for the range; 0 if the map does not reach it. */
static size_t seams_for(const char *base, size_t size)
{
	if (sea_seams_bit(base) >= sea_load_relaxed(&sea_seams_nr))
		return 0;
	return size / SEA_BYTES_PER_SEAMS + size / SEA_BYTES_PER_START;
}

/* Counts what an arena has once. */
static void count_head(const struct sea_arena *arena, struct sea_stats *stats)
{
	size_t committed = sea_load_relaxed(&arena->committed);
	stats->committed += committed;
	use_metadata(entries_for(committed) + seams_for(arena->base, committed), stats);
}

/* Counts bytes that have no visible owner. */
static size_t count_in_transit(size_t size, struct sea_stats *stats)
{
	stats->purged += size;
	stats->in_transit += size;
	return size;
}

/* Counts an arena from byte `from` on, until the work is used up.  Returns the bytes counted.  An
 * arena that is being made or released is in no list. */
static size_t count_available(const struct sea_region *region, size_t from, size_t *work, struct sea_stats *stats)
{
	const struct sea_arena *arena = sea_pages_arena_at(region->base);
	if (!arena)
		return count_in_transit(region->size - from, stats);
	if (!from)
		count_head(arena, stats);
	size_t first = from >> sea_page_shift(), pfn = first;
	while (pfn < arena->pool->nr_pages && *work > 0) {
		size_t nr_zones = stats->nr_zones;
		pfn += count_at(arena, pfn, stats);
		*work -= sea_min(*work, stats->nr_zones > nr_zones ? ZONE_WORK : 1);
	}
	return bytes_of(pfn - first);
}

/* The owner may be resizing the block. */
SEA_RACE_BY_DESIGN static size_t block_size(const struct sea_arena *arena) { return arena ? arena->block_size : 0; }

static size_t count_whole(const struct sea_region *region, struct sea_stats *stats)
{
	size_t size = sea_min(block_size(sea_pagemap_arena(region->base)), region->size);
	use_metadata(entries_for(SEA_SLOT_SIZE), stats);
	SEA_ASSERT(size <= region->size);
	if (!size)
		return count_in_transit(region->size, stats);
	stats->nr_whole++;
	stats->whole += size;
	stats->live += size;
	stats->committed += size;
	stats->purged += region->size - size;
	return region->size;
}

/* --- the whole -------------------------------------------------------------------- */

/* Counts a range from byte `from` on.  Returns the bytes counted. */
static size_t count_range(const struct sea_region *region, size_t from, size_t *work, struct sea_stats *stats)
{
	if (region->kind == SEA_REGION_AVAILABLE)
		return count_available(region, from, work, stats);
	*work -= 1;
	if (region->kind == SEA_REGION_METADATA)
		return region->size;
	return from ? count_in_transit(region->size - from, stats) : count_whole(region, stats);
}

/* All bytes below *next are counted.  Goes on until the work is used up.  False: there are no more
 * ranges. */
static bool count_ranges(const char **next, struct sea_stats *stats)
{
	SEA_ASSERT(sea_heap_is_stopped());
	size_t work = sea_engine_account_step;
	struct sea_region region;
	while (work > 0) {
		if (!sea_region_above(*next, &region))
			return false;
		size_t from = *next > region.base ? (size_t)(*next - region.base) : 0;
		size_t guards = from ? 0 : 2 * sea_span_guard();
		size_t counted = sea_min(count_range(&region, from, &work, stats), region.size - from);
		*next = region.base + from + counted;
		if (region.kind == SEA_REGION_METADATA)
			continue;
		stats->mapped += counted + guards;
		stats->purged += guards;
	}
	return true;
}

/* Mappings for our structures are counted together, because their used bytes are known only
 * together. */
static void count_metadata(const struct sea_region *region, void *context)
{
	struct sea_stats *stats = context;
	size_t size = region->size + 2 * sea_span_guard();
	if (region->kind != SEA_REGION_METADATA)
		return;
	stats->mapped += size;
	stats->reserved += size;
}

static void count_region_table(struct sea_stats *stats)
{
	size_t size = sea_region_table_size(), guards = size ? 2 * sea_span_guard() : 0;
	stats->mapped += size + guards;
	stats->reserved += size + guards;
	use_metadata(size, stats);
}

static void count_rest(struct sea_stats *stats)
{
	struct sea_page_stats pages;
	sea_region_walk(count_metadata, stats);
	count_region_table(stats);
	sea_engine_count_rest(stats);
	sea_pages_stats(&pages);
	use_metadata(sea_meta_size(), stats);
	stats->reserved += stats->purged;
	stats->purged_ever = pages.purged;
	stats->refaulted = pages.refaulted;
	sea_lock_each(count_contended, &stats->nr_contended);
}

/* AC4.  False: everything is counted. */
static bool do_step(const char **next, struct sea_stats *stats)
{
	bool are_more = count_ranges(next, stats);
	if (!are_more)
		count_rest(stats);
	return are_more;
}

/* In a fork handler the thread holds the locks already. */
void sea_account(struct sea_stats *stats)
{
	bool is_mine = sea_heap_is_stopped(), are_more = true;
	const char *next = NULL;
	memset(stats, 0, sizeof(*stats));
	while (are_more && !sea_lock_holds_any()) {
		if (!is_mine)
			sea_heap_stop();
		are_more = do_step(&next, stats);
		if (!is_mine)
			resume();
	}
}

bool sea_account_adds_up(const struct sea_stats *stats)
{
	size_t sum = stats->live + stats->cached + stats->pending + stats->free + stats->metadata + stats->reserved;
	return sum == stats->mapped;
}
