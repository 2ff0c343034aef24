/* SPDX-License-Identifier: MIT */
/* arena.c - reserve, commit, purge, release
 *
 * A1  base and size are multiples of a slot.  No two arenas share a slot.  The page map leads from
 *     each slot to the arena; for a whole arena, from its first slot.
 * A2  [base, base + committed) is readable and writable.
 * A3  A page whose bit in `touched` is clear reads as zero.
 * A4  A page whose bits in `touched` and `hollow` are clear has no memory.
 */
#include "page/arena.h"

#include <string.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/check.h"
#include "base/options.h"
#include "base/os.h"
#include "base/page_size.h"
#include "base/step.h"
#include "map/map.h"

/* The kernel splits a mapping at each border between huge ranges and others, and a process may
 * have 65,530 mappings.  If an arena (1 GiB, if there are many) has so many borders, no more of
 * its ranges are made huge. */
#define MOST_BORDERS 32

/* Hollow pages of all arenas, not exact; atomic. */
static size_t nr_hollow;

/* The meaning of option `thp` for a new arena.  With auto, a regular arena makes its ranges huge
 * one by one, and a whole arena leaves it to the system. */
static enum sea_huge first_advice(bool whole)
{
	enum sea_huge option = (enum sea_huge)sea_options.thp;
	return option == SEA_HUGE_AUTO && !whole ? SEA_HUGE_NEVER : option;
}

/* Enters it in the maps.  The region map finds the addresses inside a whole arena, so only its
 * first slot is in the page map. */
static bool enter(struct sea_arena *arena, char *base, size_t size, size_t block)
{
	SEA_ASSERT(((uintptr_t)base | size) % SEA_SLOT_SIZE == 0); /* A1 */
	size_t shown = block ? SEA_SLOT_SIZE : size;
	if (!sea_pagemap_cover(base, shown) ||
	    !sea_region_add(base, size, block ? SEA_REGION_WHOLE : SEA_REGION_AVAILABLE))
		return false;
	arena->base = base;
	arena->size = size;
	arena->block_size = block;
	sea_store_relaxed(&arena->is_advised, 0);
	sea_store_relaxed(&arena->committed, block);
	sea_pagemap_set_arena(base, shown, arena);
	return true;
}

/* The system is asked before anything else is made. */
bool sea_arena_reserve(struct sea_arena *arena, size_t size, size_t align, size_t block)
{
	SEA_ASSERT(size > 0 && sea_is_power_of_two(align));
	size = sea_round_up(size, SEA_SLOT_SIZE);
	SEA_ASSERT(block <= size && block % sea_page_size() == 0);
	enum sea_huge advice = first_advice(block > 0);
	char *base = (advice == SEA_HUGE_NEVER ? sea_span_reserve_plain : sea_span_reserve)(size, sea_max(align, SEA_SLOT_SIZE));
	if (!base)
		return false;
	if (advice == SEA_HUGE_ALWAYS)
		sea_os_advise_huge(base, size, advice);
	if ((!block || sea_os_commit(base, block)) && enter(arena, base, size, block))
		return true;
	sea_span_release(base, size);
	return false;
}

/* A regular arena commits 1/8 of what it has at a time, at least a zone.  So a GiB takes some 45
 * times: one system call each, or four where is_plenty() asks. */
static size_t commit_share(const struct sea_arena *arena, size_t committed)
{
	return arena->pool ? sea_round_up(sea_max(committed / 8, SEA_SLOT_SIZE), sea_page_size()) : 0;
}

/* Commits [from, to) and publishes `to`.  Two threads may do this at once: the one that publishes
 * the larger value has committed everything below it. */
static bool commit_range(struct sea_arena *arena, size_t from, size_t to)
{
	SEA_ASSERT(from < to && to <= arena->size);
	if (!sea_os_commit(arena->base + from, to - from))
		return false;
	size_t seen = sea_load_acquire(&arena->committed);
	while (seen < to && !sea_swap_if(&arena->committed, seen, to))
		seen = sea_load_acquire(&arena->committed);
	return true;
}

/* Commits pages that could not be committed after a renewal. */
static bool close_gaps(struct sea_arena *arena, size_t committed)
{
	sea_store_relaxed(&arena->has_gaps, 0);
	bool done = sea_os_commit(arena->base, committed);
	if (!done)
		sea_store_relaxed(&arena->has_gaps, 1);
	return done;
}

