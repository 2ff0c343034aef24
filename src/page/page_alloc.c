/* SPDX-License-Identifier: MIT */
/* page_alloc.c - runs: taken, resized, moved, freed
 *
 *    request --> per-CPU list --> lowest buddy of the first arena that has one
 *                             --> a new arena --> NULL
 *    free    --> per-CPU list --> pool, merged --> above the high watermark: a step of purging
 *
 * G1  A page is in exactly one of: a run, a per-CPU list, a free buddy, the hand of a purge.
 *
 * The page lock protects the list of arenas and their pools.  The counts are atomic, because the
 * per-CPU lists do not take the page lock (counts.h).  No system call is made under the lock.
 */
#include "page/page_alloc.h"

#include <string.h>

#include "base/atomic.h"
#include "base/check.h"
#include "base/lock.h"
#include "base/options.h"
#include "base/os.h"
#include "map/map.h"
#include "page/arenas.h"
#include "page/buddy.h"
#include "page/limit.h"
#include "page/pcp.h"
#include "page/purge.h"
#include "page/allowance.h"
#include "page/budget.h"

/* From this size on, moving pages by system call is faster than copying. */
#define MOVE_PAGES_MIN (4 * SEA_MIB)
/* A whole arena takes three to six mappings, and a process may have 65,530.  With so many whole
 * arenas, only a run of more than half the largest regular arena gets one, and no pages are moved. */
#define MOST_WHOLE 128
/* The kernel fills a huge page in 0.2 ms; 512 small pages take 0.8 ms.  It takes 5 to 9 ms if the
 * kernel must find the memory first: by compaction, or from a hypervisor that took it.  If one
 * takes HUGE_SLOW_US, no other is made for HUGE_PAUSE_US: one slow call in a minute at most. */
#define HUGE_SLOW_US 1000
#define HUGE_PAUSE_US 60000000

/* Buddies that move from the per-CPU lists to their pools at a time. */
#define FLUSH_BATCH 32

static struct {
	uint64_t huge_from_us;		    /* no huge page is made before this time; atomic */
	uint32_t cannot_move;		    /* a failed move has lost its target; atomic */
} state;

static size_t to_pages(size_t size) { return (size + sea_page_size() - 1) >> sea_page_shift(); }

static char *address_of(const struct sea_arena *arena, pfn_t pfn)
{
	SEA_ASSERT(pfn < arena->size >> sea_page_shift());
	return arena->base + ((size_t)pfn << sea_page_shift());
}

/* The address may be the arena's end. */
static pfn_t pfn_of(const struct sea_arena *arena, const void *address)
{
	SEA_ASSERT((size_t)((const char *)address - arena->base) <= arena->size);
	return (pfn_t)((size_t)((const char *)address - arena->base) >> sea_page_shift());
}

/* Claim: the size is at most half of what can be addressed.  Larger ones cannot be served and
 * would overflow. */
static bool is_possible(size_t size) { return size <= (size_t)1 << (SEA_ADDRESS_BITS - 1); }

static bool wants_whole(size_t size, size_t align)
{
	size_t half = sea_max(sea_min(sea_options.arena, SEA_ARENA_MAX) / 2, SEA_SLOT_SIZE);
	size_t most = sea_load_relaxed(&sea_arenas.nr_whole) < MOST_WHOLE ? half : SEA_ARENA_MAX / 2;
	return sea_max(size, align) > most;
}

/* --- free pages ------------------------------------------------------------- */

static void give_to_pool(struct sea_buddy run, size_t nr_pages)
{
	SEA_ASSERT(run.pfn + nr_pages <= run.arena->pool->nr_pages);
	sea_lock_take(&sea_arenas.lock);
	sea_store_relaxed(&run.arena->pool->pages[run.pfn].state, SEA_PAGE_INSIDE);
	sea_buddy_free(run.arena->pool, run.pfn, nr_pages);
	sea_lock_drop(&sea_arenas.lock);
}

static void empty_page_lists(void)
{
	struct sea_buddy buddies[FLUSH_BATCH];
	size_t nr;
	while ((nr = sea_pcp_drain(buddies, FLUSH_BATCH)) > 0)
		for (size_t i = 0; i < nr; i++)
			give_to_pool(buddies[i], 1ull << buddies[i].order);
}

/* Releases empty arenas that have at most `most_dirty` dirty pages.  Releasing takes long if many
 * pages are dirty. */
