/* SPDX-License-Identifier: MIT */
/* watermarks.h - the counts of pages, and what follows from them
 *
 * G2  nr_dirty is the number of touched pages that are in no run.
 * G3  nr_used is the number of pages in runs of pools.
 */
#ifndef SEA_WATERMARKS_H
#define SEA_WATERMARKS_H

#include "base/atomic.h"
#include "base/compiler.h"

struct sea_page_counts {
	size_t nr_dirty, nr_used; /* pages; atomic */
	size_t nr_idle;		  /* touched pages unused inside runs; atomic */
	size_t nr_written;	  /* touched pages that surely were written to, or fewer; atomic */
	size_t purged;		  /* bytes; atomic */
};

extern SEA_HIDDEN struct sea_page_counts sea_counted;

/* Free dirty bytes at which pages go back to the system, and down to which. */
struct sea_watermarks {
	size_t low, high; /* bytes */
	size_t in_use;	  /* what they were made for */
};

/* Inside runs of SEA_TOUCH_LATER or SEA_TOUCH_DENSE, so many more touched pages lie idle (or fewer, if
 * negative): they count as dirty too. */
void sea_pages_note_idle(intptr_t nr_pages);

/* Bytes in touched pages that nobody uses. */
size_t sea_pages_dirty(void);

/* Bytes in runs, without idle pages. */
size_t sea_pages_in_use(void);

/* Asking for the watermarks is what lets an allowance fade. */
struct sea_watermarks sea_pages_watermarks(void);

/* The same if so many bytes that are in use were not. */
struct sea_watermarks sea_pages_watermarks_without(size_t size);

/* --- for the page allocator --------------------------------------------------- */

/* So many touched pages have no memory any more: as if all of them had been written to. */
void sea_pages_note_gone(size_t nr_pages);

/* Runs have been handed out. */
void sea_pages_note_use(void);

/* Bytes in touched pages that are in no run. */
size_t sea_pages_free_dirty(void);

#endif