/* Claim: the system promises so many bytes, and a MiB for metadata.  One that took all that a
 * limit left could not be used, since no zone could be made in it: of 64 MiB of data 79 % was used
 * in one run of ten, 90 in the others. */
static bool is_plenty(size_t bytes)
{
	size_t wanted = bytes + SEA_MIB;
	void *there = sea_os_reserve(wanted);
	if (!there)
		return false;
	bool plenty = sea_os_commit(there, wanted);
	return sea_os_release(there, wanted) && plenty;
}

bool sea_arena_commit(struct sea_arena *arena, size_t end)
{
	SEA_ASSERT(end <= arena->size);
	size_t from = sea_load_acquire(&arena->committed);
	if (unlikely(sea_load_relaxed(&arena->has_gaps)) && !close_gaps(arena, from))
		return false;
	if (likely(end <= from))
		return true;
	end = sea_round_up(end, sea_page_size());
	size_t generous = sea_min(sea_max(end, from + commit_share(arena, from)), arena->size);
	if (generous - from > SEA_SLOT_SIZE && generous > end && !is_plenty(generous - from))
		generous = end;
	return commit_range(arena, from, generous) || (generous > end && commit_range(arena, from, end));
}

/* --- which pages hold memory ------------------------------------------------------ */

static uint64_t hollow_of(const struct sea_arena *arena, size_t word, uint64_t pages)
{
	return arena->hollow ? sea_load_relaxed(&arena->hollow[word]) & pages : 0;
}

/* The owner of these pages writes to them: they are not hollow any more. */
static void fill_hollow(struct sea_arena *arena, size_t word, uint64_t pages)
{
	uint64_t filled = hollow_of(arena, word, pages);
	if (!filled)
		return;
	uint64_t old = sea_fetch_and_relaxed(&arena->hollow[word], ~filled);
	sea_add_relaxed_mt(&nr_hollow, -(size_t)sea_count_bits(old & filled));
}

struct sea_fresh sea_arena_touch(struct sea_arena *arena, size_t from, size_t to, bool surely)
{
	SEA_ASSERT(from <= to && to <= arena->size >> sea_page_shift());
	struct sea_fresh result = {0};
	for (size_t w = from / 64; arena->touched && w * 64 < to; w++) {
		uint64_t mask = sea_mask_in_word(w, from, to);
		uint64_t fresh = mask & ~sea_load_relaxed(&arena->touched[w]);
		if (!fresh)
			continue;
		sea_or_release(&arena->touched[w], fresh);
		result.nr += sea_count_bits(fresh);
		result.nr_empty += sea_count_bits(fresh & ~hollow_of(arena, w, fresh));
		if (surely)
			fill_hollow(arena, w, fresh);
	}
	return result;
}

/* The other pages stay without memory. */
size_t sea_arena_clear(const struct sea_arena *arena, size_t from, size_t to)
{
	SEA_ASSERT(from <= to && to <= arena->size >> sea_page_shift());
	size_t count = 0;
	while ((from = sea_bits_find(arena->touched, from, to, true)) < to) {
		size_t end = sea_bits_find(arena->touched, from, to, false);
		memset(arena->base + (from << sea_page_shift()), 0, (end - from) << sea_page_shift());
		count += end - from;
		from = end;
	}
	return count;
}

size_t sea_arena_count_touched(const struct sea_arena *arena, size_t from, size_t to)
{
	SEA_ASSERT(from <= to && to <= arena->size >> sea_page_shift());
	size_t count = 0;
	for (size_t w = from / 64; w * 64 < to; w++)
		count += sea_count_bits(sea_load_relaxed(&arena->touched[w]) & sea_mask_in_word(w, from, to));
	return count;
}

size_t sea_arena_count_held(const struct sea_arena *arena, size_t from, size_t to)
{
	SEA_ASSERT(from <= to && to <= arena->size >> sea_page_shift());
	size_t count = 0;
	for (size_t w = from / 64; w * 64 < to; w++) {
		uint64_t held = sea_load_relaxed(&arena->touched[w]) | sea_load_relaxed(&arena->hollow[w]);
		count += sea_count_bits(held & sea_mask_in_word(w, from, to));
	}
	return count;
}

static void clear_bits(uint64_t *map, size_t from, size_t to)
{
	for (size_t w = from / 64; w * 64 < to; w++)
		sea_and_relaxed(&map[w], ~sea_mask_in_word(w, from, to));
}

/* --- huge pages ------------------------------------------------------------------- */

static unsigned huge_shift(void) { return 2 * sea_page_shift() - 3; }