static bool release_empty(size_t keep, size_t most_dirty)
{
	size_t nr_dirty;
	bool done = sea_arenas_release_empty(keep, most_dirty, &nr_dirty);
	sea_add_relaxed_mt(&sea_counted.nr_dirty, -nr_dirty);
	sea_pages_note_gone(nr_dirty);
	return done;
}

/* Address space has run out: releases unused arenas. */
static bool give_room(void)
{
	empty_page_lists();
	return release_empty(0, SIZE_MAX);
}

/* --- runs of pools -------------------------------------------------------- */

/* Claim: the run must be one buddy, since it is aligned or the per-CPU lists take it. */
static bool wants_buddy(size_t nr_pages, size_t align_pages)
{
	return align_pages > 1 || (sea_is_power_of_two(nr_pages) && sea_highest_bit(nr_pages) <= SEA_PCP_MAX_ORDER);
}

static pfn_t take_from_pool(struct sea_pool *pool, size_t nr_pages, size_t align_pages)
{
	if (!wants_buddy(nr_pages, align_pages))
		return sea_buddy_alloc_unaligned(pool, nr_pages);
	SEA_ASSERT(sea_is_power_of_two(align_pages));
	size_t buddy_pages = sea_max(nr_pages, align_pages);
	pfn_t pfn = sea_buddy_alloc(pool, buddy_pages);
	SEA_ASSERT(pfn == SEA_NO_PFN || pfn % align_pages == 0);
	if (pfn != SEA_NO_PFN)
		sea_buddy_free(pool, pfn + (pfn_t)nr_pages, buddy_pages - nr_pages);
	return pfn;
}

static bool take_from_pools(size_t nr_pages, size_t align_pages, struct sea_buddy *run)
{
	SEA_ASSERT(sea_is_power_of_two(align_pages));
	SEA_ASSERT(nr_pages > 0);
	sea_lock_take(&sea_arenas.lock);
	run->pfn = SEA_NO_PFN;
	for (run->arena = sea_arenas.first; run->arena; run->arena = run->arena->next) {
		if (((uintptr_t)run->arena->base >> sea_page_shift()) % align_pages)
			continue;
		run->pfn = take_from_pool(run->arena->pool, nr_pages, align_pages);
		if (run->pfn == SEA_NO_PFN)
			continue;
		run->arena->pool->pages[run->pfn].nr_pages = (uint32_t)nr_pages;
		sea_store_release(&run->arena->pool->pages[run->pfn].state, SEA_PAGE_RUN);
		break;
	}
	sea_lock_drop(&sea_arenas.lock);
	return run->pfn != SEA_NO_PFN;
}

static bool take_buddy(size_t nr_pages, size_t align_pages, struct sea_buddy *run)
{
	SEA_ASSERT(nr_pages > 0 && align_pages > 0);
	unsigned order = sea_log2_ceil(nr_pages);
	if (order <= SEA_PCP_MAX_ORDER && nr_pages == 1ull << order && nr_pages >= align_pages && sea_pcp_take(order, run))
		return true;
	if (take_from_pools(nr_pages, align_pages, run))
		return true;
	size_t bytes = sea_max(nr_pages, align_pages) << sea_page_shift();
	struct sea_arena *arena = sea_arenas_make(bytes, align_pages << sea_page_shift());
	if (!arena && give_room())
		arena = sea_arenas_make(bytes, align_pages << sea_page_shift());
	if (!arena)
		return false;
	sea_arenas_link(arena);
	return take_from_pools(nr_pages, align_pages, run);
}

static void touch_pages(struct sea_arena *arena, size_t from, size_t to, bool surely)
{
	size_t nr_fresh = sea_arena_touch(arena, from, to, surely);
	if (!nr_fresh)
		return;
	sea_allowance_note_faulted(nr_fresh);
	if (surely)
		sea_add_relaxed_mt(&sea_counted.nr_written, nr_fresh);
}

/* A huge page pays if hollow pages, which may never be written to, are few compared with pages
 * that surely were. */
static void consider_huge(struct sea_buddy run)
{
	SEA_ASSERT(run.arena->pool);
	size_t written = sea_load_relaxed(&sea_counted.nr_written) << sea_page_shift();
	if (sea_options.thp != SEA_HUGE_AUTO || !sea_budget_may_hollow(sea_arena_hollow(), sea_huge_size(), written))
		return;
	uint64_t began = sea_os_now_us();
	if (began < sea_load_relaxed(&state.huge_from_us) || !sea_arena_make_huge(run.arena, run.pfn))
		return;
	*(volatile char *)address_of(run.arena, run.pfn) = 0; /* the kernel fills the range now */
	uint64_t took = sea_os_now_us() - began;
	if (took >= HUGE_SLOW_US)
		sea_store_relaxed(&state.huge_from_us, began + HUGE_PAUSE_US);
}

