/* SPDX-License-Identifier: MIT */
/* buddy.c - the binary buddy system
 *
 *    order 2   [           0           ]
 *    order 1   [     0     ][     2    ]     partner_of(0, 1) = 2
 *    order 0   [  0  ][  1 ][  2 ][  3 ]     partner_of(2, 0) = 3
 *
 * P1  A buddy of order o starts at a multiple of 2^o and is inside the arena.
 * P2  pfn >> o is in free[o]  <=>  page[pfn] reads SEA_PAGE_FREE with order o.
 * P3  No two free buddies overlap, and no two partners are both free.
 * P4  nr_free is the sum of the free buddies' pages.
 *
 * The caller holds the page lock.  After Knowlton (1965) and Knuth, TAOCP vol. 1, 2.5.  The lists
 * by order are sets here, so that the lowest buddy is taken.
 */
#include "page/buddy.h"

#include "base/atomic.h"
#include "base/check.h"
#include "base/step.h"

static pfn_t partner_of(pfn_t pfn, unsigned order) { return pfn ^ (1u << order); }

static pfn_t parent_of(pfn_t pfn, unsigned order) { return pfn & ~(1u << order); }

static bool is_free_buddy(const struct sea_pool *pool, pfn_t pfn, unsigned order)
{
	return pfn + (1ull << order) <= pool->nr_pages &&
	       sea_load_relaxed(&pool->pages[pfn].state) == SEA_PAGE_FREE && pool->pages[pfn].order == order;
}

static void link_buddy(struct sea_pool *pool, pfn_t pfn, unsigned order)
{
	SEA_ASSERT(!sea_bittree_has(&pool->free[order], pfn >> order)); /* P2: not free yet */
	SEA_ASSERT(order <= SEA_MAX_ORDER);
	SEA_ASSERT(pfn % (1u << order) == 0);
	SEA_ASSERT(pfn + (1ull << order) <= pool->nr_pages);
	pool->pages[pfn].order = (uint8_t)order;
	sea_store_relaxed(&pool->pages[pfn].state, SEA_PAGE_FREE);
	sea_bittree_add(&pool->free[order], pfn >> order);
	pool->nr_free += 1ull << order;
	SEA_ASSERT(pool->nr_free <= pool->nr_pages); /* P4 */
}

static void unlink_buddy(struct sea_pool *pool, pfn_t pfn, unsigned order)
{
	SEA_ASSERT(is_free_buddy(pool, pfn, order));
	SEA_ASSERT(sea_bittree_has(&pool->free[order], pfn >> order)); /* P2 */
	SEA_ASSERT(pool->nr_free >= 1ull << order);
	sea_store_relaxed(&pool->pages[pfn].state, SEA_PAGE_INSIDE);
	sea_bittree_remove(&pool->free[order], pfn >> order);
	pool->nr_free -= 1ull << order;
}

/* Frees one buddy and merges it upward. */
static void free_buddy(struct sea_pool *pool, pfn_t pfn, unsigned order)
{
	while (order < SEA_MAX_ORDER && is_free_buddy(pool, partner_of(pfn, order), order)) {
		unlink_buddy(pool, partner_of(pfn, order), order);
		pfn = parent_of(pfn, order);
		order++;
	}
	link_buddy(pool, pfn, order);
}

/* Order of the largest buddy that may start at pfn and has at most nr_pages. */
static unsigned order_at(pfn_t pfn, size_t nr_pages)
{
	unsigned by_size = sea_highest_bit(nr_pages);
	unsigned by_place = pfn ? sea_lowest_bit(pfn) : SEA_MAX_ORDER;
	unsigned order = by_size < by_place ? by_size : by_place;
	SEA_ASSERT(pfn % (1ull << order) == 0 && 1ull << order <= nr_pages);
	return order < SEA_MAX_ORDER ? order : SEA_MAX_ORDER;
}

