/* SPDX-License-Identifier: MIT */
/* budget.c - the rules of budget.h
 *
 * Linux's zones have watermarks for too little free memory.  These watermarks bound free
 * pages that still have memory.
 */
#include "page/budget.h"

#include "base/check.h"
#include "page/allowance.h"

struct sea_budget sea_budget;

/* Dirty bytes that every program may keep. */
static size_t base(size_t in_use) { return sea_max(sea_options.dirty_max, in_use / sea_options.dirty_ratio); }

/* Dirty bytes that stay only because of the allowance. */
static size_t beyond_base(size_t in_use)
{
	size_t dirty = sea_pages_dirty();
	return dirty - sea_min(dirty, base(in_use));
}

/* If dirty_max is 0, the user wants no dirty pages to stay. */
static size_t allowance(size_t in_use)
{
	return sea_options.dirty_max ? sea_allowance(in_use) : 0;
}

static struct sea_watermarks watermarks_for(size_t in_use)
{
	size_t high = base(in_use), more = allowance(in_use);
	return (struct sea_watermarks){.low = high / 2 + more, .high = high + more, .in_use = in_use};
}

void sea_budget_note_use(void)
{
	size_t in_use = sea_pages_in_use();
	sea_allowance_note_use(in_use, beyond_base(in_use));
}

struct sea_watermarks sea_budget_watermarks(void)
{
	size_t in_use = sea_pages_in_use();
	sea_allowance_age(in_use, beyond_base(in_use));
	if (unlikely(sea_options.idle)) /* else nobody asks: no store to a shared line */
		sea_count_roughly(&sea_budget.nr_looks, 1);
	struct sea_watermarks marks = watermarks_for(in_use);
	SEA_ASSERT(marks.low <= marks.high);
	return marks;
}

bool sea_budget_may_park(size_t bytes)
{
	size_t in_use = sea_pages_in_use();
	return sea_pages_dirty() + bytes <= watermarks_for(in_use - sea_min(in_use, bytes)).high;
}

size_t sea_budget_cache_room(void)
{
	size_t least = sea_budget_of_thread(SIZE_MAX) * SEA_BUDGET_THREAD_GROWTH;
	size_t most = sea_max(sea_pages_in_use() / SEA_BUDGET_CACHES_SHARE, least);
	return most - sea_min(most, sea_load_relaxed(&sea_budget.cached));
}

void sea_budget_measure(void) { sea_allowance_measure(); }

void sea_budget_end_of_work(void) { sea_allowance_reset(); }