static size_t huge_pages(void) { return sea_huge_size() >> sea_page_shift(); }

size_t sea_huge_size(void) { return (size_t)1 << huge_shift(); }

void sea_arena_set_hollow(size_t nr_pages) { sea_store_relaxed(&nr_hollow, nr_pages); }

size_t sea_arena_hollow(void) { return sea_load_relaxed(&nr_hollow) << sea_page_shift(); }

/* First page of the huge range of page `pfn`; may be before the arena. */
static intptr_t huge_start(const struct sea_arena *arena, size_t pfn)
{
	size_t first = (uintptr_t)arena->base >> sea_page_shift();
	return (intptr_t)(sea_round_down(first + pfn, huge_pages()) - first);
}

/* Index of the huge range of page `pfn` in the arena. */
static size_t huge_index(const struct sea_arena *arena, size_t pfn)
{
	return (((uintptr_t)arena->base >> sea_page_shift()) % huge_pages() + pfn) / huge_pages();
}

/* Marks pages as hollow, except those that another thread has touched meanwhile. */
static void set_hollow(struct sea_arena *arena, size_t from, size_t to)
{
	SEA_ASSERT(from < to && to <= arena->size >> sea_page_shift());
	sea_add_relaxed_mt(&nr_hollow, to - from);
	for (size_t w = from / 64; w * 64 < to; w++) {
		sea_or_release(&arena->hollow[w], sea_mask_in_word(w, from, to));
		fill_hollow(arena, w, sea_load_acquire(&arena->touched[w]));
	}
}

/* --- advice that the program gives ------------------------------------------------ */

/* Programs ask for huge pages in runs of a huge page or more, and only there can the system give
 * one. */
void sea_arena_lend(struct sea_arena *arena, size_t from, size_t to)
{
	SEA_ASSERT(arena->pool && from < to);
	if (to - from < huge_pages() || !arena->lent)
		return;
	for (size_t i = huge_index(arena, from), last = huge_index(arena, to - 1); i <= last; i++)
		if (!(sea_load_relaxed(&arena->lent[i / 64]) >> i % 64 & 1))
			sea_or_release(&arena->lent[i / 64], 1ull << i % 64);
}

/* Claim: [from, to) is at least half a huge page, and a range of it was lent.  Shorter pieces get
 * no huge page, and each may add a mapping. */
static bool wants_renewal(const struct sea_arena *arena, size_t from, size_t to)
{
	SEA_ASSERT(from < to);
	if (to - from < huge_pages() / 2 || !arena->lent)
		return false;
	for (size_t i = huge_index(arena, from), last = huge_index(arena, to - 1); i <= last; i++)
		if (sea_load_relaxed(&arena->lent[i / 64]) >> i % 64 & 1)
			return true;
	return false;
}

/* Clears the bits of the ranges inside [from, to). */
static void forget_lent(struct sea_arena *arena, size_t from, size_t to)
{
	SEA_ASSERT(from < to && arena->lent);
	for (size_t i = huge_index(arena, from), last = huge_index(arena, to - 1); i <= last; i++) {
		intptr_t start = huge_start(arena, 0) + (intptr_t)(i * huge_pages());
		if (start >= (intptr_t)from && start + (intptr_t)huge_pages() <= (intptr_t)to)
			sea_and_relaxed(&arena->lent[i / 64], ~(1ull << i % 64));
	}
}

/* --- which ranges are huge --------------------------------------------------------- */

static bool is_huge(const struct sea_arena *arena, size_t i)
{
	SEA_ASSERT(i <= arena->size / sea_huge_size() + 1);
	return sea_load_relaxed(&arena->huge[i / 64]) >> i % 64 & 1;
}

size_t sea_arena_borders(const struct sea_arena *arena)
{
	size_t nr = 0, nr_ranges = huge_index(arena, arena->size >> sea_page_shift()) + 1;
	for (size_t i = 0; i < nr_ranges; i++)
		nr += is_huge(arena, i) != (i > 0 && is_huge(arena, i - 1));
	return nr;
}

