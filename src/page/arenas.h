/* SPDX-License-Identifier: MIT */
/* arenas.h - which arenas there are
 *
 * Regular arenas have a pool and are in a list.  A whole arena has one block of the program; the
 * page map finds it.
 */
#ifndef SEA_ARENAS_H
#define SEA_ARENAS_H

#include "base/check.h"
#include "base/lock.h"
#include "page/arena.h"
#include "page/page.h"

/* Regular arenas double from the option `arena` up to this: 2^SEA_MAX_ORDER pages of 4 KiB. */
#define SEA_ARENA_MAX SEA_GIB

extern SEA_HIDDEN struct sea_arenas {
	/* the page lock: the list, its pools, the state of arenas.c */
	struct sea_lock lock;
	struct sea_arena *first, *last; /* regular arenas, oldest first */
	size_t nr_whole, whole;		/* number of whole arenas, bytes of their blocks; atomic */
} sea_arenas;

/* Where a run of pages starts. */
struct sea_run_start {
	struct sea_arena *arena;
	pfn_t pfn;
};

/* The address of a page. */
SEA_INLINE char *sea_arena_at(const struct sea_arena *arena, pfn_t pfn)
{
	SEA_ASSERT(pfn < arena->size >> sea_page_shift());
	return arena->base + ((size_t)pfn << sea_page_shift());
}

/* The page at an address, which may be the arena's end. */
SEA_INLINE pfn_t sea_arena_pfn(const struct sea_arena *arena, const void *address)
{
	SEA_ASSERT((size_t)((const char *)address - arena->base) <= arena->size);
	return (pfn_t)((size_t)((const char *)address - arena->base) >> sea_page_shift());
}

/* Makes an arena that can hold `size` bytes at a multiple of `align`.  If the system refuses,
 * tries smaller arenas.  NULL: there is no room. */
struct sea_arena *sea_arenas_make(size_t size, size_t align);

/* Adds it to the list. */
void sea_arenas_link(struct sea_arena *arena);

/* Releases arenas without a run, except the first `keep` and those with more than `most_dirty`
 * touched pages.  True: it released one.  *nr_dirty: touched pages in them. */
bool sea_arenas_release_empty(size_t keep, size_t most_dirty, size_t *nr_dirty);

/* Reserves `reserve` bytes (or only `size`, if that is too much) and commits `size`, for one
 * block. */
struct sea_arena *sea_arenas_make_whole(size_t size, size_t align, size_t reserve);
void sea_arenas_free_whole(struct sea_arena *arena);

/* The same, but the addresses are not ours any more, or may not be. */
void sea_arenas_lose_whole(struct sea_arena *arena);

/* Claim: the address is in an arena that was released recently. */
bool sea_arenas_was_released(const char *address);

/* Claim: AR1 to AR3 of arenas.c hold.  No other thread makes or frees an arena. */
bool sea_arenas_are_sound(void);

#endif