static void *alloc_run(size_t size, size_t align, enum sea_touch touch, bool *zeroed)
{
	size_t nr_pages = to_pages(size);
	struct sea_buddy run;
	if (!take_buddy(nr_pages, to_pages(align), &run))
		return NULL;
	if (!sea_arena_commit(run.arena, ((size_t)run.pfn + nr_pages) << sea_page_shift())) {
		give_to_pool(run, nr_pages);
		return NULL;
	}
	size_t nr_touched = sea_arena_count_touched(run.arena, run.pfn, run.pfn + nr_pages);
	sea_add_relaxed_mt(&sea_counted.nr_dirty, -nr_touched);
	sea_add_relaxed_mt(&sea_counted.nr_used, nr_pages);
	sea_budget_note_use();
	if (touch == SEA_TOUCH_NOW) {
		touch_pages(run.arena, run.pfn, run.pfn + nr_pages, false);
		sea_arena_lend(run.arena, run.pfn, run.pfn + nr_pages);
	} else if (touch == SEA_TOUCH_DENSE) {
		consider_huge(run);
	}
	*zeroed = nr_touched == 0;
	SEA_ASSERT((uintptr_t)address_of(run.arena, run.pfn) % align == 0);
	return address_of(run.arena, run.pfn);
}

/* --- whole arenas --------------------------------------------------------- */

static bool resize_whole(struct sea_arena *arena, size_t size)
{
	size_t was = arena->block_size;
	if (!sea_arena_resize_whole(arena, sea_round_up(size, sea_page_size())))
		return false;
	sea_add_relaxed_mt(&sea_arenas.whole, arena->block_size - was);
	return true;
}

/* --- freeing and purging ------------------------------------------------------- */

/* The first step of a round. */
static void begin_round(void)
{
	empty_page_lists();
	release_empty(1, SEA_PURGE_STEP_PAGES);
	sea_purge_restart();
}

/* Pages to purge so that at most `keep` bytes are dirty; 0 if no free page is dirty. */
static size_t excess(size_t keep)
{
	size_t dirty = sea_pages_free_dirty() ? sea_pages_dirty() : 0;
	return to_pages(dirty - sea_min(dirty, keep));
}

static size_t purge_step(size_t want, bool *is_over)
{
	struct sea_purged step = sea_purge_step(want);
	SEA_ASSERT(step.nr_pages <= SEA_PURGE_STEP_PAGES); /* U3 */
	sea_add_relaxed_mt(&sea_counted.nr_dirty, -step.nr_pages);
	sea_pages_note_gone(step.nr_pages);
	sea_allowance_note_purged(step.nr_pages);
	*is_over = step.is_over;
	return step.nr_pages;
}

/* Purges until at most `keep` bytes are dirty, or for nr_steps steps.  The thread has the turn and
 * ends it.  Returns the pages that were purged. */
static size_t purge_some(size_t keep, size_t nr_steps)
{
	size_t nr_purged = 0, rest;
	bool is_over = false;
	sea_budget_measure();
	while ((rest = excess(keep)) > 0 && !is_over && nr_steps-- > 0)
		nr_purged += purge_step(rest, &is_over);
	if (!rest || is_over)
		release_empty(1, SEA_PURGE_STEP_PAGES);
	if (is_over)
		sea_purge_note_rest(rest);
	sea_purge_end(rest && !is_over);
	return nr_purged;
}

size_t sea_pages_purge_free(size_t keep)
{
	if (!sea_purge_begin())
		return 0;
	begin_round();
	return purge_some(keep, SIZE_MAX) << sea_page_shift();
}

/* Steps for a free of so many touched pages: 5/4 of them, so that more pages go than come. */
static size_t steps_for(size_t nr_pages) { return 1 + (nr_pages + nr_pages / 4) / SEA_PURGE_STEP_PAGES; }

/* Steps for other threads that one call makes at most. */
#define MISSED_STEPS 2

