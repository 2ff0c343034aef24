/* SPDX-License-Identifier: MIT */
/* arenas.c - made, equipped, linked, released
 *
 * Metadata is never released.  So a released regular arena leaves its metadata to the next arena
 * of its size.
 *
 * AR1  The list leads from `first` to `last`, and is empty if both are NULL.  Each arena in it has
 *      a pool and is in a range AVAILABLE of the region map.
 * AR2  A released regular arena keeps its metadata.
 * AR3  nr_whole and `whole` are the number of whole arenas and the bytes of their blocks.  Each is
 *      in a range WHOLE of the region map, and in the page map.
 */
#include "page/arenas.h"

#include <string.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/check.h"
#include "base/options.h"
#include "base/os.h"
#include "base/page_size.h"
#include "map/map.h"
#include "page/buddy.h"

/* Alignment of a huge page, so that such blocks need no arena of their own. */
#define ARENA_ALIGN (2 * SEA_MIB)
/* Ranges of released arenas that reports can still name. */
#define NR_RELEASED 64

struct sea_arenas sea_arenas = {.lock = SEA_LOCK_INIT(SEA_RANK_PAGES)};
const struct sea_locks sea_locks_pages = {.first = &sea_arenas.lock, .nr = 1};

static struct {
	struct sea_arena *spare;    /* structs of released whole arenas */
	struct sea_arena *equipped; /* released regular arenas, with their metadata */
	size_t next_size;	    /* bytes of the next arena; 0: the option's value; atomic */
	struct sea_range {
		const char *base;
		size_t size;
	} released[NR_RELEASED]; /* a ring */
	size_t nr_released;
} state; /* page lock */

static struct sea_arena *take_struct(void)
{
	sea_lock_take(&sea_arenas.lock);
	struct sea_arena *arena = state.spare;
	if (arena)
		state.spare = arena->next;
	sea_lock_drop(&sea_arenas.lock);
	if (!arena)
		return sea_meta_alloc(sizeof(*arena));
	memset(arena, 0, sizeof(*arena));
	return arena;
}

static void give_struct(struct sea_arena *arena)
{
	sea_lock_take(&sea_arenas.lock);
	arena->next = state.spare;
	state.spare = arena;
	sea_lock_drop(&sea_arenas.lock);
}

/* Releases the addresses, and remembers them for a while. */
static void release(struct sea_arena *arena)
{
	SEA_ASSERT(arena->base && arena->size % SEA_SLOT_SIZE == 0);
	sea_lock_take(&sea_arenas.lock);
	state.released[state.nr_released++ % NR_RELEASED] = (struct sea_range){arena->base, arena->size};
	sea_lock_drop(&sea_arenas.lock);
	sea_arena_release(arena);
}

/* Takes a released arena whose metadata fits; NULL if there is none. */
static struct sea_arena *take_equipped(size_t size)
{
	sea_lock_take(&sea_arenas.lock);
	struct sea_arena **link = &state.equipped;
	while (*link && (*link)->size != size)
		link = &(*link)->next;
	struct sea_arena *arena = *link;
	SEA_ASSERT(!arena || arena->meta);
	if (arena)
		*link = arena->next;
	sea_lock_drop(&sea_arenas.lock);
	return arena;
}

/* Gives the arena its metadata, in pages of its own: new, or that of a released arena, cleared. */
static bool equip_arena(struct sea_arena *arena)
{
	size_t nr_pages = arena->size >> sea_page_shift();
	SEA_ASSERT(nr_pages > 0 && !arena->pool);
	size_t map_words = (nr_pages + 63) / 64, huge_words = (arena->size / sea_huge_size() + 2) / 64 + 1;
	struct sea_arena *old = take_equipped(arena->size);
	arena->meta_size = sizeof(struct sea_pool) + 2 * (map_words + huge_words) * sizeof(uint64_t) +
			   sea_buddy_meta_size(nr_pages);
	arena->meta = old ? old->meta : sea_meta_alloc_pages(arena->meta_size);
	if (!arena->meta)
		return false;
	SEA_ASSERT(!old || old->meta_size == arena->meta_size);
	if (old) {
		memset(arena->meta, 0, arena->meta_size);
		give_struct(old);
	}
	arena->pool = (struct sea_pool *)arena->meta;
	arena->touched = (uint64_t *)(arena->pool + 1);
	arena->hollow = arena->touched + map_words;
	arena->huge = arena->hollow + map_words;
	arena->lent = arena->huge + huge_words;
	sea_buddy_init(arena->pool, nr_pages, arena->lent + huge_words);
	return true;
}

