/* SPDX-License-Identifier: MIT */
/* arena.h - mmap as physical memory
 *
 *    base                     committed                      end
 *    |  readable and writable |  reserved address space        |
 *    |1 1 1 0 0 1 0 0 0 0 0 0 |  touched: a bit for each page
 *
 * An arena is one range of addresses that the page allocator treats as a machine's memory.  Memory
 * below `committed` may be used.  Above, the kernel has promised nothing, so neither mlockall()
 * nor a strict overcommit policy counts it.
 *
 * A huge range gets all its memory when its first page is written to.  The pages that come with it
 * are hollow until they are surely written to.
 */
#ifndef SEA_ARENA_H
#define SEA_ARENA_H

#include "base/compiler.h"
#include "base/page_size.h"

struct sea_pool;

struct sea_arena {
	char *base;	    /* aligned to 1 MiB and to the page */
	size_t size;	    /* bytes of address space, whole slots */
	size_t committed;   /* bytes from base; atomic; shrinks only in a whole arena */
	uint32_t has_gaps;  /* some pages below `committed` may be only reserved; atomic */
	uint64_t *touched;  /* bit per page: may have memory and old bytes; atomic.  NULL: whole */
	/* bit per page: may have memory as part of a huge page, without having been written to;
	 * touched pages may have the bit too; atomic.  NULL: whole */
	uint64_t *hollow;
	uint64_t *huge;	    /* bit per range of a huge page: we made it huge; atomic */
	/* bit per range of a huge page: was in a run for which a program may have called
	 * madvise() since the last renewal; atomic */
	uint64_t *lent;
	struct sea_pool *pool; /* the page allocator's state; NULL for a whole arena */
	char *meta;	    /* whole pages with the pool and the bitmaps; meta_size bytes */
	size_t meta_size;
	size_t block_size;  /* whole arena: bytes of its only block, from base; 0: regular arena */
	uint32_t is_advised; /* whole arena: sea_pages_note_advice(); atomic */
	struct sea_arena *next; /* page lock: list of arenas, or of spare structs */
};

/* Reserves address space aligned to `align` (a power of two) and to 1 MiB, and enters it in the
 * region map and the page map.  `size` is rounded up to slots.  `block`: bytes of the only block
 * of a whole arena, which are committed; 0: regular arena.  Sets base, size, block_size and
 * committed.  False: there is no room, and nothing is reserved. */
bool sea_arena_reserve(struct sea_arena *arena, size_t size, size_t align, size_t block);

/* Removes it from the maps; the addresses stay mapped. */
void sea_arena_forget(struct sea_arena *arena);

/* Releases all of it. */
void sea_arena_release(struct sea_arena *arena);

/* Makes [base, base + end) usable.  Idempotent.  Needs no lock. */
bool sea_arena_commit(struct sea_arena *arena, size_t end);

/* Pages that were not touched before. */
struct sea_fresh {
	size_t nr;	 /* all of them */
	size_t nr_empty; /* those that are not hollow */
};

/* Marks pages [from, to) as touched.  Hollow pages stay hollow unless they will `surely` be
 * written to.  Any thread. */
struct sea_fresh sea_arena_touch(struct sea_arena *arena, size_t from, size_t to, bool surely);

/* Clears the touched pages of [from, to), which are the caller's.  Returns how many. */
size_t sea_arena_clear(const struct sea_arena *arena, size_t from, size_t to);

/* How many pages of [from, to) are touched. */
size_t sea_arena_count_touched(const struct sea_arena *arena, size_t from, size_t to);

/* How many pages of [from, to) may have memory: touched or hollow. */
size_t sea_arena_count_held(const struct sea_arena *arena, size_t from, size_t to);

/* Makes the range of page `pfn` huge, which makes all its pages hollow.  False: a page of it may
 * have memory, or it is not inside the arena, or the system refuses.  Any thread that owns an
 * untouched page of it. */
bool sea_arena_make_huge(struct sea_arena *arena, size_t pfn);

/* Bytes of a huge page: what one page table with entries of 8 bytes maps. */
size_t sea_huge_size(void);

/* Bytes in hollow pages of all arenas, not exact. */
size_t sea_arena_hollow(void);

/* In the child of a fork: sets their number. */
void sea_arena_set_hollow(size_t nr_pages);

/* Borders between huge ranges and others: each adds a mapping. */
size_t sea_arena_borders(const struct sea_arena *arena);

/* Pages [from, to), which the caller owns and is about to purge. */
struct sea_arena_part {
	struct sea_arena *arena;
	size_t from, to;
};

/* Frees the memory of the first rows of touched pages in the parts by one system call.  Returns
 * how many rows; 0 if the system has no such call.  Only sea_arena_purge() counts the pages as
 * purged: the caller calls it for each part in turn. */
unsigned sea_arena_empty(const struct sea_arena_part *parts, unsigned nr);

/* Purges the touched and hollow pages in [from, to).  A range that loses memory is not huge any
 * more.  The caller owns the pages.  Returns how many touched pages were purged.  *nr_emptied:
 * rows that sea_arena_empty() has emptied and that were not counted yet; none is purged again. */
size_t sea_arena_purge(struct sea_arena *arena, size_t from, size_t to, unsigned *nr_emptied);

/* Makes pages [from, to) of a regular arena like new: they lose their memory.  Undoes what the
 * program has asked the system for them, and the kernel joins their mapping with its neighbours.
 * The caller owns them. */
void sea_arena_renew(struct sea_arena *arena, size_t from, size_t to);

/* Resizes the only block of a whole arena in place to `size` bytes, whole pages.  False: it
 * cannot.  If the block becomes much shorter, addresses are released too. */
bool sea_arena_resize_whole(struct sea_arena *arena, size_t size);

/* Pages [from, to) are handed out as a run.  If programs may call madvise() for so long a run, the
 * range is noted, and the pages are renewed when they are purged. */
void sea_arena_lend(struct sea_arena *arena, size_t from, size_t to);

#endif
