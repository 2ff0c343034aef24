/* SPDX-License-Identifier: MIT */
/* counts.h - how many pages are used, free, idle
 *
 *    pages of pools    | in runs, used by the program | idle | parked | in no run |
 *                                                       `--- dirty if touched ----'
 *
 * G2  nr_dirty is the number of touched pages that are in no run.
 * G3  nr_used is the number of pages in runs of pools.
 *
 * Every count is atomic: they change without the page lock.
 */
#ifndef SEA_COUNTS_H
#define SEA_COUNTS_H

#include "base/atomic.h"
#include "base/check.h"

struct sea_page_counts {
	size_t nr_dirty, nr_used; /* pages */
	size_t nr_idle;		  /* touched pages inside runs that are idle */
	size_t parked;		  /* bytes of runs that threads have parked */
	size_t nr_written;	  /* lower bound for touched pages that surely were written to */
	size_t purged;		  /* bytes purged or released, ever */
};

extern SEA_HIDDEN struct sea_page_counts sea_counted;

/* So many more touched pages inside runs are idle (negative: fewer). */
void sea_pages_note_idle(intptr_t nr_pages);

/* So many more bytes are parked (negative: fewer). */
SEA_INLINE void sea_pages_note_parked(intptr_t bytes)
{
	SEA_ASSERT(bytes >= 0 || sea_load_relaxed(&sea_counted.parked) >= (size_t)-bytes);
	sea_add_relaxed_mt(&sea_counted.parked, (size_t)bytes);
}

/* So many touched pages lost their memory.  Counts all of them as written to before. */
void sea_pages_note_gone(size_t nr_pages);

/* Bytes in touched pages that are in no run. */
size_t sea_pages_free_dirty(void);

/* The same, plus idle pages in runs, plus parked runs. */
size_t sea_pages_dirty(void);

/* Bytes in runs that the program uses. */
size_t sea_pages_in_use(void);

#endif
