/* SPDX-License-Identifier: MIT */
/* watermarks.c - what is in use, what is dirty, and how much of that may stay
 *
 * After Linux's zone watermarks, turned around: they bound free pages that still cost memory.
 */
#include "page/watermarks.h"

#include "base/bits.h"
#include "base/options.h"
#include "base/os.h"
#include "base/page_size.h"
#include "page/arenas.h"
#include "page/purge.h"
#include "page/refault.h"

struct sea_page_counts sea_counted;

/* So many touched pages have no memory any more: as if all of them had been written to. */
void sea_pages_note_gone(size_t nr_pages)
{
	size_t nr_written = sea_load_relaxed(&sea_counted.nr_written);
	while (nr_written && !sea_swap_if(&sea_counted.nr_written, nr_written, nr_written - sea_min(nr_written, nr_pages)))
		nr_written = sea_load_relaxed(&sea_counted.nr_written);
	sea_add_relaxed(&sea_counted.purged, nr_pages << sea_page_shift());
}

size_t sea_pages_in_use(void)
{
	size_t in_runs = (sea_load_relaxed(&sea_counted.nr_used) << sea_page_shift()) + sea_load_relaxed(&sea_arenas.whole);
	size_t idle = sea_load_relaxed(&sea_counted.nr_idle) << sea_page_shift();
	return in_runs - sea_min(in_runs, idle);
}

size_t sea_pages_free_dirty(void) { return sea_load_relaxed(&sea_counted.nr_dirty) << sea_page_shift(); }

size_t sea_pages_dirty(void)
{
	return sea_pages_free_dirty() + (sea_load_relaxed(&sea_counted.nr_idle) << sea_page_shift());
}

/* Free dirty bytes that may stay in any case. */
static size_t budget(size_t in_use) { return sea_max(sea_options.dirty_max, in_use / sea_options.dirty_ratio); }

/* Those that stay beyond it. */
static size_t beyond_budget(size_t in_use)
{
	size_t dirty = sea_pages_dirty();
	return dirty - sea_min(dirty, budget(in_use));
}

void sea_pages_note_use(void)
{
	size_t in_use = sea_pages_in_use();
	sea_refault_note_use(in_use, beyond_budget(in_use));
}

static struct sea_watermarks watermarks_for(size_t in_use)
{
	size_t high = budget(in_use);
	size_t earned = sea_options.dirty_max ? sea_refault_allowance(in_use, sea_pages_free_dirty()) : 0;
	return (struct sea_watermarks){.low = high / 2 + earned, .high = high + earned, .in_use = in_use};
}

struct sea_watermarks sea_pages_watermarks(void)
{
	size_t in_use = sea_pages_in_use();
	sea_refault_age(in_use, beyond_budget(in_use));
	return watermarks_for(in_use);
}

struct sea_watermarks sea_pages_watermarks_without(size_t size)
{
	size_t in_use = sea_pages_in_use();
	return watermarks_for(in_use - sea_min(in_use, size));
}

void sea_pages_note_idle(intptr_t nr_pages)
{
	sea_add_relaxed(&sea_counted.nr_idle, (size_t)nr_pages);
	if (nr_pages > 0)
		sea_purge_note_freed((size_t)nr_pages);
}
