/* SPDX-License-Identifier: MIT */
/* counts.c - sums of the counts */
#include "page/counts.h"

#include "base/check.h"
#include "base/page_size.h"
#include "page/arenas.h"
#include "page/purge.h"

struct sea_page_counts sea_counted;

static size_t bytes_of(const size_t *nr_pages) { return sea_load_relaxed(nr_pages) << sea_page_shift(); }

void sea_pages_note_gone(size_t nr_pages)
{
	size_t nr_written = sea_load_relaxed(&sea_counted.nr_written);
	while (nr_written && !sea_swap_if(&sea_counted.nr_written, nr_written, nr_written - sea_min(nr_written, nr_pages)))
		nr_written = sea_load_relaxed(&sea_counted.nr_written);
	sea_add_relaxed_mt(&sea_counted.purged, nr_pages << sea_page_shift());
}

void sea_pages_note_idle(intptr_t nr_pages)
{
	SEA_ASSERT(nr_pages >= 0 || sea_load_relaxed(&sea_counted.nr_idle) >= (size_t)-nr_pages);
	sea_add_relaxed_mt(&sea_counted.nr_idle, (size_t)nr_pages);
	if (nr_pages > 0)
		sea_purge_note_freed((size_t)nr_pages);
}

/* Bytes in runs that the program does not use. */
static size_t unused_in_runs(void) { return bytes_of(&sea_counted.nr_idle) + sea_load_relaxed(&sea_counted.parked); }

size_t sea_pages_free_dirty(void) { return bytes_of(&sea_counted.nr_dirty); }

size_t sea_pages_dirty(void) { return sea_pages_free_dirty() + unused_in_runs(); }

size_t sea_pages_in_use(void)
{
	size_t in_runs = bytes_of(&sea_counted.nr_used) + sea_load_relaxed(&sea_arenas.whole);
	return in_runs - sea_min(in_runs, unused_in_runs());
}
