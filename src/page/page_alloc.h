/* SPDX-License-Identifier: MIT */
/* page_alloc.h - the door of the page room
 *
 * Hands out runs of whole pages from arenas, and purges pages that stay unused.  A run larger than
 * half an arena, or with a larger alignment, gets a "whole" arena of its own, which is released
 * when the run is freed.
 *
 * Sizes are bytes and are rounded up to pages.  A run's first byte identifies it.  Any thread may
 * call these functions.  The caller may hold a shard's lock unless a comment says otherwise.
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
	SEA_TOUCH_CLEAR, /* the same, and it reads as zero */
	SEA_TOUCH_LATER, /* the caller calls sea_pages_touch(), page by page */
	SEA_TOUCH_DENSE, /* the same, and most pages will be touched: a huge page may pay */
};

/* Allocates a run.  `align` is a power of two.  *zeroed (may be NULL): the run reads as zero.
 * NULL: out of memory. */
void *sea_pages_alloc(size_t size, size_t align, enum sea_touch touch, bool *zeroed);

/* Frees a run.  May purge and release memory. */
void sea_pages_free(void *run);

/* The same, but purges nothing: sea_pages_purge_some() follows. */
void sea_pages_give(void *run);

/* The page record of the run that starts at `address`; NULL if no run does, or if it has an arena
 * of its own.  *size: its bytes; 0 if there is no run. */
struct page *sea_pages_run(const void *address, size_t *size);

/* The owner keeps a run for later.  It stays in use to the page allocator, but the functions here
 * do not find it. */
SEA_INLINE void sea_pages_park(struct page *run)
{
	SEA_ASSERT(run->state == SEA_PAGE_RUN);
	sea_store_release(&run->state, (uint8_t)SEA_PAGE_PARKED);
}

/* Ends that. */
SEA_INLINE void sea_pages_unpark(struct page *run)
{
	SEA_ASSERT(run->state == SEA_PAGE_PARKED);
	sea_store_release(&run->state, (uint8_t)SEA_PAGE_RUN);
}

/* The page record of the parked run that starts at `address`; NULL if none does. */
struct page *sea_pages_parked(const void *address);

/* Bytes of the run that starts at `address`; 0 if there is none. */
size_t sea_pages_size(const void *address);

/* What is at an address, for reports of mistakes. */
enum sea_at {
	SEA_AT_FOREIGN, /* not ours */
	SEA_AT_FREE,	   /* ours, in no run; or part of an arena that was released recently */
	SEA_AT_RUN,	   /* in the run [*base, *base + *size) */
};
enum sea_at sea_pages_at(const void *address, void **base, size_t *size);

/* The program gives the system advice about memory at `address`, which is not to outlive its run:
 * pages that leave the run lose their memory and the advice.  If the system refuses, they keep it.
 * Ignores addresses in no run.  A signal handler may call it. */
void sea_pages_note_advice(const void *address);

/* Claim: advice was noted for the run. */
bool sea_pages_is_advised(const void *run);

/* Makes the run `size` bytes long in place, shorter or longer.  False: it cannot. */
bool sea_pages_resize(void *run, size_t size);

/* Moves a run to where `size` bytes fit.  If the kernel can move pages, long runs are not copied.
 * NULL: out of memory, and the run stays as it is. */
void *sea_pages_move(void *run, size_t size);

/* The bytes [from, to) of a run of SEA_TOUCH_LATER or SEA_TOUCH_DENSE may be written from now on.
 * `surely`: something in each of their pages will be.  Returns how many of the pages were not
 * touched before and have no memory. */
size_t sea_pages_touch(const void *from, const void *to, bool surely);

/* Gives memory to the pages of [from, to) of a run by one system call, `most` bytes from the first
 * page on.  The caller owns the bytes, and will write to each of these pages.  For one page it
 * does nothing: a page fault costs no more.  The caller holds no shard's lock.
 *
 *                                        page by page     by one call
 *    one virtual machine                 1.5 us a page    1.4 by 8 pages, 1.3 by 32
 *    one whose hypervisor intercepts     17.7             11 by 16, with the first access
 *    page faults and first accesses */
void sea_pages_populate(const char *from, const char *to, size_t most);

/* The page allocator's record of the touched pages of a run, for frequent questions.  Valid as
 * long as the run; not for runs with an arena of their own. */
struct sea_touched {
	const uint64_t *map; /* atomic */
	size_t first;	     /* bit of the first page */
	unsigned page_shift;
};
struct sea_touched sea_pages_touched(const void *run);

/* Claim: bytes [from, to) of the run are in touched pages.  Conservative: false if their bits are
 * in several words. */
SEA_INLINE bool sea_pages_are_touched(const struct sea_touched *touched, size_t from, size_t to)
{
	size_t first = touched->first + (from >> touched->page_shift);
	size_t last = touched->first + ((to - 1) >> touched->page_shift);
	uint64_t wanted = ~0ull << first % 64 & ~0ull >> (63 - last % 64);
	return first / 64 == last / 64 && !(wanted & ~sea_load_relaxed(&touched->map[first / 64]));
}

/* How many pages of [from, to) are touched. */
size_t sea_pages_count_touched(const void *from, const void *to);

/* The same, and hollow pages count too. */
size_t sea_pages_count_held(const void *from, const void *to);

/* Purges the bytes [from, to), whole pages inside a run that are not in use.  Returns the bytes
 * that were purged.  The caller holds no lock. */
size_t sea_pages_purge_range(void *from, void *to);

struct sea_page_range {
	char *from, *to; /* whole pages inside a run */
};

/* The same for up to SEA_STEP_RANGES ranges; the first at least, the others while it is not later
 * than `until` (us).  Adds to *bytes what was purged, and returns how many ranges it came to. */
unsigned sea_pages_purge_ranges(const struct sea_page_range *ranges, unsigned nr, uint64_t until, size_t *bytes);

/* Purges free pages until at most `keep` bytes are dirty.  Returns the bytes that were purged.
 * The caller holds no lock. */
size_t sea_pages_purge_free(size_t keep);

/* Purges free pages down to the low watermark, if more than the high one is dirty or a round has
 * begun.  Purges only as much as a free of so many pages must.  True: there is more to do. */
bool sea_pages_purge_some(struct sea_watermarks marks, size_t nr_pages);

struct sea_page_stats {
	size_t reserved;  /* bytes of address space in arenas */
	size_t committed; /* part of reserved: readable and writable */
	size_t in_use;	  /* bytes in runs */
	/* bytes in touched pages that the program does not use, also inside runs */
	size_t dirty;
	size_t nr_whole;  /* runs with an arena of their own */
	size_t whole;	  /* bytes in them */
	size_t purged;	  /* bytes purged, ever */
	size_t refaulted; /* part of purged: faulted in again soon after */
};
void sea_pages_stats(struct sea_page_stats *stats);

/* The arena with a pool that starts at `base`; NULL if there is none now. */
const struct sea_arena *sea_pages_arena_at(const char *base);

/* Claim: the address is in the committed part of an arena.  Costs a look-up. */
bool sea_pages_is_readable(const void *address);

/* No arena is released between these two: whoever follows a pointer into memory that may be free
 * reads memory.  The page lock is held, so keep it short and call nothing of this room. */
void sea_pages_pin(void);
void sea_pages_unpin(void);

/* In the child of a fork: undoes what other threads were doing.  Cost: a look at each buddy. */
void sea_pages_in_child(void);

/* Claim: every pool and list is sound, and the counts are right. */
bool sea_pages_are_sound(void);

#endif