/* Claim: a new round would purge. */
static bool wants_round(struct sea_watermarks marks)
{
	return sea_pages_dirty() > marks.high && sea_pages_free_dirty() && sea_purge_may_begin();
}

bool sea_pages_purge_some(struct sea_watermarks marks, size_t nr_pages)
{
	size_t dirty = sea_pages_dirty();
	if (likely(dirty <= marks.low || (dirty <= marks.high && !sea_purge_goes_on())))
		return false;
	if (!sea_pages_free_dirty() || !sea_purge_may_begin())
		return false;
	if (!sea_purge_begin()) {
		sea_purge_note_missed(steps_for(nr_pages));
		return true;
	}
	if (!sea_purge_goes_on())
		begin_round();
	purge_some(marks.low, steps_for(nr_pages) + sea_purge_take_missed(MISSED_STEPS));
	return sea_purge_goes_on() || wants_round(marks);
}

/* --- the door -------------------------------------------------------------- */

void *sea_pages_alloc(size_t size, size_t align, enum sea_touch touch, bool *zeroed)
{
	SEA_ASSERT(size > 0 && sea_is_power_of_two(align));
	bool ignored;
	if (!is_possible(size) || !is_possible(align) || !sea_limit_admits(size))
		return NULL;
	if (!zeroed)
		zeroed = &ignored;
	if (!wants_whole(size, align))
		return alloc_run(size, align, touch, zeroed);
	struct sea_arena *arena = sea_arenas_make_whole(size, align, size);
	if (!arena && give_room())
		arena = sea_arenas_make_whole(size, align, size);
	*zeroed = true;
	return arena ? arena->base : NULL;
}

/* The arena and pfn of the run that starts at `address`; false if none does. */
SEA_INLINE bool find_run(const void *address, struct sea_buddy *run)
{
	run->arena = sea_pagemap_arena(address);
	if (!run->arena || (uintptr_t)address % sea_page_size())
		return false;
	run->pfn = pfn_of(run->arena, address);
	if (!run->arena->pool)
		return run->pfn == 0 && run->arena->block_size > 0;
	return sea_load_acquire(&run->arena->pool->pages[run->pfn].state) == SEA_PAGE_RUN;
}

struct page *sea_pages_run(const void *address, size_t *size)
{
	struct sea_buddy run;
	*size = 0;
	if (unlikely(!find_run(address, &run)))
		return NULL;
	if (!run.arena->pool) {
		*size = run.arena->block_size;
		return NULL;
	}
	struct page *page = &run.arena->pool->pages[run.pfn];
	*size = (size_t)page->nr_pages << sea_page_shift();
	return page;
}

struct page *sea_pages_parked(const void *address)
{
	const struct sea_arena *arena = sea_pagemap_arena(address);
	if (!arena || !arena->pool || (uintptr_t)address % sea_page_size())
		return NULL;
	struct page *page = &arena->pool->pages[pfn_of(arena, address)];
	return sea_load_acquire(&page->state) == SEA_PAGE_PARKED ? page : NULL;
}

size_t sea_pages_size(const void *address)
{
	size_t size;
	sea_pages_run(address, &size);
	return size;
}

/* So many touched pages became free. */
static void keep_watermarks(size_t nr_pages)
{
	sea_purge_note_freed(nr_pages);
	sea_pages_purge_some(sea_budget_watermarks(), nr_pages);
}

void sea_pages_free(void *address)
{
	struct sea_buddy run;
	SEA_CHECK(find_run(address, &run));
	if (!run.arena->pool) {
		sea_arenas_free_whole(run.arena);
		return;
	}
	size_t nr_pages = run.arena->pool->pages[run.pfn].nr_pages;
	SEA_ASSERT(nr_pages > 0 && run.pfn + nr_pages <= run.arena->pool->nr_pages);
	size_t nr_touched = sea_arena_count_touched(run.arena, run.pfn, run.pfn + nr_pages);
	sea_add_relaxed_mt(&sea_counted.nr_used, -nr_pages);
	sea_add_relaxed_mt(&sea_counted.nr_dirty, nr_touched);
	run.order = sea_log2_ceil(nr_pages);
	/* A run that grew in place may have the size of a buddy but not its alignment. */
	bool is_buddy = nr_pages == 1ull << run.order && run.pfn % nr_pages == 0;
	if (!is_buddy || run.order > SEA_PCP_MAX_ORDER || !sea_pcp_give(run))
		give_to_pool(run, nr_pages);
	keep_watermarks(nr_touched);
}

