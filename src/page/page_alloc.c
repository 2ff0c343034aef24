/* SPDX-License-Identifier: MIT */
/* page_alloc.c - runs: taken, resized, moved, freed
 *
 *    request --> lowest buddy of the first arena that has one --> a new arena --> NULL
 *    free    --> pool, merged --> above the high watermark: a step of purging
 *
 * G1  A page is in exactly one of: a run, a free buddy, the hand of a purge.
 *
 * The page lock protects the list of arenas and their pools.  The counts are atomic (counts.h).
 * No system call is made under the lock.
 */
#include "page/page_alloc.h"

#include <string.h>

#include "base/atomic.h"
#include "base/check.h"
#include "base/lock.h"
#include "base/options.h"
#include "base/os.h"
#include "base/step.h"
#include "map/map.h"
#include "page/arenas.h"
#include "page/buddy.h"
#include "page/huge.h"
#include "page/limit.h"
#include "page/purge.h"
#include "page/allowance.h"
#include "page/budget.h"

/* From this size on, moving pages by system call is faster than copying. */
#define MOVE_PAGES_MIN (4 * SEA_MIB)
/* A whole arena takes three to six mappings, and a process may have 65,530.  With so many whole
 * arenas, only a run of more than half the largest regular arena gets one, and no pages are
 * moved. */
#define MOST_WHOLE 128

static uint32_t cannot_move; /* a failed move has lost its target; atomic */

static size_t to_pages(size_t size) { return (size + sea_page_size() - 1) >> sea_page_shift(); }

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

static void give_to_pool(struct sea_run_start run, size_t nr_pages)
{
	SEA_ASSERT(run.pfn + nr_pages <= run.arena->pool->nr_pages);
	sea_lock_take(&sea_arenas.lock);
	sea_store_relaxed(&run.arena->pool->pages[run.pfn].state, SEA_PAGE_INSIDE);
	sea_buddy_free(run.arena->pool, run.pfn, nr_pages);
	sea_lock_drop(&sea_arenas.lock);
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
	return release_empty(0, SIZE_MAX);
}

/* --- runs of pools -------------------------------------------------------- */

/* Claim: the run gets one buddy, not a row of them: it is aligned, or has a zone's size or a part
 * of it, as the gaps between zones have, and needs no search (4 runs of 512 KiB that come and go:
 * 2238 -> 1717 instructions a pair). */
static bool wants_buddy(size_t nr_pages, size_t align_pages)
{
	return align_pages > 1 || (sea_is_power_of_two(nr_pages) && nr_pages <= to_pages(SEA_SLOT_SIZE));
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

static bool take_from_pools(size_t nr_pages, size_t align_pages, struct sea_run_start *run)
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
		sea_store_relaxed(&run->arena->pool->pages[run->pfn].is_advised, 0);
		sea_store_release(&run->arena->pool->pages[run->pfn].state, SEA_PAGE_RUN);
		break;
	}
	sea_lock_drop(&sea_arenas.lock);
	return run->pfn != SEA_NO_PFN;
}

