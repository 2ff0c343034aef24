/* SPDX-License-Identifier: MIT */
/* pcp.c - a small stack for each order and processor
 *
 * C1  nr_pages is the sum over the stacks of 2^order, and at most HIGH_PAGES.
 * C2  The first page of a buddy in a list reads SEA_PAGE_CACHED.  When the buddy is taken out, it
 *     reads SEA_PAGE_RUN, so the child of a fork finds every page somewhere.
 */
#include "page/pcp.h"

#include "base/atomic.h"
#include "base/check.h"
#include "base/os.h"
#include "page/buddy.h"

/* Lists, a power of two.  If there are more processors, some share a list. */
#define NR_LISTS 16
/* Buddies of one order in a list, at most. */
#define DEPTH 8
/* Pages in a list, at most: 2 MiB of 4 KiB pages, two zones. */
#define HIGH_PAGES 512

struct page_list {
	struct sea_lock lock;
	size_t nr_pages;
	uint8_t nr[SEA_PCP_MAX_ORDER + 1];
	struct sea_buddy stack[SEA_PCP_MAX_ORDER + 1][DEPTH];
} SEA_LINE_ALIGNED;

static struct page_list lists[NR_LISTS]; /* zeros: unused lists cost no memory */
const struct sea_locks sea_locks_pcp = {.first = &lists[0].lock, .stride = sizeof(lists[0]), .nr = NR_LISTS};

static void lock_list(struct page_list *list)
{
	sea_store_relaxed(&list->lock.rank, SEA_RANK_PCP);
	sea_lock_take(&list->lock);
}

static struct page_list *list_of_cpu(void) { return &lists[sea_os_current_cpu() % NR_LISTS]; }

static struct sea_buddy pop(struct page_list *list, unsigned order)
{
	SEA_ASSERT(sea_lock_is_held(&list->lock));
	SEA_ASSERT(list->nr[order] > 0 && list->nr_pages >= 1ull << order); /* C1 */
	struct sea_buddy buddy = list->stack[order][--list->nr[order]];
	struct page *page = &buddy.arena->pool->pages[buddy.pfn];
	list->nr_pages -= 1ull << order;
	SEA_CHECK(sea_load_relaxed(&page->state) == SEA_PAGE_CACHED);
	page->nr_pages = 1u << order;
	sea_store_release(&page->state, SEA_PAGE_RUN);
	return buddy;
}

bool sea_pcp_take(unsigned order, struct sea_buddy *buddy)
{
	SEA_ASSERT(order <= SEA_PCP_MAX_ORDER);
	struct page_list *list = list_of_cpu();
	lock_list(list);
	bool found = list->nr[order] > 0;
	if (found)
		*buddy = pop(list, order);
	sea_lock_drop(&list->lock);
	return found;
}

bool sea_pcp_give(struct sea_buddy buddy)
{
	SEA_ASSERT(buddy.order <= SEA_PCP_MAX_ORDER && buddy.pfn % (1u << buddy.order) == 0);
	struct page_list *list = list_of_cpu();
	struct page *page = &buddy.arena->pool->pages[buddy.pfn];
	lock_list(list);
	bool fits = list->nr[buddy.order] < DEPTH && list->nr_pages + (1ull << buddy.order) <= HIGH_PAGES;
	if (fits) {
		page->order = (uint8_t)buddy.order;
		sea_store_relaxed(&page->state, SEA_PAGE_CACHED);
		list->stack[buddy.order][list->nr[buddy.order]++] = buddy;
		list->nr_pages += 1ull << buddy.order;
		SEA_ASSERT(list->nr_pages <= HIGH_PAGES); /* C1 */
	}
	sea_lock_drop(&list->lock);
	return fits;
}

static size_t drain_list(struct page_list *list, struct sea_buddy *buddies, size_t capacity)
{
	size_t nr = 0;
	lock_list(list);
	for (unsigned order = 0; order <= SEA_PCP_MAX_ORDER; order++)
		while (list->nr[order] && nr < capacity)
			buddies[nr++] = pop(list, order);
	sea_lock_drop(&list->lock);
	return nr;
}

size_t sea_pcp_drain(struct sea_buddy *buddies, size_t capacity)
{
	size_t nr = 0;
	for (unsigned i = 0; i < NR_LISTS && nr < capacity; i++)
		nr += drain_list(&lists[i], buddies + nr, capacity - nr);
	return nr;
}

static bool list_is_sound(const struct page_list *list)
{
	size_t nr_pages = 0;
	for (unsigned order = 0; order <= SEA_PCP_MAX_ORDER; order++) {
		if (list->nr[order] > DEPTH)
			return false;
		for (unsigned i = 0; i < list->nr[order]; i++) {
			struct sea_buddy buddy = list->stack[order][i];
			const struct page *page = &buddy.arena->pool->pages[buddy.pfn];
			if (sea_load_relaxed(&page->state) != SEA_PAGE_CACHED || page->order != order)
				return false;
			nr_pages += (size_t)1 << order;
		}
	}
	return list->nr_pages == nr_pages && nr_pages <= HIGH_PAGES;
}

bool sea_pcp_is_sound(void)
{
	bool sound = true;
	for (unsigned i = 0; i < NR_LISTS; i++) {
		lock_list(&lists[i]);
		sound &= list_is_sound(&lists[i]);
		sea_lock_drop(&lists[i].lock);
	}
	return sound;
}