bool sea_arena_make_huge(struct sea_arena *arena, size_t pfn)
{
	intptr_t start = huge_start(arena, pfn);
	size_t from = (size_t)start, to = from + huge_pages(), i = huge_index(arena, pfn);
	if (start < 0 || to > arena->size >> sea_page_shift() || sea_arena_count_held(arena, from, to))
		return false;
	if (sea_arena_borders(arena) >= MOST_BORDERS)
		return false;
	if (!sea_arena_commit(arena, to << sea_page_shift()) || sea_test_and_set_bit(&arena->huge[i / 64], i % 64))
		return false;
	if (!sea_os_advise_huge(arena->base + (from << sea_page_shift()), sea_huge_size(), SEA_HUGE_ALWAYS)) {
		sea_and_relaxed(&arena->huge[i / 64], ~(1ull << i % 64));
		return false;
	}
	SEA_ASSERT(sea_load_acquire(&arena->committed) >= to << sea_page_shift()); /* A2 */
	set_hollow(arena, from, to);
	return true;
}

static bool has_huge(const struct sea_arena *arena, size_t from, size_t to)
{
	SEA_ASSERT(from < to);
	if (!arena->huge)
		return false;
	size_t end = huge_index(arena, to - 1) + 1;
	return sea_bits_find(arena->huge, huge_index(arena, from), end, true) < end;
}

/* Without this the kernel may fill ranges again that are about to lose memory. */
static void split_huge(struct sea_arena *arena, size_t from, size_t to)
{
	if (!arena->huge || from == to)
		return;
	for (size_t i = huge_index(arena, from); i <= huge_index(arena, to - 1); i++) {
		if (!is_huge(arena, i))
			continue;
		sea_and_relaxed(&arena->huge[i / 64], ~(1ull << i % 64));
		char *range = arena->base + ((huge_start(arena, 0) + (intptr_t)(i * huge_pages())) << sea_page_shift());
		sea_os_advise_huge(range, sea_huge_size(), SEA_HUGE_NEVER);
	}
}

/* --- purging ---------------------------------------------------------------------- */

/* If fewer pages without memory than a word has bits lie between two with memory, one call purges
 * all.  The kernel skips a page in some ns; a call takes 1 to 2 us. */
#define GAP_PAGES SEA_WORD_BITS

/* End of the row of set bits that starts at `from`: a gap follows, or `to`. */
static size_t row_end(const uint64_t *map, size_t from, size_t to)
{
	SEA_ASSERT(from < to && sea_bit_test(map, from));
	size_t end, next = from;
	do {
		end = sea_bits_find(map, next, to, false);
		next = sea_bits_find(map, end, sea_min(end + GAP_PAGES, to), true);
	} while (next < sea_min(end + GAP_PAGES, to));
	return end;
}

static struct sea_os_range range_of(const struct sea_arena *arena, size_t from, size_t to)
{
	return (struct sea_os_range){arena->base + (from << sea_page_shift()), (to - from) << sea_page_shift()};
}

/* Claim: the row has lost its memory, before or now. */
static bool purge_row(struct sea_os_range row, unsigned *nr_emptied)
{
	bool is_empty = *nr_emptied > 0;
	*nr_emptied -= is_empty;
	return is_empty || sea_os_purge(row.base, row.size);
}

/* Purges the pages of [from, to) whose bits are set in `map`, and clears the bits.  Returns how
 * many. */
static size_t purge_map(struct sea_arena *arena, uint64_t *map, size_t from, size_t to, unsigned *nr_emptied)
{
	SEA_ASSERT(from <= to);
	size_t purged = 0;
	while ((from = sea_bits_find(map, from, to, true)) < to) {
		size_t end = row_end(map, from, to);
		if (purge_row(range_of(arena, from, end), nr_emptied)) {
			purged += sea_bits_count(map, from, end);
			clear_bits(map, from, end);
		}
		from = end;
	}
	return purged;
}

/* A call for one row flushes the TLB page by page, or the whole TLB of each processor that runs a
 * thread of the process; a call for several rows does so once.  Where the hypervisor intercepts
 * the flush of a page, rows of 1 to 32 pages took 28 to 39 us a page, and 0.2 to 3 us by 16 in one
 * call. */
unsigned sea_arena_empty(const struct sea_arena_part *parts, unsigned nr)
{
	struct sea_os_range row[SEA_STEP_RANGES];
	unsigned nr_rows = 0;
	for (unsigned i = 0; i < nr && nr_rows < SEA_STEP_RANGES; i++) {
		const struct sea_arena_part *part = &parts[i];
		if (has_huge(part->arena, part->from, part->to))
			break; /* it must be split first, by a call of its own */
		size_t from = part->from, end;
		for (; nr_rows < SEA_STEP_RANGES && (from = sea_bits_find(part->arena->touched, from, part->to, true)) < part->to;
		     from = end) {
			end = row_end(part->arena->touched, from, part->to);
			row[nr_rows++] = range_of(part->arena, from, end);
		}
	}
	return nr_rows > 1 ? sea_os_purge_many(row, nr_rows) : 0;
}