/* Metadata of an arena's zones takes 1/64 of it, and is mapped when they are made.  An arena that
 * took all that a limit left could not be used: of 200 MiB of addresses 58 were. */
#define METADATA_SHARE 64

/* Claim: metadata for an arena of this size still finds addresses. */
static bool leaves_room(size_t size)
{
	size_t room = sea_round_up(size / METADATA_SHARE, sea_page_size());
	void *there = sea_os_reserve(room);
	return there && sea_os_release(there, room);
}

static bool reserve_with_room(struct sea_arena *arena, size_t size, size_t align, bool is_least)
{
	if (!sea_arena_reserve(arena, size, align, 0))
		return false;
	if (is_least || leaves_room(size))
		return true;
	sea_arena_release(arena);
	return false;
}

struct sea_arena *sea_arenas_make(size_t size, size_t align)
{
	SEA_ASSERT(sea_is_power_of_two(align));
	SEA_ASSERT(size > 0);
	size_t least = sea_round_up(size, SEA_SLOT_SIZE);
	size_t want = sea_load_relaxed(&state.next_size);
	want = sea_max(want ? want : sea_min(sea_options.arena, SEA_ARENA_MAX), least);
	struct sea_arena *arena = take_struct();
	if (!arena)
		return NULL;
	while (!reserve_with_room(arena, want, sea_max(align, want >= ARENA_ALIGN ? ARENA_ALIGN : 1), want == least)) {
		if (want == least) {
			give_struct(arena);
			return NULL;
		}
		want = sea_max(sea_round_down(want / 2, SEA_SLOT_SIZE), least);
	}
	if (!equip_arena(arena)) {
		sea_arena_release(arena);
		give_struct(arena);
		return NULL;
	}
	sea_store_relaxed(&state.next_size, sea_min(2 * want, SEA_ARENA_MAX));
	return arena;
}

/* Claim: the arena has no run, and at most `most_dirty` touched pages. */
static bool may_go(const struct sea_arena *arena, size_t most_dirty)
{
	SEA_ASSERT(arena->pool && sea_lock_is_held(&sea_arenas.lock));
	const struct sea_pool *pool = arena->pool;
	return pool->nr_free == pool->nr_pages && sea_arena_count_touched(arena, 0, pool->nr_pages) <= most_dirty;
}

/* Unlinks the arenas that may go, except the first `keep` of them. */
static struct sea_arena *unlink_empty(size_t keep, size_t most_dirty)
{
	struct sea_arena *empty = NULL;
	sea_lock_take(&sea_arenas.lock);
	sea_arenas.last = NULL;
	for (struct sea_arena **link = &sea_arenas.first, *arena; (arena = *link);) {
		if (may_go(arena, most_dirty) && keep-- == 0) {
			*link = arena->next;
			arena->next = empty;
			empty = arena;
			keep = 0;
		} else {
			sea_arenas.last = arena;
			link = &arena->next;
		}
	}
	SEA_ASSERT(!sea_arenas.first == !sea_arenas.last); /* AR1 */
	sea_lock_drop(&sea_arenas.lock);
	return empty;
}

bool sea_arenas_release_empty(size_t keep, size_t most_dirty, size_t *nr_dirty)
{
	struct sea_arena *empty = unlink_empty(keep, most_dirty);
	*nr_dirty = 0;
	for (struct sea_arena *arena = empty, *next; arena; arena = next) {
		next = arena->next;
		SEA_ASSERT(arena->meta && arena->pool->nr_free == arena->pool->nr_pages);
		*nr_dirty += sea_arena_count_touched(arena, 0, arena->pool->nr_pages);
		/* before the kernel gives the addresses to others */
		sea_seams_purge(arena->base, arena->size);
		release(arena);
		if (arena->meta_size >= sea_page_size())
			sea_os_purge(arena->meta, sea_round_down(arena->meta_size, sea_page_size()));
		sea_lock_take(&sea_arenas.lock);
		arena->next = state.equipped;
		state.equipped = arena;
		sea_lock_drop(&sea_arenas.lock);
	}
	return empty != NULL;
}

