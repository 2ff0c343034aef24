/* SPDX-License-Identifier: MIT */
/* buddy.h - orders, split and merge over one arena's pages */
#ifndef SEA_BUDDY_H
#define SEA_BUDDY_H

#include "base/bittree.h"
#include "page/arena.h"
#include "page/page.h"

/* The page allocator's state over one arena.  The page lock protects it. */
struct sea_pool {
	struct page *pages;
	size_t nr_pages;
	size_t nr_free; /* pages in free buddies */
	struct sea_bittree free[SEA_MAX_ORDER + 1]; /* by order: pfn >> order of each free buddy */
};

/* Where a free buddy lies. */
struct sea_buddy {
	struct sea_arena *arena;
	pfn_t pfn;
	unsigned order;
};

/* Bytes of metadata for a pool over nr_pages. */
size_t sea_buddy_meta_size(size_t nr_pages);

/* Makes a pool with all pages free.  `meta` is zeroed. */
void sea_buddy_init(struct sea_pool *pool, size_t nr_pages, void *meta);

/* Takes nr_pages consecutive pages: the start of the lowest buddy that is large enough, so they
 * are aligned to the next power of two.  The rest of the buddy stays free.  SEA_NO_PFN if there is
 * none. */
pfn_t sea_buddy_alloc(struct sea_pool *pool, size_t nr_pages);

/* The same, but not aligned: the start of the lowest row of free buddies that is long enough.
 * Looks at few rows only, those with a large buddy. */
pfn_t sea_buddy_alloc_unaligned(struct sea_pool *pool, size_t nr_pages);

/* Frees pages [pfn, pfn + nr_pages) and merges upward.  Cannot fail. */
void sea_buddy_free(struct sea_pool *pool, pfn_t pfn, size_t nr_pages);

/* Takes exactly [pfn, pfn + nr_pages).  False: not all of it is free. */
bool sea_buddy_take(struct sea_pool *pool, pfn_t pfn, size_t nr_pages);

/* The first page of the free buddy that covers `pfn`, and its *order; SEA_NO_PFN if there is
 * none. */
pfn_t sea_buddy_around(const struct sea_pool *pool, pfn_t pfn, unsigned *order);

/* Claim: P1 to P4 of buddy.c hold.  Walks all pages. */
bool sea_buddy_is_sound(const struct sea_pool *pool);

#endif
