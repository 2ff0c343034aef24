/* SPDX-License-Identifier: MIT */
/* buddy.h - orders, split and merge over one arena's pages */
#ifndef SEA_BUDDY_H
#define SEA_BUDDY_H

#include "base/bittree.h"
#include "page/page.h"

/* The page allocator's state over one arena.  The page lock protects all of it. */
struct sea_pool {
	struct page *pages;
	size_t nr_pages;
	size_t nr_free; /* pages in free buddies */
	struct sea_bittree free[SEA_MAX_ORDER + 1]; /* by order: number pfn >> order of each free buddy */
};

/* Bytes of zeroed metadata that a pool over nr_pages needs. */
size_t sea_buddy_meta_size(size_t nr_pages);

/* Starts with all pages free. */
void sea_buddy_init(struct sea_pool *pool, size_t nr_pages, void *meta);

/* Takes nr_pages consecutive pages, the lowest that fit in one buddy; the
 * tail of the buddy stays free.  Aligned to the next power of two of
 * nr_pages.  SEA_NO_PFN if there are none. */
pfn_t sea_buddy_alloc(struct sea_pool *pool, size_t nr_pages);

/* The same, but not aligned: the lowest that fit in free buddies side by side.  Looks at
 * so many rows of buddies only, those that have a large one. */
#define SEA_BUDDY_SEARCH 4
pfn_t sea_buddy_alloc_unaligned(struct sea_pool *pool, size_t nr_pages);

/* Gives pages [pfn, pfn + nr_pages) back and merges upward.  Cannot fail. */
void sea_buddy_free(struct sea_pool *pool, pfn_t pfn, size_t nr_pages);

/* Takes exactly [pfn, pfn + nr_pages) if all of it is free. */
bool sea_buddy_take(struct sea_pool *pool, pfn_t pfn, size_t nr_pages);

/* The free buddy that covers `pfn`, or SEA_NO_PFN; *order is its order. */
pfn_t sea_buddy_around(const struct sea_pool *pool, pfn_t pfn, unsigned *order);

/* Claim: P1 to P4 of buddy.c.  Walks everything. */
bool sea_buddy_is_sound(const struct sea_pool *pool);

#endif
