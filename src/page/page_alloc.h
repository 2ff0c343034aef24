/* SPDX-License-Identifier: MIT */
/* page_alloc.h - the door of the page room
 *
 * Hands out runs of whole pages from arenas, and gives pages that stay unused back
 * to the system.  A run larger than half an arena, or aligned beyond that, gets an
 * arena of its own ("whole"), which goes back to the system when it is freed.
 *
 * Sizes are bytes and are rounded up to pages; a run's first byte identifies it.
 * Any thread may call any of these; the caller may hold a shard's lock.
 */
#ifndef SEA_PAGE_ALLOC_H
#define SEA_PAGE_ALLOC_H

#include "base/atomic.h"
#include "base/check.h"
#include "base/page_size.h"
#include "page/page.h"
#include "page/budget.h"

struct sea_arena;

enum sea_touch {
	SEA_TOUCH_NOW,	 /* the run counts as written to */
	SEA_TOUCH_LATER, /* the caller says so by sea_pages_touch(), page by page */
	SEA_TOUCH_DENSE, /* the same, and most of it will be: a huge page may pay */
};

/* `align` is a power of two.  *zeroed (may be NULL) tells whether the run reads as
 * zero.  NULL if there is no memory. */
void *sea_pages_alloc(size_t size, size_t align, enum sea_touch touch, bool *zeroed);

/* Gives a run back.  May return memory to the system. */
void sea_pages_free(void *run);

/* What is known of the run that starts at `address`; NULL: none does, or it has an arena of its
 * own.  *size: its bytes; 0 if there is no run. */
struct page *sea_pages_run(const void *address, size_t *size);

/* The owner of a run parks it for later: it counts as in use, and is found by none of
 * the functions around this one. */
SEA_INLINE void sea_pages_park(struct page *run)
{
	SEA_ASSERT(run->state == SEA_PAGE_RUN);
	sea_store_release(&run->state, (uint8_t)SEA_PAGE_PARKED);
}

/* Undoes that. */
SEA_INLINE void sea_pages_unpark(struct page *run)
{
	SEA_ASSERT(run->state == SEA_PAGE_PARKED);
	sea_store_release(&run->state, (uint8_t)SEA_PAGE_RUN);
}

/* Bytes of the run that starts at `address`; 0 if none does. */
size_t sea_pages_size(const void *address);

/* What lies at an address, for reports of mistakes. */
enum sea_place {
	SEA_PLACE_FOREIGN, /* not ours */
	SEA_PLACE_FREE,	   /* ours, in no run; or part of a run freed not long ago */
	SEA_PLACE_RUN,	   /* in the run [*base, *base + *size) */
};
enum sea_place sea_pages_place(const void *address, void **base, size_t *size);

/* Makes the run `size` bytes long in place; it may grow or shrink. */
bool sea_pages_resize(void *run, size_t size);

/* Moves a run to where `size` bytes fit, page by page and without copying where the
 * kernel can; NULL if there is no memory, and then the old run stays. */
void *sea_pages_move(void *run, size_t size);

/* The bytes [from, to) of a run of SEA_TOUCH_LATER or SEA_TOUCH_DENSE may be written from now
 * on; `surely`: something in each of their pages will. */
void sea_pages_touch(const void *from, const void *to, bool surely);

/* Where the page allocator keeps in mind which pages of a run are touched, for who asks often:
 * as long as the run lives, and it is not one of those with a mapping of their own. */
struct sea_touched {
	const uint64_t *map; /* atomic */
	size_t first;	     /* bit of the first page */
	unsigned page_shift;
};
struct sea_touched sea_pages_touched(const void *run);

/* Claim: bytes [from, to) of the run are in touched pages.  May be false where it is not so
 * easy to see, as their bits lie in several words. */
SEA_INLINE bool sea_pages_are_touched(const struct sea_touched *touched, size_t from, size_t to)
{
	size_t first = touched->first + (from >> touched->page_shift);
	size_t last = touched->first + ((to - 1) >> touched->page_shift);
	uint64_t wanted = ~0ull << first % 64 & ~0ull >> (63 - last % 64);
	return first / 64 == last / 64 && !(wanted & ~sea_load_relaxed(&touched->map[first / 64]));
}

/* Pages of [from, to) that are touched. */
size_t sea_pages_count_touched(const void *from, const void *to);

/* The same, and those that have memory as part of a huge page only. */
size_t sea_pages_count_held(const void *from, const void *to);

/* The bytes [from, to), whole pages inside a run, are not in use: gives their
 * memory back.  Returns how many bytes went.  No lock may be held. */
size_t sea_pages_purge_range(void *from, void *to);

/* Gives memory of free pages back until at most `keep` bytes are dirty; returns how
 * many bytes went.  No lock may be held. */
size_t sea_pages_purge_free(size_t keep);

/* The same for the low watermark, if more than the high one was dirty and less has gone since:
 * some steps only, as is due for a free of so many pages.  True: there is more to do. */
bool sea_pages_purge_some(struct sea_watermarks marks, size_t nr_pages);

struct sea_page_stats {
	size_t reserved;  /* bytes of address space in arenas */
	size_t committed; /* of them usable */
	size_t in_use;	  /* bytes in runs */
	size_t dirty;	  /* bytes in touched pages that nobody uses, idle ones in runs included */
	size_t nr_whole;  /* runs with an arena of their own */
	size_t whole;	  /* bytes in them */
	size_t purged;	  /* bytes given back so far */
	size_t refaulted; /* bytes of them that were faulted in again soon */
};
void sea_pages_stats(struct sea_page_stats *stats);

/* The arena with a pool that starts at `base`; NULL if there is none, or not yet, or not
 * any more. */
const struct sea_arena *sea_pages_arena_at(const char *base);

/* Claim: the address lies in an arena, in the part that has been committed.  Costs a look-up. */
bool sea_pages_is_readable(const void *address);

/* Between these two no arena is given back, so that who follows a pointer into memory that may be
 * free reads memory.  The page lock is held: briefly, and no call into this room. */
void sea_pages_pin(void);
void sea_pages_unpin(void);

/* In the child of a fork: what other threads were doing is undone.  Cost: a look at
 * each buddy. */
void sea_pages_in_child(void);

/* Claim: every pool is sound and the counts agree. */
bool sea_pages_are_sound(void);

#endif