void sea_arenas_link(struct sea_arena *arena)
{
	SEA_ASSERT(arena->pool && !arena->next);
	sea_lock_take(&sea_arenas.lock);
	SEA_ASSERT((sea_arenas.last == NULL) == (sea_arenas.first == NULL));
	if (sea_arenas.last)
		sea_arenas.last->next = arena;
	else
		sea_arenas.first = arena;
	sea_arenas.last = arena;
	sea_lock_drop(&sea_arenas.lock);
}

static void count_whole(intptr_t nr, intptr_t size)
{
	sea_add_relaxed_mt(&sea_arenas.nr_whole, (size_t)nr);
	sea_add_relaxed_mt(&sea_arenas.whole, (size_t)size);
	SEA_ASSERT((intptr_t)sea_load_relaxed(&sea_arenas.nr_whole) >= 0); /* AR3 */
}

struct sea_arena *sea_arenas_make_whole(size_t size, size_t align, size_t reserve)
{
	SEA_ASSERT(sea_is_power_of_two(align));
	size = sea_round_up(size, sea_page_size());
	SEA_ASSERT(size > 0 && size <= sea_round_up(reserve, sea_page_size()));
	struct sea_arena *arena = take_struct();
	if (!arena)
		return NULL;
	if (!sea_arena_reserve(arena, reserve, align, size) && !sea_arena_reserve(arena, size, align, size)) {
		give_struct(arena);
		return NULL;
	}
	count_whole(1, (intptr_t)size);
	return arena;
}

void sea_arenas_free_whole(struct sea_arena *arena)
{
	SEA_ASSERT(!arena->pool && arena->block_size > 0);
	count_whole(-1, -(intptr_t)arena->block_size);
	release(arena);
	give_struct(arena);
}

void sea_arenas_lose_whole(struct sea_arena *arena)
{
	SEA_ASSERT(!arena->pool && arena->block_size > 0);
	count_whole(-1, -(intptr_t)arena->block_size);
	sea_arena_forget(arena);
	give_struct(arena);
}

bool sea_arenas_was_released(const char *address)
{
	bool found = false;
	sea_lock_take(&sea_arenas.lock);
	for (size_t i = 0; i < NR_RELEASED; i++)
		found |= (size_t)(address - state.released[i].base) < state.released[i].size;
	sea_lock_drop(&sea_arenas.lock);
	return found;
}

/* AR1.  Page lock. */
static bool list_is_sound(void)
{
	const struct sea_arena *last = NULL;
	struct sea_region region;
	bool sound = true;
	for (const struct sea_arena *arena = sea_arenas.first; sound && arena; last = arena, arena = arena->next)
		sound = arena->pool && !arena->block_size && sea_region_find(arena->base, &region) &&
			region.kind == SEA_REGION_AVAILABLE && region.size == arena->size;
	return sound && last == sea_arenas.last;
}

/* AR2.  Page lock. */
static bool released_are_sound(void)
{
	bool sound = true;
	for (const struct sea_arena *arena = state.equipped; arena; arena = arena->next)
		sound &= arena->meta && arena->meta_size > sizeof(struct sea_pool);
	return sound;
}

struct whole_count {
	size_t nr, bytes;
	bool is_sound;
};

static void count_whole_range(const struct sea_region *region, void *context)
{
	struct whole_count *count = context;
	if (region->kind != SEA_REGION_WHOLE)
		return;
	const struct sea_arena *arena = sea_pagemap_arena(region->base);
	count->nr++;
	count->bytes += arena ? arena->block_size : 0;
	count->is_sound &= arena && arena->base == region->base && arena->block_size <= region->size;
}

bool sea_arenas_are_sound(void)
{
	struct whole_count count = {.is_sound = true};
	sea_lock_take(&sea_arenas.lock);
	bool sound = list_is_sound() && released_are_sound();
	sea_region_walk(count_whole_range, &count);
	sea_lock_drop(&sea_arenas.lock);
	return sound && count.is_sound && count.nr == sea_load_relaxed(&sea_arenas.nr_whole) &&
	       count.bytes == sea_load_relaxed(&sea_arenas.whole);
}
