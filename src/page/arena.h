/* SPDX-License-Identifier: MIT */
/* arena.h - mmap as physical memory
 *
 *    base                     committed                      end
 *    |  readable and writable |  reserved address space        |
 *    |1 1 1 0 0 1 0 0 0 0 0 0 |  touched: a bit for each page
 *
 * An arena is one range of addresses that the page allocator treats as a machine's
 * memory.  Below `committed` it may be used; above, the kernel has promised
 * nothing, so that neither mlockall() nor a strict overcommit policy counts it.
 *
 * A range that is made huge gets all its memory when its first page is written to.  The
 * pages that come with it are hollow until they are surely written to.
 */
#ifndef SEA_ARENA_H
#define SEA_ARENA_H

#include "base/compiler.h"
#include "base/page_size.h"

struct sea_pool;

struct sea_arena {
	char *base;	    /* aligned to 1 MiB and to the page */
	size_t size;	    /* bytes of address space, whole slots */
	size_t committed;   /* bytes from base; atomic, only grows but in a whole arena */
	uint32_t has_gaps;  /* below `committed` may be pages that are reserved only; atomic */
	uint64_t *touched;  /* bit per page: may hold memory and old bytes; atomic.  NULL: whole */
	uint64_t *hollow;   /* bit per page: may hold memory that nobody has written to, as part of a
			       huge page; touched ones may, too; atomic.  NULL: whole */
	uint64_t *huge;	    /* bit per range of a huge page: made huge; atomic */
	uint64_t *lent;	    /* bit per range of a huge page: was part of a run in which a program may
			       have advised the system, since it was renewed; atomic */
	struct sea_pool *pool; /* the page allocator's state; NULL for a whole arena */
	char *meta;	    /* what pool and bitmaps lie in, whole pages; meta_size bytes */
	size_t meta_size;
	size_t block_size;  /* whole arena: bytes of its only block, from base.  0: a regular one */
	struct sea_arena *next; /* page lock: list of arenas, or of spare structs */
};

/* Reserves address space aligned to `align` (a power of two) and to 1 MiB, and enters it in the
 * region map and the page map.  `size` is rounded up to slots.  `block`: bytes of the only
 * block of a whole arena, which are committed; 0: a regular one.  Fills base, size,
 * block_size and committed; false if there is no room, and then nothing is kept. */
bool sea_arena_reserve(struct sea_arena *arena, size_t size, size_t align, size_t block);

/* The maps forget it, and the addresses stay as they are. */
void sea_arena_forget(struct sea_arena *arena);

/* Gives all of it back to the system. */
void sea_arena_release(struct sea_arena *arena);

/* Makes [base, base + end) usable.  Idempotent; needs no lock. */
bool sea_arena_commit(struct sea_arena *arena, size_t end);

/* Marks pages [from, to) as touched; returns how many were not.  Hollow ones stay that as well
 * unless `surely` they will be written to.  Any thread. */
size_t sea_arena_touch(struct sea_arena *arena, size_t from, size_t to, bool surely);

/* Pages of [from, to) that are touched. */
size_t sea_arena_count_touched(const struct sea_arena *arena, size_t from, size_t to);

/* Pages of [from, to) that may hold memory: touched, or hollow. */
size_t sea_arena_count_held(const struct sea_arena *arena, size_t from, size_t to);

/* Asks for a huge page for the range that page `pfn` lies in, which makes all of it hollow;
 * false if some of it is touched, or lies outside the arena, or the system refuses.  Any
 * thread that owns an untouched page of it. */
bool sea_arena_make_huge(struct sea_arena *arena, size_t pfn);

/* Bytes of a huge page: what one table of 8 bytes a page maps. */
size_t sea_huge_size(void);

/* Bytes in hollow pages of all arenas, roughly. */
size_t sea_arena_hollow(void);

/* In the child of a fork: so many they are. */
void sea_arena_set_hollow(size_t nr_pages);

/* Borders between huge ranges and others: mappings that they add. */
size_t sea_arena_borders(const struct sea_arena *arena);

/* Gives the memory of the touched pages in [from, to) back to the system, and that of hollow
 * ones; a range that loses some of its memory is not huge any more.  The caller owns the
 * pages.  Returns how many went that were touched. */
size_t sea_arena_purge(struct sea_arena *arena, size_t from, size_t to);

/* Pages [from, to) of an arena with a pool, which their owner has emptied, become as new: nothing
 * that the program has asked the system to do with them is left, and the system joins them with
 * their neighbours. */
void sea_arena_renew(struct sea_arena *arena, size_t from, size_t to);

/* The only block of a whole arena gets `size` bytes, whole pages, in place, if it can.  A block
 * that becomes much shorter gives addresses back, too. */
bool sea_arena_resize_whole(struct sea_arena *arena, size_t size);

/* Pages [from, to) are handed out as a run.  If that is so long that programs give the system advice
 * about it, it is remembered, and the pages are renewed when they go back. */
void sea_arena_lend(struct sea_arena *arena, size_t from, size_t to);

#endif
