/* SPDX-License-Identifier: MIT */
/* observe.c - questions about runs: what lies at an address, how much there is, is it sound?  And
 * where the program has given advice.
 *
 * The counts are atomic; what follows the list of arenas takes the page lock.  In the child of a
 * fork pages are counted again.
 */
#include "page/page_alloc.h"

#include <string.h>

#include "base/atomic.h"
#include "base/check.h"
#include "base/lock.h"
#include "map/map.h"
#include "page/allowance.h"
#include "page/arenas.h"
#include "page/buddy.h"
#include "page/purge.h"

/* First page of the run that covers `pfn`; SEA_NO_PFN if none does. */
static pfn_t run_of(const struct sea_pool *pool, pfn_t pfn)
{
	pfn_t head = pfn;
	SEA_ASSERT(pfn < pool->nr_pages);
	while (head > 0 && pool->pages[head].state == SEA_PAGE_INSIDE)
		head--;
	bool covers = pool->pages[head].state == SEA_PAGE_RUN && pfn - head < pool->pages[head].nr_pages;
	return covers ? head : SEA_NO_PFN;
}

/* The page map has only the first slot of a whole arena. */
static struct sea_arena *arena_around(const void *address)
{
	struct sea_region region;
	struct sea_arena *arena = sea_pagemap_arena(address);
	bool is_inside = !arena && sea_region_find(address, &region) && region.kind == SEA_REGION_WHOLE;
	return is_inside ? sea_pagemap_arena(region.base) : arena;
}

enum sea_at sea_pages_at(const void *address, void **base, size_t *size)
{
	const struct sea_arena *arena = arena_around(address);
	if (!arena)
		return sea_arenas_was_released(address) ? SEA_AT_FREE : SEA_AT_FOREIGN;
	if (!arena->pool) {
		*base = arena->base;
		*size = arena->block_size;
		return SEA_AT_RUN;
	}
	pfn_t head = run_of(arena->pool, sea_arena_pfn(arena, address));
	if (head == SEA_NO_PFN)
		return SEA_AT_FREE;
	*base = sea_arena_at(arena, head);
	*size = (size_t)arena->pool->pages[head].nr_pages << sea_page_shift();
	return SEA_AT_RUN;
}

/* In a signal handler the thread may hold the lock of the region map. */
void sea_pages_note_advice(const void *address)
{
	bool may_ask = !sea_lock_holds_any();
	struct sea_arena *arena = may_ask ? arena_around(address) : sea_pagemap_arena(address);
	if (!arena)
		return;
	if (!arena->pool) {
		sea_store_relaxed(&arena->is_advised, 1);
		return;
	}
	pfn_t head = run_of(arena->pool, sea_arena_pfn(arena, address));
	if (head != SEA_NO_PFN)
		sea_store_relaxed(&arena->pool->pages[head].is_advised, 1);
}

bool sea_pages_is_advised(const void *run)
{
	const struct sea_arena *arena = sea_pagemap_arena(run);
	SEA_ASSERT(arena);
	if (!arena->pool)
		return sea_load_relaxed(&arena->is_advised);
	return sea_load_relaxed(&arena->pool->pages[sea_arena_pfn(arena, run)].is_advised);
}

void sea_pages_stats(struct sea_page_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	sea_lock_take(&sea_arenas.lock);
	for (struct sea_arena *arena = sea_arenas.first; arena; arena = arena->next) {
		stats->reserved += arena->size;
		stats->committed += sea_load_relaxed(&arena->committed);
	}
	sea_lock_drop(&sea_arenas.lock);
	stats->nr_whole = sea_load_relaxed(&sea_arenas.nr_whole);
	stats->whole = sea_load_relaxed(&sea_arenas.whole);
	stats->reserved += stats->whole;
	stats->committed += stats->whole;
	stats->in_use = (sea_load_relaxed(&sea_counted.nr_used) << sea_page_shift()) + stats->whole;
	stats->dirty = sea_pages_dirty();
	stats->purged = sea_load_relaxed(&sea_counted.purged);
	stats->refaulted = sea_allowance_nr_refaults() << sea_page_shift();
}

bool sea_pages_is_readable(const void *address)
{
	const struct sea_arena *arena = sea_pagemap_arena(address);
	return arena && (size_t)((const char *)address - arena->base) < sea_load_acquire(&arena->committed);
}

void sea_pages_pin(void) { sea_lock_take(&sea_arenas.lock); }

void sea_pages_unpin(void) { sea_lock_drop(&sea_arenas.lock); }

const struct sea_arena *sea_pages_arena_at(const char *base)
{
	sea_lock_take(&sea_arenas.lock);
	const struct sea_arena *arena = sea_arenas.first;
	while (arena && arena->base != base)
		arena = arena->next;
	sea_lock_drop(&sea_arenas.lock);
	return arena;
}

/* Adds the arena's pages in runs to *used, and its touched pages in no run to *dirty. */
static void count_pages(const struct sea_arena *arena, size_t *used, size_t *dirty)
{
	const struct sea_pool *pool = arena->pool;
	size_t touched = sea_arena_count_touched(arena, 0, pool->nr_pages);
	for (size_t pfn = 0, length; pfn < pool->nr_pages; pfn += length) {
		const struct page *page = &pool->pages[pfn];
		length = page->state == SEA_PAGE_INSIDE ? 1 : 1ull << page->order;
		if (page->state != SEA_PAGE_RUN && page->state != SEA_PAGE_PARKED)
			continue;
		length = page->nr_pages;
		*used += length;
		touched -= sea_arena_count_touched(arena, pfn, pfn + length);
	}
	SEA_ASSERT(touched <= pool->nr_pages); /* not below 0 */
	*dirty += touched;
}

/* Frees what other threads had in hand, and counts again what they were counting. */
void sea_pages_in_child(void)
{
	size_t used = 0, dirty = 0, hollow = 0;
	sea_purge_in_child();
	sea_allowance_in_child();
	for (struct sea_arena *arena = sea_arenas.first; arena; arena = arena->next) {
		count_pages(arena, &used, &dirty);
		hollow += sea_bits_count(arena->hollow, 0, arena->pool->nr_pages);
	}
	sea_arena_set_hollow(hollow);
	sea_counted.nr_used = used;
	sea_counted.nr_dirty = dirty;
}

bool sea_pages_are_sound(void)
{
	bool sound = sea_arenas_are_sound() && sea_purge_is_sound() && sea_allowance_is_sound();
	size_t used = 0, dirty = 0;
	sea_lock_take(&sea_arenas.lock);
	for (struct sea_arena *arena = sea_arenas.first; arena; arena = arena->next) {
		sound &= sea_buddy_is_sound(arena->pool);
		count_pages(arena, &used, &dirty);
	}
	sea_lock_drop(&sea_arenas.lock);
	return sound && used == sea_load_relaxed(&sea_counted.nr_used) && dirty == sea_load_relaxed(&sea_counted.nr_dirty);
}
