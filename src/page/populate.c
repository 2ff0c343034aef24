/* SPDX-License-Identifier: MIT */
/* populate.c - how many pages at once
 *
 * A page that is populated and never written to is memory for nothing.  So the caller populates a
 * small part of what a class has drawn, and pages that no chunk lies in yet are a small part of
 * what the process has written to (budget.h).
 */
#include "page/populate.h"

#include <string.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/check.h"
#include "base/os.h"
#include "base/page_size.h"
#include "map/map.h"
#include "page/arena.h"
#include "page/arenas.h"
#include "page/budget.h"
#include "page/counts.h"

/* Bytes of one call: a page costs 1.0 us by 64 KiB, 1.0 by 64 MiB, 1.9 by 8 KiB. */
#define MOST_BYTES (64 * SEA_KIB)
/* Whatever the class, so much of what the process has written to may be populated at once. */
#define WRITTEN_SHARE 2048

static size_t written(void) { return sea_load_relaxed(&sea_counted.nr_written) << sea_page_shift(); }

/* End of the pages from *from on that may be populated ahead, `to` at most: nobody has touched
 * them, and they are in the same slot.  A page at *from that was touched is left out: the
 * descriptor of the hole behind the chunks lies in it. */
static size_t end_ahead(const struct sea_arena *arena, size_t *from, size_t to)
{
	to = sea_min(to, sea_round_up(*from, SEA_SLOT_SIZE >> sea_page_shift()));
	if (*from < to && sea_arena_count_touched(arena, *from, *from + 1))
		++*from;
	size_t room = sea_budget_ahead_room(sea_arena_hollow(), written()) >> sea_page_shift();
	return *from < to ? sea_bits_find(arena->touched, *from, sea_min(to, *from + room), true) : *from;
}

void sea_pages_populate(const char *from, const char *to, size_t most)
{
	SEA_ASSERT(from < to);
	size_t nr = sea_min(sea_max(most, written() / WRITTEN_SHARE), MOST_BYTES) >> sea_page_shift();
	struct sea_arena *arena = sea_pagemap_arena(from);
	SEA_ASSERT(arena && arena->pool);
	size_t first = sea_arena_pfn(arena, from), end = sea_arena_pfn(arena, to - 1) + 1;
	size_t last = first + nr < end ? first + nr : end_ahead(arena, &end, first + nr);
	if (nr < 2 || last < first + 2)
		return;
	sea_os_populate(arena->base + (first << sea_page_shift()), (last - first) << sea_page_shift());
	/* After the call: another thread may purge these pages meanwhile, and a bit too many is
	 * harmless, a bit too few is not (A4). */
	if (last > end)
		sea_arena_set_hollow(arena, end, last);
}

/* Claim: at least two of the pages at `at` have no memory. */
static bool is_worth_a_call(const struct sea_arena *arena, const char *at, size_t nr_pages)
{
	if (!arena->touched)
		return nr_pages > 1;
	size_t pfn = sea_arena_pfn(arena, at);
	return sea_arena_count_held(arena, pfn, pfn + nr_pages) + 1 < nr_pages;
}

/* A piece is copied while the kernel's zeros are in the processor's cache. */
void sea_pages_fill(char *to, const char *from, size_t bytes)
{
	const struct sea_arena *arena = sea_pagemap_arena(to);
	for (size_t done = 0, piece; done < bytes; done += piece) {
		piece = sea_min(bytes - done, MOST_BYTES);
		size_t whole = sea_round_up(piece, sea_page_size());
		if (is_worth_a_call(arena, to + done, whole >> sea_page_shift()))
			sea_os_populate(to + done, whole);
		memcpy(to + done, from + done, piece);
	}
}