void sea_buddy_free(struct sea_pool *pool, pfn_t pfn, size_t nr_pages)
{
	SEA_ASSERT(pfn + nr_pages <= pool->nr_pages);
	while (nr_pages) {
		unsigned order = order_at(pfn, nr_pages);
		free_buddy(pool, pfn, order);
		pfn += 1u << order;
		nr_pages -= 1ull << order;
	}
}

/* The sets follow the pages; this length keeps them aligned. */
static size_t page_bytes(size_t nr_pages) { return sea_round_up(nr_pages * sizeof(struct page), sizeof(uint64_t)); }

size_t sea_buddy_meta_size(size_t nr_pages)
{
	size_t words = 0;
	for (unsigned order = 0; order <= SEA_MAX_ORDER; order++)
		words += sea_bittree_words((nr_pages >> order) + 1);
	return words * sizeof(uint64_t) + page_bytes(nr_pages);
}

void sea_buddy_init(struct sea_pool *pool, size_t nr_pages, void *meta)
{
	SEA_ASSERT(nr_pages > 0 && (uintptr_t)meta % sizeof(uint64_t) == 0);
	pool->nr_pages = nr_pages;
	pool->nr_free = 0;
	pool->pages = meta;
	uint64_t *words = (uint64_t *)((char *)meta + page_bytes(nr_pages));
	for (unsigned order = 0; order <= SEA_MAX_ORDER; order++)
		words = sea_bittree_init(&pool->free[order], (nr_pages >> order) + 1, words);
	sea_buddy_free(pool, 0, nr_pages);
}

/* First page of the lowest free buddy of one order at or above pfn, or SEA_NO_PFN. */
static pfn_t next_of_order(const struct sea_pool *pool, pfn_t pfn, unsigned order)
{
	const struct sea_bittree *set = &pool->free[order];
	size_t nr = pool->nr_pages >> order, from = (pfn + (1ull << order) - 1) >> order;
	if (sea_bittree_is_empty(set) || from >= nr)
		return SEA_NO_PFN;
	size_t found = from ? sea_bits_find(set->level[0], from, nr, true) : sea_bittree_lowest(set);
	SEA_ASSERT(found >= nr || is_free_buddy(pool, (pfn_t)(found << order), order)); /* P2 */
	return found < nr ? (pfn_t)(found << order) : SEA_NO_PFN;
}

/* The same among the orders from `least` up. */
static pfn_t next_buddy(const struct sea_pool *pool, pfn_t pfn, unsigned least)
{
	pfn_t lowest = SEA_NO_PFN;
	for (unsigned order = least; order <= SEA_MAX_ORDER; order++)
		lowest = sea_min(lowest, next_of_order(pool, pfn, order));
	return lowest;
}

/* First fit by address: low pages have most likely been used, and the arena stays dense. */
pfn_t sea_buddy_alloc(struct sea_pool *pool, size_t nr_pages)
{
	SEA_ASSERT(nr_pages > 0);
	pfn_t pfn = next_buddy(pool, 0, sea_log2_ceil(nr_pages));
	if (pfn == SEA_NO_PFN)
		return SEA_NO_PFN;
	unsigned order = pool->pages[pfn].order;
	unlink_buddy(pool, pfn, order);
	sea_buddy_free(pool, pfn + (pfn_t)nr_pages, (1ull << order) - nr_pages);
	return pfn;
}

pfn_t sea_buddy_around(const struct sea_pool *pool, pfn_t pfn, unsigned *order)
{
	SEA_ASSERT(pfn < pool->nr_pages);
	for (*order = 0; *order <= SEA_MAX_ORDER; ++*order) {
		pfn_t head = pfn & ~((1u << *order) - 1);
		if (is_free_buddy(pool, head, *order))
			return head;
	}
	return SEA_NO_PFN;
}

static bool is_free_range(const struct sea_pool *pool, pfn_t pfn, size_t nr_pages)
{
	pfn_t end = pfn + (pfn_t)nr_pages;
	if (end > pool->nr_pages)
		return false;
	while (pfn < end) {
		unsigned order;
		pfn_t head = sea_buddy_around(pool, pfn, &order);
		if (head == SEA_NO_PFN)
			return false;
		pfn = head + (1u << order);
	}
	return true;
}

