/* SPDX-License-Identifier: MIT */
/* page.h - the page allocator's record of each page
 *
 * An arena has one struct page for each page, indexed by pfn.  Only the first page of a buddy or
 * run has information.  The others read SEA_PAGE_INSIDE.
 */
#ifndef SEA_PAGE_H
#define SEA_PAGE_H

#include "base/compiler.h"

/* Index of a page in its arena. */
typedef uint32_t pfn_t;
#define SEA_NO_PFN ((pfn_t)~0u)

/* 2^18 pages of 4 KiB: the largest arena, 1 GiB. */
#define SEA_MAX_ORDER 18

enum sea_page_state {
	SEA_PAGE_INSIDE, /* not the first page of anything */
	/* first page of a free buddy of 2^order pages, in the pool's set of that order */
	SEA_PAGE_FREE,
	SEA_PAGE_RUN,	 /* first page of a run of nr_pages */
	SEA_PAGE_PARKED,	 /* the same, parked by its owner: not a block of the program */
};

struct page {
	uint32_t nr_pages; /* SEA_PAGE_RUN, SEA_PAGE_PARKED: length of the run */
	/* enum sea_page_state; atomic: other threads read it while it changes */
	uint8_t state;
	union {
		uint8_t order;	    /* SEA_PAGE_FREE */
		uint8_t is_advised; /* SEA_PAGE_RUN: sea_pages_note_advice(); atomic */
	};
} SEA_PACKED_BY_TWO;
_Static_assert(sizeof(struct page) == 6, "6 bytes a page: 0.15 % of the arena");

#endif
