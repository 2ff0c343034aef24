/* SPDX-License-Identifier: MIT */
/* account.c - walks everything while nobody moves (layer 9)
 *
 *    arena    | run     | run: a zone            | free  | per-CPU | on the way |
 *    touched    live      live, cached, pending,   free    free      free
 *                         free
 *    others     live      purged                   purged  purged    purged
 *
 * A1  live + cached + pending + free + metadata + reserved == mapped, at any time.
 * A2  `adrift` is 0 unless another thread is allocating or freeing at this moment, or
 *     was when the process forked.
 * A3  What is purged lies in pages that hold no memory.
 *
 * `mapped` is the sum of the region map, the rest is counted page by page and bit by bit.
 * The one difference taken is that of used chunks and those cached or pending.
 *
 * All locks are held, as in a fork; what the walk calls passes through them.  Threads
 * go on with their caches meanwhile: some blocks may be counted as cached that are live,
 * or the other way round.
 */
#include "account.h"

#include <string.h>

#include "arena.h"
#include "buddy.h"
#include "lock.h"
#include "meta.h"
#include "page_alloc.h"
#include "pagemap.h"
#include "region.h"
#include "seammap.h"
#include "span.h"

/* --- all locks ------------------------------------------------------------------- */

static void take(struct sea_lock *lock, void *context)
{
	(void)context;
	sea_lock_fork_take(lock);
}

static void take_all(void)
{
	sea_engine_each_lock(take, NULL);
	sea_lock_fork_begin();
}

static void drop_all(void)
{
	sea_lock_fork_end();
	sea_lock_fork_drop_all(false);
}

static void count_contended(struct sea_lock *lock, void *context)
{
	*(size_t *)context += sea_load_relaxed(&lock->nr_contended);
}

/* --- arenas ----------------------------------------------------------------------- */

static size_t bytes_of(size_t nr_pages) { return nr_pages << sea_page_shift(); }

/* Pages in no run; returns the bytes of them that hold memory. */
static size_t count_free(const struct sea_arena *arena, size_t pfn, size_t nr_pages, struct sea_stats *stats)
{
	size_t held = bytes_of(sea_arena_count_held(arena, pfn, pfn + nr_pages));
	stats->free += held;
	stats->purged += bytes_of(nr_pages) - held;
	return held;
}

/* What begins at this page; returns how many pages it has.  The length of a run may
 * change while its owner resizes it: the pages that come or go are adrift. */
SEA_RACE_BY_DESIGN static size_t count_at(const struct sea_arena *arena, size_t pfn, struct sea_stats *stats)
{
	const struct page *page = &arena->pool->pages[pfn];
	size_t nr_pages;
	switch (sea_load_relaxed(&page->state)) {
	case SEA_PAGE_RUN:
	case SEA_PAGE_ASIDE: /* on a shelf: the caches count it */
		nr_pages = page->nr_pages;
		sea_engine_count_run(arena->base + bytes_of(pfn), bytes_of(nr_pages), stats);
		return nr_pages;
	case SEA_PAGE_INSIDE:
		count_free(arena, pfn, 1, stats);
		stats->adrift += bytes_of(1);
		return 1;
	default:
		nr_pages = (size_t)1 << page->order;
		stats->dirty += count_free(arena, pfn, nr_pages, stats);
		return nr_pages;
	}
}

/* What is in use of the mappings for our own structures.  These count as reserved before or after. */
static void use_metadata(size_t size, struct sea_stats *stats)
{
	stats->metadata += size;
	stats->reserved -= size;
}

/* Bytes of a window that describe so many bytes of addresses: arena and zone of a slot. */
static size_t entries_for(size_t size) { return size / SEA_SLOT_SIZE * 2 * sizeof(void *); }

/* Bytes of the seam map that describe the range, if it reaches. */
static size_t seams_for(const char *base, size_t size)
{
	if (sea_seams_bit(base) >= sea_load_relaxed(&sea_seams_nr))
		return 0;
	return size / SEA_BYTES_PER_SEAMS + size / SEA_BYTES_PER_START;
}

static void count_arena(const struct sea_arena *arena, struct sea_stats *stats)
{
	size_t committed = sea_load_relaxed(&arena->committed);
	for (size_t pfn = 0; pfn < arena->pool->nr_pages;)
		pfn += count_at(arena, pfn, stats);
	stats->committed += committed;
	use_metadata(entries_for(committed) + seams_for(arena->base, committed), stats);
}

/* An arena that is being made or given back is in no list. */
static void count_available(const struct sea_region *region, struct sea_stats *stats)
{
	const struct sea_arena *arena = sea_pages_arena_at(region->base);
	if (arena) {
		count_arena(arena, stats);
	} else {
		stats->purged += region->size;
		stats->adrift += region->size;
	}
}

/* Its owner may be resizing it. */
SEA_RACE_BY_DESIGN static size_t block_size(const struct sea_arena *arena) { return arena ? arena->block_size : 0; }

static void count_whole(const struct sea_region *region, struct sea_stats *stats)
{
	size_t size = sea_min(block_size(sea_pagemap_arena(region->base)), region->size);
	stats->nr_whole += size > 0;
	stats->whole += size;
	stats->live += size;
	stats->committed += size;
	stats->purged += region->size - size;
	stats->adrift += size ? 0 : region->size;
	use_metadata(entries_for(SEA_SLOT_SIZE), stats);
}

/* --- the whole -------------------------------------------------------------------- */

static void count_region(const struct sea_region *region, void *context)
{
	struct sea_stats *stats = context;
	size_t guards = 2 * sea_span_guard();
	stats->mapped += region->size + guards;
	stats->purged += region->kind == SEA_REGION_METADATA ? 0 : guards;
	switch (region->kind) {
	case SEA_REGION_AVAILABLE: count_available(region, stats); break;
	case SEA_REGION_WHOLE: count_whole(region, stats); break;
	case SEA_REGION_METADATA: stats->reserved += region->size + guards; break;
	}
}

static void count_region_table(struct sea_stats *stats)
{
	size_t size = sea_region_table_size(), guards = size ? 2 * sea_span_guard() : 0;
	stats->mapped += size + guards;
	stats->reserved += size + guards;
	use_metadata(size, stats);
}

static void count_all(struct sea_stats *stats)
{
	struct sea_page_stats pages;
	sea_region_walk(count_region, stats);
	count_region_table(stats);
	sea_engine_count_rest(stats);
	sea_pages_stats(&pages);
	use_metadata(sea_meta_size(), stats);
	stats->reserved += stats->purged;
	stats->given_back = pages.purged;
	stats->refaulted = pages.refaulted;
	sea_engine_each_lock(count_contended, &stats->nr_contended);
}

void sea_account(struct sea_stats *stats)
{
	bool is_mine = sea_lock_owns_all();
	memset(stats, 0, sizeof(*stats));
	if (sea_lock_holds_any())
		return;
	if (!is_mine)
		take_all();
	count_all(stats);
	if (!is_mine)
		drop_all();
}

bool sea_account_adds_up(const struct sea_stats *stats)
{
	size_t sum = stats->live + stats->cached + stats->pending + stats->free + stats->metadata + stats->reserved;
	return sum == stats->mapped;
}