static bool take_run(size_t nr_pages, size_t align_pages, struct sea_run_start *run)
{
	SEA_ASSERT(nr_pages > 0 && align_pages > 0);
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

/* Returns how many pages came into use that have no memory. */
static size_t touch_pages(struct sea_arena *arena, size_t from, size_t to, bool surely)
{
	struct sea_fresh fresh = sea_arena_touch(arena, from, to, surely);
	if (!fresh.nr)
		return 0;
	sea_allowance_note_faulted(fresh.nr);
	if (surely)
		sea_add_relaxed_mt(&sea_counted.nr_written, fresh.nr);
	return fresh.nr_empty;
}

/* The program may write to all pages of a run now. */
static void hand_out(struct sea_arena *arena, pfn_t pfn, size_t nr_pages)
{
	touch_pages(arena, pfn, pfn + nr_pages, false);
	sea_arena_lend(arena, pfn, pfn + nr_pages);
}

static void *alloc_run(size_t size, size_t align, enum sea_touch touch, bool *zeroed)
{
	size_t nr_pages = to_pages(size);
	struct sea_run_start run;
	if (!take_run(nr_pages, to_pages(align), &run))
		return NULL;
	if (!sea_arena_commit(run.arena, ((size_t)run.pfn + nr_pages) << sea_page_shift())) {
		give_to_pool(run, nr_pages);
		return NULL;
	}
	size_t nr_touched = sea_arena_count_touched(run.arena, run.pfn, run.pfn + nr_pages);
	sea_add_relaxed_mt(&sea_counted.nr_dirty, -nr_touched);
	sea_add_relaxed_mt(&sea_counted.nr_used, nr_pages);
	sea_budget_note_use();
	if (touch == SEA_TOUCH_CLEAR)
		nr_touched -= sea_arena_clear(run.arena, run.pfn, run.pfn + nr_pages);
	if (touch == SEA_TOUCH_NOW || touch == SEA_TOUCH_CLEAR) {
		hand_out(run.arena, run.pfn, nr_pages);
	} else if (touch == SEA_TOUCH_DENSE) {
		sea_huge_consider(run.arena, run.pfn);
	}
	*zeroed = nr_touched == 0;
	SEA_ASSERT((uintptr_t)sea_arena_at(run.arena, run.pfn) % align == 0);
	return sea_arena_at(run.arena, run.pfn);
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
	release_empty(1, SEA_STEP_PAGES);
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
	SEA_ASSERT(step.nr_pages <= SEA_STEP_PAGES); /* U3 */
	sea_add_relaxed_mt(&sea_counted.nr_dirty, -step.nr_pages);
	sea_pages_note_gone(step.nr_pages);
	sea_allowance_note_purged(step.nr_pages);
	*is_over = step.is_over;
	return step.nr_pages;
}

/* Purges until at most `keep` bytes are dirty, or so many pages have been purged; a step whose
 * calls took all of its time counts a few pages at least.  The thread has the turn and ends it.
 * Returns the pages that were purged. */
static size_t purge_some(size_t keep, size_t most)
{
	size_t nr_purged = 0, done = 0, rest;
	bool is_over = false;
	sea_budget_measure();
	while ((rest = excess(keep)) > 0 && !is_over && done < most) {
		size_t nr_pages = purge_step(rest, &is_over);
		nr_purged += nr_pages;
		done += sea_max(nr_pages, SEA_STEP_PAGES / SEA_STEP_CALLS);
	}
	if (!rest || is_over)
		release_empty(1, SEA_STEP_PAGES);
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
	if (!sea_purge_begin())
		return true;
	if (!sea_purge_goes_on())
		begin_round();
	/* More pages go than come; at least a step. */
	purge_some(marks.low, 1 + nr_pages + nr_pages / 4);
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
SEA_INLINE bool find_run(const void *address, struct sea_run_start *run)
{
	run->arena = sea_pagemap_arena(address);
	if (!run->arena || (uintptr_t)address % sea_page_size())
		return false;
	run->pfn = sea_arena_pfn(run->arena, address);
	if (!run->arena->pool)
		return run->pfn == 0 && run->arena->block_size > 0;
	return sea_load_acquire(&run->arena->pool->pages[run->pfn].state) == SEA_PAGE_RUN;
}

struct page *sea_pages_run(const void *address, size_t *size)
{
	struct sea_run_start run;
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
	struct page *page = &arena->pool->pages[sea_arena_pfn(arena, address)];
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

/* Ends what the program has told the system of pages that leave a run. */
static void end_advice(struct sea_run_start run, size_t from, size_t to)
{
	SEA_ASSERT(from < to);
	if (unlikely(sea_load_relaxed(&run.arena->pool->pages[run.pfn].is_advised)))
		sea_arena_renew(run.arena, run.pfn + from, run.pfn + to);
}

/* Returns how many of its pages may hold memory. */
static size_t give_run(void *address)
{
	struct sea_run_start run;
	SEA_CHECK(find_run(address, &run));
	if (!run.arena->pool) {
		sea_arenas_free_whole(run.arena);
		return 0;
	}
	size_t nr_pages = run.arena->pool->pages[run.pfn].nr_pages;
	SEA_ASSERT(nr_pages > 0 && run.pfn + nr_pages <= run.arena->pool->nr_pages);
	end_advice(run, 0, nr_pages);
	size_t nr_touched = sea_arena_count_touched(run.arena, run.pfn, run.pfn + nr_pages);
	sea_add_relaxed_mt(&sea_counted.nr_used, -nr_pages);
	sea_add_relaxed_mt(&sea_counted.nr_dirty, nr_touched);
	give_to_pool(run, nr_pages);
	return nr_touched;
}

void sea_pages_free(void *address)
{
	size_t nr_touched = give_run(address);
	if (nr_touched)
		keep_watermarks(nr_touched);
}

void sea_pages_give(void *address) { sea_purge_note_freed(give_run(address)); }

/* Lengthens a run of a pool in place. */
static bool extend_run(struct sea_run_start run, size_t from, size_t to)
{
	SEA_ASSERT(from < to && run.arena->pool->pages[run.pfn].nr_pages == from);
	pfn_t tail = run.pfn + (pfn_t)from;
	sea_lock_take(&sea_arenas.lock);
	bool taken = tail + (to - from) <= run.arena->pool->nr_pages && sea_buddy_take(run.arena->pool, tail, to - from);
	sea_lock_drop(&sea_arenas.lock);
	if (!taken)
		return false;
	if (!sea_arena_commit(run.arena, ((size_t)run.pfn + to) << sea_page_shift())) {
		give_to_pool((struct sea_run_start){run.arena, tail}, to - from);
		return false;
	}
	sea_add_relaxed_mt(&sea_counted.nr_dirty, -sea_arena_count_touched(run.arena, tail, run.pfn + to));
	sea_add_relaxed_mt(&sea_counted.nr_used, to - from);
	touch_pages(run.arena, tail, run.pfn + to, false);
	sea_arena_lend(run.arena, run.pfn, run.pfn + to);
	run.arena->pool->pages[run.pfn].nr_pages = (uint32_t)to;
	return true;
}

static void shrink_run(struct sea_run_start run, size_t from, size_t to)
{
	SEA_ASSERT(to > 0 && to < from && run.arena->pool->pages[run.pfn].nr_pages == from);
	pfn_t tail = run.pfn + (pfn_t)to;
	end_advice(run, to, from);
	run.arena->pool->pages[run.pfn].nr_pages = (uint32_t)to;
	sea_add_relaxed_mt(&sea_counted.nr_used, -(from - to));
	size_t nr_touched = sea_arena_count_touched(run.arena, tail, run.pfn + from);
	sea_add_relaxed_mt(&sea_counted.nr_dirty, nr_touched);
	give_to_pool((struct sea_run_start){run.arena, tail}, from - to);
	keep_watermarks(nr_touched);
}

/* Claim: the limit lets the run become so long. */
static bool may_grow(struct sea_run_start run, size_t size)
{
	size_t was = sea_pages_size(sea_arena_at(run.arena, run.pfn));
	return size <= was || sea_limit_admits(size - was);
}

bool sea_pages_resize(void *address, size_t size)
{
	struct sea_run_start run;
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
static void renew_run(struct sea_run_start run)
{
	if (!run.arena->pool)
		return;
	struct page *page = &run.arena->pool->pages[run.pfn];
	sea_arena_renew(run.arena, run.pfn, run.pfn + page->nr_pages);
	sea_store_relaxed(&page->is_advised, 0); /* what is to be freed has no advice any more */
}

/* Moves the first `bytes` of a run to a whole arena with room for twice `size`: a block that grew
 * this far probably grows again.  After a target was lost no pages are moved any more.  NULL: the
 * run is unchanged. */
static char *move_pages(struct sea_run_start old, size_t bytes, size_t size)
{
	char *from = sea_arena_at(old.arena, old.pfn);
	if (bytes < MOVE_PAGES_MIN || sea_load_relaxed(&cannot_move) ||
	    sea_load_relaxed(&sea_arenas.nr_whole) >= MOST_WHOLE)
		return NULL;
	struct sea_arena *whole = sea_arenas_make_whole(size, 1, 2 * size);
	if (!whole)
		return NULL;
	enum sea_moved moved = sea_os_move(from, whole->base, bytes);
	if (likely(moved == SEA_MOVED)) {
		sea_store_relaxed(&whole->is_advised, sea_pages_is_advised(from));
		renew_run(old);
		return whole->base;
	}
	if (moved == SEA_STAYED) {
		sea_arenas_free_whole(whole);
		return NULL;
	}
	sea_store_relaxed(&cannot_move, 1);
	sea_arenas_lose_whole(whole);
	return NULL;
}

/* Copies bytes to the start of a run that is not touched yet, and touches them.  A piece is copied
 * while the kernel's zeros are in the processor's cache. */
static void fill_run(const struct sea_arena *arena, char *to, const char *from, size_t bytes)
{
	for (size_t done = 0, piece; done < bytes; done += piece) {
		piece = sea_min(bytes - done, SEA_SLOT_SIZE);
		if (!arena->pool || sea_pages_touch(to + done, to + done + piece, false) > 1)
			sea_pages_populate(to + done, to + done + piece, piece);
		memcpy(to + done, from + done, piece);
	}
}

static char *copy_run(const char *from, size_t bytes, size_t size)
{
	struct sea_arena *whole = wants_whole(size, 1) ? sea_arenas_make_whole(size, 1, 2 * size) : NULL;
	char *to = whole ? whole->base : sea_pages_alloc(size, 1, SEA_TOUCH_LATER, NULL);
	if (!to)
		return NULL;
	struct sea_arena *arena = sea_pagemap_arena(to);
	fill_run(arena, to, from, bytes);
	if (arena->pool)
		hand_out(arena, sea_arena_pfn(arena, to), to_pages(size));
	return to;
}

void *sea_pages_move(void *address, size_t size)
{
	struct sea_run_start old;
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

size_t sea_pages_touch(const void *from, const void *to, bool surely)
{
	SEA_ASSERT(from < to);
	struct sea_arena *arena = sea_pagemap_arena(from);
	SEA_ASSERT(arena && arena->pool);
	return touch_pages(arena, sea_arena_pfn(arena, from), sea_arena_pfn(arena, (const char *)to - 1) + 1, surely);
}

void sea_pages_populate(const char *from, const char *to, size_t most)
{
	SEA_ASSERT(from < to);
	size_t page = sea_page_size();
	uintptr_t first = sea_round_down((uintptr_t)from, page), end = sea_round_up((uintptr_t)to, page);
	size_t bytes = sea_min(end - first, sea_round_down(most, page));
	if (bytes > page)
		sea_os_populate((void *)first, bytes);
}

struct sea_touched sea_pages_touched(const void *run)
{
	const struct sea_arena *arena = sea_pagemap_arena(run);
	SEA_ASSERT(arena->pool);
	return (struct sea_touched){arena->touched, sea_arena_pfn(arena, run), sea_page_shift()};
}

size_t sea_pages_count_touched(const void *from, const void *to)
{
	struct sea_arena *arena = sea_pagemap_arena(from);
	SEA_ASSERT(arena && arena->pool && from <= to);
	return sea_arena_count_touched(arena, sea_arena_pfn(arena, from), sea_arena_pfn(arena, to));
}

size_t sea_pages_count_held(const void *from, const void *to)
{
	struct sea_arena *arena = sea_pagemap_arena(from);
	SEA_ASSERT(arena && arena->pool && from <= to);
	return sea_arena_count_held(arena, sea_arena_pfn(arena, from), sea_arena_pfn(arena, to));
}

static struct sea_arena_part part_of(const struct sea_page_range *range)
{
	struct sea_arena *arena = sea_pagemap_arena(range->from);
	SEA_ASSERT(arena && arena->pool && range->from < range->to);
	SEA_ASSERT(((uintptr_t)range->from | (uintptr_t)range->to) % sea_page_size() == 0);
	return (struct sea_arena_part){arena, sea_arena_pfn(arena, range->from), sea_arena_pfn(arena, range->to)};
}

unsigned sea_pages_purge_ranges(const struct sea_page_range *ranges, unsigned nr, uint64_t until, size_t *bytes)
{
	struct sea_arena_part part[SEA_STEP_RANGES] = {part_of(&ranges[0])};
	unsigned i = 0;
	SEA_ASSERT(nr > 0 && nr <= SEA_STEP_RANGES);
	for (unsigned k = 1; k < nr; k++)
		part[k] = part_of(&ranges[k]);
	unsigned nr_emptied = sea_arena_empty(part, nr);
	for (; i < nr && (i == 0 || nr_emptied || sea_os_now_us() < until); i++) {
		size_t nr_pages = sea_arena_purge(part[i].arena, part[i].from, part[i].to, &nr_emptied);
		sea_purge_note_try(nr_pages);
		sea_pages_note_gone(nr_pages);
		sea_allowance_note_purged(nr_pages);
		*bytes += nr_pages << sea_page_shift();
	}
	return i;
}

size_t sea_pages_purge_range(void *from, void *to)
{
	size_t bytes = 0;
	sea_pages_purge_ranges(&(struct sea_page_range){from, to}, 1, 0, &bytes);
	return bytes;
}
