/* SPDX-License-Identifier: MIT */
/* frames.c - the page allocator over physical memory
 *
 *    map     | image | early |########### available ###########| hole |### available ###|
 *    pools                   |           a buddy pool           |      |  another one    |
 *
 *    free    |  promised  |        may be promised       | min: page tables |
 *                                                 low ^
 *
 * The buddy system is seamalloc's (page/buddy.c): one pool for each range of the map.  Memory is
 * promised first, and taken when it is touched.  So a page fault always finds a page.
 *
 * FR1  promised + min <= free at each promise: pages below min are for page tables.
 * FR2  free is the sum over the pools.
 */
#include "page/buddy.h"
#include "kernel.h"

/* One page in 128, for page tables: one table describes 512 pages. */
#define MIN_SHARE 128
#define MIN_LEAST 32
#define NR_POOLS 32

static struct pool {
	uintptr_t base;
	struct sea_pool buddies;
} pools[NR_POOLS];
static size_t nr_pools;

struct frames_count frames;
size_t frames_nr_requests, frames_fail_at;

bool frames_must_fail(void) { return ++frames_nr_requests == frames_fail_at; }

/* Makes a pool of a range, with its records at `records`.  Returns their end. */
static char *add_pool(const struct range *range, char *records)
{
	size_t nr = (range->end - range->base) / PAGE_SIZE;
	CHECK(nr_pools < NR_POOLS);
	pools[nr_pools].base = range->base;
	sea_buddy_init(&pools[nr_pools++].buddies, nr, records);
	frames.total += nr;
	return records + sea_buddy_meta_size(nr);
}

/* The records are allocated before the ranges of the pools are known, because they are in one of
 * them: rounding costs each pool less than the records of 64 pages. */
void frames_begin(void *(*alloc)(size_t size))
{
	size_t bytes = sea_buddy_meta_size(map_pages(AVAILABLE)) + NR_POOLS * sea_buddy_meta_size(64);
	char *records = alloc(bytes), *end = records + bytes;
	if (!records)
		fail(HALT_OUT_OF_MEMORY, "no memory for the page allocator's records");
	memset(records, 0, bytes);
	early_end();
	for (size_t i = 0; i < map_nr; i++)
		if (map[i].kind == AVAILABLE)
			records = add_pool(&map[i], records);
	CHECK(records <= end);
	frames.free = frames.total;
	frames.min = sea_max(frames.total / MIN_SHARE, MIN_LEAST);
}

bool frames_promise(size_t n)
{
	if (frames_must_fail() || n > frames.free || frames.free - n < frames.promised + frames.min)
		return false;
	frames.promised += n;
	return true;
}

void frames_unpromise(size_t n)
{
	CHECK(n <= frames.promised);
	frames.promised -= n;
}

/* Lowest pool first. */
static void *take(void)
{
	for (size_t i = 0; i < nr_pools; i++) {
		pfn_t pfn = sea_buddy_alloc(&pools[i].buddies, 1);
		if (pfn != SEA_NO_PFN)
			return (void *)(pools[i].base + pfn * PAGE_SIZE);
	}
	return NULL;
}

void *frames_take(bool is_promised)
{
	void *page = frames_must_fail() ? NULL : take();
	if (!page)
		return NULL;
	frames.free--;
	if (is_promised)
		frames_unpromise(1);
	return memset(page, 0, PAGE_SIZE);
}

void frames_give(void *page)
{
	size_t i = 0;
	while (i < nr_pools && ((uintptr_t)page - pools[i].base) / PAGE_SIZE >= pools[i].buddies.nr_pages)
		i++;
	CHECK(i < nr_pools && (uintptr_t)page % PAGE_SIZE == 0);
	pfn_t pfn = (pfn_t)(((uintptr_t)page - pools[i].base) / PAGE_SIZE);
	unsigned order;
	/* it is not free already */
	CHECK(sea_buddy_around(&pools[i].buddies, pfn, &order) == SEA_NO_PFN);
	sea_buddy_free(&pools[i].buddies, pfn, 1);
	frames.free++;
}

bool frames_are_sound(void)
{
	size_t free = 0;
	bool sound = frames.promised <= frames.free;
	for (size_t i = 0; i < nr_pools; i++) {
		sound &= sea_buddy_is_sound(&pools[i].buddies);
		free += pools[i].buddies.nr_free;
	}
	return sound && free == frames.free;
}