/* Lengthens a run of a pool in place. */
static bool extend_run(struct sea_buddy run, size_t from, size_t to)
{
	SEA_ASSERT(from < to && run.arena->pool->pages[run.pfn].nr_pages == from);
	pfn_t tail = run.pfn + (pfn_t)from;
	sea_lock_take(&sea_arenas.lock);
	bool taken = tail + (to - from) <= run.arena->pool->nr_pages && sea_buddy_take(run.arena->pool, tail, to - from);
	sea_lock_drop(&sea_arenas.lock);
	if (!taken)
		return false;
	if (!sea_arena_commit(run.arena, ((size_t)run.pfn + to) << sea_page_shift())) {
		give_to_pool((struct sea_buddy){run.arena, tail, 0}, to - from);
		return false;
	}
	sea_add_relaxed_mt(&sea_counted.nr_dirty, -sea_arena_count_touched(run.arena, tail, run.pfn + to));
	sea_add_relaxed_mt(&sea_counted.nr_used, to - from);
	touch_pages(run.arena, tail, run.pfn + to, false);
	sea_arena_lend(run.arena, run.pfn, run.pfn + to);
	run.arena->pool->pages[run.pfn].nr_pages = (uint32_t)to;
	return true;
}

static void shrink_run(struct sea_buddy run, size_t from, size_t to)
{
	SEA_ASSERT(to > 0 && to < from && run.arena->pool->pages[run.pfn].nr_pages == from);
	pfn_t tail = run.pfn + (pfn_t)to;
	run.arena->pool->pages[run.pfn].nr_pages = (uint32_t)to;
	sea_add_relaxed_mt(&sea_counted.nr_used, -(from - to));
	size_t nr_touched = sea_arena_count_touched(run.arena, tail, run.pfn + from);
	sea_add_relaxed_mt(&sea_counted.nr_dirty, nr_touched);
	give_to_pool((struct sea_buddy){run.arena, tail, 0}, from - to);
	keep_watermarks(nr_touched);
}

/* Claim: the limit lets the run become so long. */
static bool may_grow(struct sea_buddy run, size_t size)
{
	size_t was = sea_pages_size(address_of(run.arena, run.pfn));
	return size <= was || sea_limit_admits(size - was);
}

bool sea_pages_resize(void *address, size_t size)
{
	struct sea_buddy run;
	SEA_CHECK(find_run(address, &run));
	if (!is_possible(size) || (sea_limit_is_set() && !may_grow(run, size)))
		return false;
	if (!run.arena->pool)
		return resize_whole(run.arena, size);
	size_t from = run.arena->pool->pages[run.pfn].nr_pages, to = to_pages(size);
	if (to > from)
		return extend_run(run, from, to);
	if (to < from)
		shrink_run(run, from, to);
	return true;
}

/* The pages of the run were moved away.  If it is a run of a pool, they were in a mapping that the
 * kernel has split; that is undone. */
static void renew_run(struct sea_buddy run)
{
	if (run.arena->pool)
		sea_arena_renew(run.arena, run.pfn, run.pfn + run.arena->pool->pages[run.pfn].nr_pages);
}

/* Moves the first `bytes` of a run to a whole arena with room for twice `size`: a block that grew
 * this far probably grows again.  After a target was lost no pages are moved any more.  NULL: the
 * run is unchanged. */
static char *move_pages(struct sea_buddy old, size_t bytes, size_t size)
{
	char *from = address_of(old.arena, old.pfn);
	if (bytes < MOVE_PAGES_MIN || sea_load_relaxed(&state.cannot_move) ||
	    sea_load_relaxed(&sea_arenas.nr_whole) >= MOST_WHOLE)
		return NULL;
	struct sea_arena *whole = sea_arenas_make_whole(size, 1, 2 * size);
	if (!whole)
		return NULL;
	enum sea_moved moved = sea_os_move(from, whole->base, bytes);
	if (likely(moved == SEA_MOVED)) {
		renew_run(old);
		return whole->base;
	}
	if (moved == SEA_STAYED) {
		sea_arenas_free_whole(whole);
		return NULL;
	}
	sea_store_relaxed(&state.cannot_move, 1);
	sea_arenas_lose_whole(whole);
	return NULL;
}

