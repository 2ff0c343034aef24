/* SPDX-License-Identifier: MIT */
/* huge.c - when a range of small chunks gets a huge page
 *
 * The kernel fills a huge page in 0.2 ms; 512 small pages take 0.8 ms, a few at a time.  But the
 * kernel may have to find the memory first, and the call of malloc waits for it:
 *
 *    by compaction        5 to 9 ms now and then.  If one takes SLOW_US, no other is made for
 *                         PAUSE_US.
 *    from a hypervisor    4.5 to 5 ms each, 17 at most, where a guest tells its host which huge
 *                         pages are free (page reporting).  Two seconds after a huge page was
 *                         freed, the host has it; small pages come from pieces that stayed.  So
 *                         neither the last huge page nor small ones tell how long the next one
 *                         will take, and in a guest none is made.
 */
#include "page/huge.h"

#include "base/atomic.h"
#include "base/check.h"
#include "base/options.h"
#include "base/os.h"
#include "page/buddy.h"
#include "page/budget.h"
#include "page/counts.h"

/* A huge page that the kernel has at hand takes a fifth of that. */
#define SLOW_US 1000
#define PAUSE_US 60000000 /* a minute */

enum host { NOT_ASKED, NO_HOST, HOST };

static uint64_t from_us; /* no huge page is made before this time; atomic */
static uint32_t host;	 /* enum host; atomic */

/* Asked once: the question goes through the hypervisor. */
static bool is_guest(void)
{
	uint32_t known = sea_load_relaxed(&host);
	if (known == NOT_ASKED) {
		known = sea_os_is_guest() ? HOST : NO_HOST;
		sea_store_relaxed(&host, known);
	}
	return known == HOST;
}

/* A huge page pays if hollow pages, which may never be written to, are few compared with pages
 * that surely were. */
static bool pays(void)
{
	size_t written = sea_load_relaxed(&sea_counted.nr_written) << sea_page_shift();
	return sea_budget_may_hollow(sea_arena_hollow(), sea_huge_size(), written);
}

void sea_huge_consider(struct sea_arena *arena, size_t pfn)
{
	SEA_ASSERT(arena->pool && pfn < arena->pool->nr_pages);
	if (sea_options.thp != SEA_HUGE_AUTO || !pays() || is_guest())
		return;
	uint64_t began = sea_os_now_us();
	if (began < sea_load_relaxed(&from_us) || !sea_arena_make_huge(arena, pfn))
		return;
	/* Now the kernel fills the range. */
	*(volatile char *)(arena->base + (pfn << sea_page_shift())) = 0;
	uint64_t took = sea_os_now_us() - began;
	if (took >= SLOW_US)
		sea_store_relaxed(&from_us, began + PAUSE_US);
}