bool sea_buddy_take(struct sea_pool *pool, pfn_t pfn, size_t nr_pages)
{
	SEA_ASSERT(nr_pages > 0);
	if (!is_free_range(pool, pfn, nr_pages))
		return false;
	pfn_t end = pfn + (pfn_t)nr_pages;
	for (pfn_t at = pfn; at < end;) {
		unsigned order;
		pfn_t head = sea_buddy_around(pool, at, &order);
		pfn_t buddy_end = head + (1u << order);
		unlink_buddy(pool, head, order);
		if (head < at)
			sea_buddy_free(pool, head, at - head);
		if (buddy_end > end)
			sea_buddy_free(pool, end, buddy_end - end);
		at = buddy_end;
	}
	SEA_ASSERT(pool->nr_free <= pool->nr_pages - nr_pages); /* P4 */
	return true;
}

/* Start and end of the row of free buddies around the one at pfn. */
static pfn_t row_start(const struct sea_pool *pool, pfn_t pfn)
{
	unsigned order;
	for (pfn_t head; pfn && (head = sea_buddy_around(pool, pfn - 1, &order)) != SEA_NO_PFN;)
		pfn = head;
	return pfn;
}

static pfn_t row_end(const struct sea_pool *pool, pfn_t pfn, size_t enough)
{
	pfn_t end = pfn;
	while (end < pool->nr_pages && end - pfn < enough && sea_load_relaxed(&pool->pages[end].state) == SEA_PAGE_FREE)
		end += 1u << pool->pages[end].order;
	return end;
}

/* n pages side by side contain a buddy of half the largest power of two in n + 1. */
pfn_t sea_buddy_alloc_unaligned(struct sea_pool *pool, size_t nr_pages)
{
	SEA_ASSERT(nr_pages > 0);
	unsigned largest = sea_highest_bit(nr_pages + 1);
	pfn_t pfn = 0;
	for (int i = 0; i < SEA_SEARCH_DEPTH && (pfn = next_buddy(pool, pfn, largest - 1)) != SEA_NO_PFN; i++) {
		pfn_t start = row_start(pool, pfn), end = row_end(pool, start, nr_pages);
		if (end - start >= nr_pages)
			return sea_buddy_take(pool, start, nr_pages) ? start : SEA_NO_PFN;
		pfn = end;
	}
	return sea_buddy_alloc(pool, nr_pages);
}

/* P1 to P3 for the buddy at pfn, which must be at or above `covered`. */
static bool buddy_is_sound(const struct sea_pool *pool, pfn_t pfn, pfn_t covered)
{
	unsigned order = pool->pages[pfn].order;
	bool placed = order <= SEA_MAX_ORDER && pfn % (1u << order) == 0 && is_free_buddy(pool, pfn, order);
	bool merged = order == SEA_MAX_ORDER || !is_free_buddy(pool, partner_of(pfn, order), order);
	return placed && merged && pfn >= covered && sea_bittree_has(&pool->free[order], pfn >> order);
}

bool sea_buddy_is_sound(const struct sea_pool *pool)
{
	size_t counted = 0, nr_members = 0;
	pfn_t covered = 0;
	for (pfn_t pfn = 0; pfn < pool->nr_pages; pfn++) {
		if (pool->pages[pfn].state != SEA_PAGE_FREE)
			continue;
		if (!buddy_is_sound(pool, pfn, covered))
			return false;
		covered = pfn + (1u << pool->pages[pfn].order);
		counted += 1ull << pool->pages[pfn].order;
	}
	for (unsigned order = 0; order <= SEA_MAX_ORDER; order++) {
		nr_members += sea_bits_count(pool->free[order].level[0], 0, (pool->nr_pages >> order) + 1) << order;
		if (!sea_bittree_is_sound(&pool->free[order], (pool->nr_pages >> order) + 1))
			return false;
	}
	return counted == pool->nr_free && nr_members == counted;
}