size_t sea_arena_purge(struct sea_arena *arena, size_t from, size_t to, unsigned *nr_emptied)
{
	SEA_ASSERT(from <= to && to <= arena->size >> sea_page_shift());
	split_huge(arena, from, to);
	if (arena->hollow)
		sea_add_relaxed_mt(&nr_hollow, -purge_map(arena, arena->hollow, from, to, &(unsigned){0}));
	size_t nr = purge_map(arena, arena->touched, from, to, nr_emptied);
	/* Pages that could not be purged are locked, perhaps with the whole process: not
	 * renewed. */
	if (nr && wants_renewal(arena, from, to) && !sea_arena_count_held(arena, from, to))
		sea_arena_renew(arena, from, to);
	return nr;
}

/* First reserves the pages, then commits them.  So no other mapping can get the addresses
 * meanwhile, and if a step fails, nothing is lost. */
void sea_arena_renew(struct sea_arena *arena, size_t from, size_t to)
{
	SEA_ASSERT(from < to && to <= arena->size >> sea_page_shift());
	SEA_ASSERT(arena->pool);
	to = sea_min(to, sea_load_acquire(&arena->committed) >> sea_page_shift());
	if (from >= to)
		return;
	char *base = arena->base + (from << sea_page_shift());
	size_t size = (to - from) << sea_page_shift();
	split_huge(arena, from, to);
	if (!sea_os_reset(base, size))
		return;
	sea_os_advise_huge(base, size, first_advice(false));
	clear_bits(arena->touched, from, to);
	if (arena->hollow) {
		sea_add_relaxed_mt(&nr_hollow, -sea_bits_count(arena->hollow, from, to));
		clear_bits(arena->hollow, from, to);
	}
	if (arena->lent)
		forget_lent(arena, from, to);
	if (!sea_os_commit(base, size))
		sea_store_release(&arena->has_gaps, 1);
}

/* --- whole arenas ------------------------------------------------------------------- */

/* Keeps addresses for twice the block, and releases the others if they are half of the arena or
 * more. */
static void cut_whole(struct sea_arena *arena, size_t block)
{
	SEA_ASSERT(block > 0 && block <= arena->size);
	size_t to = sea_round_up(2 * block, SEA_SLOT_SIZE), size = arena->size;
	if (to > size / 2)
		return;
	sea_region_cut(arena->base, to);
	arena->size = to;
	sea_store_relaxed(&arena->committed, sea_min(sea_load_relaxed(&arena->committed), to));
	sea_span_cut(arena->base, size, to);
}

/* Takes the memory of the block's end, from offset `from` on. */
static void empty_tail(struct sea_arena *arena, size_t from)
{
	size_t committed = sea_load_relaxed(&arena->committed);
	SEA_ASSERT(from < committed);
	if (sea_load_relaxed(&arena->is_advised) && sea_os_reset(arena->base + from, committed - from))
		sea_store_relaxed(&arena->committed, from);
	else
		sea_os_purge(arena->base + from, arena->block_size - from);
}

bool sea_arena_resize_whole(struct sea_arena *arena, size_t size)
{
	SEA_ASSERT(!arena->pool && arena->block_size > 0);
	SEA_ASSERT(size > 0 && size % sea_page_size() == 0);
	if (size > arena->size || !sea_arena_commit(arena, size))
		return false;
	if (size < arena->block_size)
		empty_tail(arena, size);
	arena->block_size = size;
	cut_whole(arena, size);
	SEA_ASSERT(arena->block_size <= sea_load_relaxed(&arena->committed)); /* A2 */
	return true;
}

/* --- the end ------------------------------------------------------------------------ */

void sea_arena_forget(struct sea_arena *arena)
{
	SEA_ASSERT(sea_pagemap_arena(arena->base) == arena);
	sea_pagemap_set_arena(arena->base, arena->block_size ? SEA_SLOT_SIZE : arena->size, NULL);
	sea_region_remove(arena->base);
}

void sea_arena_release(struct sea_arena *arena)
{
	sea_arena_forget(arena);
	size_t committed = sea_load_relaxed(&arena->committed);
	if (arena->hollow)
		sea_add_relaxed_mt(&nr_hollow, -sea_bits_count(arena->hollow, 0, arena->size >> sea_page_shift()));
	if (!sea_span_release(arena->base, arena->size) && committed)
		sea_os_purge(arena->base, committed);
}
