/* SPDX-License-Identifier: MIT */
/* arenas.h - which arenas there are
 *
 * Regular arenas have a pool, and are listed.  A whole one has one block of the program's,
 * and is found by the page map.
 */
#ifndef SEA_ARENAS_H
#define SEA_ARENAS_H

#include "base/lock.h"
#include "page/arena.h"

/* Regular arenas double from the option `arena` up to this: 2^SEA_MAX_ORDER pages
 * of 4 KiB. */
#define SEA_ARENA_MAX SEA_GIB

extern SEA_HIDDEN struct sea_arenas {
	struct sea_lock lock;		/* the page lock: the list, its pools, what arenas.c keeps */
	struct sea_arena *first, *last; /* regular arenas, oldest first */
	size_t nr_whole, whole;		/* whole ones, bytes of their blocks; atomic */
} sea_arenas;

/* Makes an arena that can hold `size` bytes, at a multiple of `align`; asks for less where the
 * system refuses.  NULL: there is no room. */
struct sea_arena *sea_arenas_make(size_t size, size_t align);

/* Lists it. */
void sea_arenas_link(struct sea_arena *arena);

/* Gives arenas without a run back to the system, all but the first `keep` and those that have
 * more than `most_dirty` touched pages; true if there was one.  *nr_dirty is how many touched
 * pages went. */
bool sea_arenas_release_empty(size_t keep, size_t most_dirty, size_t *nr_dirty);

/* Reserves `reserve` bytes (or just `size`, if that is too much) and commits `size`, for one
 * block. */
struct sea_arena *sea_arenas_make_whole(size_t size, size_t align, size_t reserve);
void sea_arenas_free_whole(struct sea_arena *arena);

/* The same, but the addresses are not ours any more, or it is not known. */
void sea_arenas_lose_whole(struct sea_arena *arena);

/* Claim: the address was in an arena released not long ago. */
bool sea_arenas_was_released(const char *address);

/* Claim: AR1 to AR3 of arenas.c.  No other thread makes or frees an arena. */
bool sea_arenas_are_sound(void);

#endif