static char *copy_run(const char *from, size_t bytes, size_t size)
{
	struct sea_arena *whole = wants_whole(size, 1) ? sea_arenas_make_whole(size, 1, 2 * size) : NULL;
	char *to = whole ? whole->base : sea_pages_alloc(size, 1, SEA_TOUCH_NOW, NULL);
	return to ? memcpy(to, from, bytes) : NULL;
}

void *sea_pages_move(void *address, size_t size)
{
	struct sea_buddy old;
	SEA_CHECK(find_run(address, &old));
	if (!is_possible(size) || (sea_limit_is_set() && !may_grow(old, size)))
		return NULL;
	size_t bytes = sea_min(sea_pages_size(address), sea_round_up(size, sea_page_size()));
	char *to = move_pages(old, bytes, size);
	if (!to)
		to = copy_run(address, bytes, size);
	SEA_ASSERT(!to || sea_pages_size(to) >= size);
	if (to)
		sea_pages_free(address);
	return to;
}

void sea_pages_touch(const void *from, const void *to, bool surely)
{
	SEA_ASSERT(from < to);
	struct sea_arena *arena = sea_pagemap_arena(from);
	SEA_ASSERT(arena && arena->pool);
	touch_pages(arena, pfn_of(arena, from), pfn_of(arena, (const char *)to - 1) + 1, surely);
}

struct sea_touched sea_pages_touched(const void *run)
{
	const struct sea_arena *arena = sea_pagemap_arena(run);
	SEA_ASSERT(arena->pool);
	return (struct sea_touched){arena->touched, pfn_of(arena, run), sea_page_shift()};
}

size_t sea_pages_count_touched(const void *from, const void *to)
{
	struct sea_arena *arena = sea_pagemap_arena(from);
	SEA_ASSERT(arena && arena->pool && from <= to);
	return sea_arena_count_touched(arena, pfn_of(arena, from), pfn_of(arena, to));
}

size_t sea_pages_count_held(const void *from, const void *to)
{
	struct sea_arena *arena = sea_pagemap_arena(from);
	SEA_ASSERT(arena && arena->pool && from <= to);
	return sea_arena_count_held(arena, pfn_of(arena, from), pfn_of(arena, to));
}

size_t sea_pages_purge_range(void *from, void *to)
{
	struct sea_arena *arena = sea_pagemap_arena(from);
	SEA_ASSERT(arena && arena->pool && from < to);
	SEA_ASSERT(((uintptr_t)from | (uintptr_t)to) % sea_page_size() == 0);
	size_t nr_pages = sea_arena_purge(arena, pfn_of(arena, from), pfn_of(arena, to));
	sea_purge_note_try(nr_pages);
	sea_pages_note_gone(nr_pages);
	sea_allowance_note_purged(nr_pages);
	return nr_pages << sea_page_shift();
}

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
static const struct sea_arena *arena_around(const void *address)
{
	struct sea_region region;
	const struct sea_arena *arena = sea_pagemap_arena(address);
	bool is_inside = !arena && sea_region_find(address, &region) && region.kind == SEA_REGION_WHOLE;
	return is_inside ? sea_pagemap_arena(region.base) : arena;
}

enum sea_place sea_pages_place(const void *address, void **base, size_t *size)
{
	const struct sea_arena *arena = arena_around(address);
	if (!arena)
		return sea_arenas_was_released(address) ? SEA_PLACE_FREE : SEA_PLACE_FOREIGN;
	if (!arena->pool) {
		*base = arena->base;
		*size = arena->block_size;
		return SEA_PLACE_RUN;
	}
	pfn_t head = run_of(arena->pool, pfn_of(arena, address));
	if (head == SEA_NO_PFN)
		return SEA_PLACE_FREE;
	*base = address_of(arena, head);
	*size = (size_t)arena->pool->pages[head].nr_pages << sea_page_shift();
	return SEA_PLACE_RUN;
}

/* --- observers -------------------------------------------------------------- */

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
	bool sound = sea_arenas_are_sound() && sea_pcp_is_sound() && sea_purge_is_sound() && sea_allowance_is_sound();
	size_t used = 0, dirty = 0;
	sea_lock_take(&sea_arenas.lock);
	for (struct sea_arena *arena = sea_arenas.first; arena; arena = arena->next) {
		sound &= sea_buddy_is_sound(arena->pool);
		count_pages(arena, &used, &dirty);
	}
	sea_lock_drop(&sea_arenas.lock);
	return sound && used == sea_load_relaxed(&sea_counted.nr_used) && dirty == sea_load_relaxed(&sea_counted.nr_dirty);
}
