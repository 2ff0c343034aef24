/* SPDX-License-Identifier: MIT */
/* arena.c - reserve, commit, purge, release (layer 3)
 *
 * A1  base and size are multiples of a slot; no two arenas share one.
 * A2  [base, base + committed) is readable and writable.
 * A3  A page whose bit in `touched` is clear reads as zero.
 */
#include "arena.h"

#include "atomic.h"
#include "bits.h"
#include "check.h"
#include "options.h"
#include "os.h"
#include "pagemap.h"
#include "region.h"

/* What is committed at a time: 1/8 of what there is, so that the calls stay few
 * (some 40 for the first GiB), within these bounds. */
#define COMMIT_MIN (1 * SEA_MIB)
#define COMMIT_MAX (64 * SEA_MIB)

unsigned sea_page_shift(void)
{
	static unsigned shift;
	unsigned known = sea_load_relaxed(&shift);
	if (unlikely(!known)) {
		known = sea_lowest_bit(sea_os_page_size());
		sea_store_relaxed(&shift, known);
	}
	return known;
}

/* Where there is no room for more: the kernel mostly puts it next to another arena. */
static char *reserve_exactly(size_t size, size_t align)
{
	char *base = sea_os_reserve(size);
	if (!base || (uintptr_t)base % align == 0)
		return base;
	sea_os_release(base, size);
	return NULL;
}

/* Reserves `size` bytes at a multiple of `align`, by asking for more and giving the
 * ends back. */
static char *reserve_aligned(size_t size, size_t align)
{
	size_t slack = align - sea_page_size();
	if (size + slack < size)
		return NULL;
	char *wide = sea_os_reserve(size + slack);
	if (!wide)
		return reserve_exactly(size, align);
	char *base = (char *)sea_round_up((uintptr_t)wide, align);
	if (base > wide)
		sea_os_release(wide, (size_t)(base - wide));
	size_t tail = (size_t)(wide + size + slack - (base + size));
	if (tail)
		sea_os_release(base + size, tail);
	return base;
}

bool sea_arena_reserve(struct sea_arena *arena, size_t size, size_t align, bool whole)
{
	SEA_ASSERT(size > 0);
	SEA_ASSERT(sea_is_power_of_two(align));
	size = sea_round_up(size, SEA_SLOT_SIZE);
	char *base = reserve_aligned(size, sea_max(align, SEA_SLOT_SIZE));
	if (!base)
		return false;
	if (!sea_pagemap_cover(base, size) ||
	    !sea_region_add(base, size, whole ? SEA_REGION_WHOLE : SEA_REGION_AVAILABLE)) {
		sea_os_release(base, size);
		return false;
	}
	sea_os_advise_huge(base, size, (enum sea_huge)sea_options.thp);
	arena->base = base;
	arena->size = size;
	sea_store_relaxed(&arena->committed, 0);
	sea_pagemap_set_arena(base, size, arena);
	return true;
}

void sea_arena_release(struct sea_arena *arena)
{
	sea_pagemap_set_arena(arena->base, arena->size, NULL);
	sea_region_remove(arena->base);
	size_t committed = sea_load_relaxed(&arena->committed);
	if (!sea_os_release(arena->base, arena->size) && committed)
		sea_os_purge(arena->base, committed);
}

static size_t commit_step(const struct sea_arena *arena, size_t committed)
{
	if (!arena->pool)
		return 0;
	return sea_round_up(sea_min(sea_max(committed / 8, COMMIT_MIN), COMMIT_MAX), sea_page_size());
}

/* Commits [from, to) and publishes `to`.  Two threads may do this at once: whoever
 * publishes a larger value has committed all below it. */
static bool commit_range(struct sea_arena *arena, size_t from, size_t to)
{
	if (!sea_os_commit(arena->base + from, to - from))
		return false;
	size_t seen = sea_load_acquire(&arena->committed);
	while (seen < to && !sea_swap_if(&arena->committed, seen, to))
		seen = sea_load_acquire(&arena->committed);
	return true;
}

bool sea_arena_commit(struct sea_arena *arena, size_t end)
{
	SEA_ASSERT(end <= arena->size);
	size_t from = sea_load_acquire(&arena->committed);
	if (likely(end <= from))
		return true;
	end = sea_round_up(end, sea_page_size());
	size_t generous = sea_min(sea_max(end, from + commit_step(arena, from)), arena->size);
	return commit_range(arena, from, generous) || (generous > end && commit_range(arena, from, end));
}

size_t sea_arena_touch(struct sea_arena *arena, size_t from, size_t to)
{
	size_t nr_fresh = 0;
	for (size_t w = from / 64; arena->touched && w * 64 < to; w++) {
		uint64_t mask = sea_mask_in_word(w, from, to);
		uint64_t fresh = mask & ~sea_load_relaxed(&arena->touched[w]);
		if (!fresh)
			continue;
		sea_or_release(&arena->touched[w], fresh);
		nr_fresh += sea_count_bits(fresh);
	}
	return nr_fresh;
}

size_t sea_arena_count_touched(const struct sea_arena *arena, size_t from, size_t to)
{
	size_t count = 0;
	for (size_t w = from / 64; w * 64 < to; w++)
		count += sea_count_bits(sea_load_relaxed(&arena->touched[w]) & sea_mask_in_word(w, from, to));
	return count;
}

static void untouch(struct sea_arena *arena, size_t from, size_t to)
{
	for (size_t w = from / 64; w * 64 < to; w++)
		__atomic_fetch_and(&arena->touched[w], ~sea_mask_in_word(w, from, to), __ATOMIC_RELAXED);
}

size_t sea_arena_purge(struct sea_arena *arena, size_t from, size_t to)
{
	SEA_ASSERT(from <= to && to <= arena->size >> sea_page_shift());
	size_t purged = 0;
	unsigned shift = sea_page_shift();
	while (from < to) {
		size_t start = sea_bits_find(arena->touched, from, to, true);
		size_t end = sea_bits_find(arena->touched, start, to, false);
		if (start < end && sea_os_purge(arena->base + (start << shift), (end - start) << shift)) {
			untouch(arena, start, end);
			purged += end - start;
		}
		from = end;
	}
	return purged;
}
