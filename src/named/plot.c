/* SPDX-License-Identifier: MIT */
/* plot.c - chunks taken, freed and resized
 *
 * PL1  Bit g of `seam` is set  <=>  a chunk starts at granule g; behind the last granule both maps
 *      have a set bit.
 * PL2  All bits of `used` in a chunk are equal, and no two free chunks touch.
 * PL3  A hole that starts in stripe s is at most hint[s] long, and hint[s] is at most the far hint
 *      of its group.
 * PL4  If the hole that starts last in stripe s goes on behind it, reach[s] is its length.  If the
 *      hole that ends first in stripe s starts before it, back[s] is its length.
 *
 * PL1 to PL4 fail only inside these functions.  Allocation is first fit by address: low addresses
 * stay dense, and a file's pages at the end stay unused (Wilson et al., Dynamic Storage
 * Allocation, 1995).
 */
#include "named/plot.h"

#include <string.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/check.h"

static size_t stripe_of(size_t g) { return g / SEA_PLOT_STRIPE; }
static size_t stripe_end(size_t g) { return sea_round_down(g, SEA_PLOT_STRIPE) + SEA_PLOT_STRIPE; }

/* --- holes ----------------------------------------------------------------------------- */

static bool is_free(const struct sea_plot *plot, size_t g) { return !sea_bit_test(plot->used, g); }

static size_t hole_end(const struct sea_plot *plot, size_t from)
{
	SEA_ASSERT(from < plot->nr && is_free(plot, from));
	size_t near = sea_min(stripe_end(from), plot->nr + 1);
	size_t end = sea_bits_find(plot->seam, from + 1, near, true);
	if (end == near)
		end = from + plot->reach[stripe_of(from)];
	SEA_CHECK(end > from && end <= plot->nr && is_free(plot, end - 1) && !is_free(plot, end));
	return end;
}

/* The last seam in [low, end), or `end`.  Both are in one stripe. */
static size_t last_seam(const struct sea_plot *plot, size_t low, size_t end)
{
	SEA_ASSERT(low < end && stripe_of(low) == stripe_of(end - 1));
	for (size_t w = (end - 1) / 64 + 1; w-- > low / 64;) {
		uint64_t seams = plot->seam[w] & sea_mask_in_word(w, low, end);
		if (seams)
			return w * 64 + sea_highest_bit(seams);
	}
	return end;
}

/* Start of the hole that ends at `end`. */
static size_t hole_start(const struct sea_plot *plot, size_t end)
{
	SEA_ASSERT(end > 0 && is_free(plot, end - 1));
	size_t low = sea_round_down(end - 1, SEA_PLOT_STRIPE), start = last_seam(plot, low, end);
	if (start == end)
		start = end - plot->back[stripe_of(low)];
	SEA_CHECK(start < end && sea_bit_test(plot->seam, start) && is_free(plot, start));
	return start;
}

static void raise(uint32_t *hint, size_t length) { *hint = (uint32_t)sea_max(*hint, sea_min(length, UINT32_MAX)); }

void sea_plot_note_hole(struct sea_plot *plot, size_t from, size_t to)
{
	size_t length = to - from, first = stripe_of(from), last = stripe_of(to - 1);
	SEA_ASSERT(from < to && to <= plot->nr);
	raise(&plot->hint[first], length);
	raise(&plot->far_hint[first / SEA_PLOT_GROUP], length);
	if (to >= stripe_end(from))
		plot->reach[first] = (uint32_t)length;
	if (last != first)
		plot->back[last] = (uint32_t)length;
}

/* Takes [g, g + k) out of the hole [from, to).  Seams come before used bits: a process that is
 * killed in between leaves free chunks, or one that is used in part. */
static void take(struct sea_plot *plot, size_t from, size_t to, size_t g, size_t k)
{
	size_t end = g + k;
	SEA_ASSERT(k > 0 && is_free(plot, g));
	SEA_ASSERT(from <= g && end <= to);
	if (end < to)
		sea_bit_set(plot->seam, end);
	sea_bit_set(plot->seam, g);
	sea_before_a_signal();
	sea_bits_set(plot->used, g, end);
	if (end < to)
		sea_plot_note_hole(plot, end, to);
	if (from < g)
		sea_plot_note_hole(plot, from, g);
}

/* Frees the chunk [g, end) and merges it with the holes on both sides. */
static void release(struct sea_plot *plot, size_t g, size_t end)
{
	SEA_ASSERT(g < end && end <= plot->nr && sea_bit_test(plot->seam, g));
	size_t from = g, to = end;
	sea_bits_clear(plot->used, g, end);
	sea_before_a_signal();
	if (end < plot->nr && is_free(plot, end)) {
		to = hole_end(plot, end);
		sea_bit_clear(plot->seam, end);
	}
	if (g > 0 && is_free(plot, g - 1)) {
		from = hole_start(plot, g);
		sea_bit_clear(plot->seam, g);
	}
	sea_plot_note_hole(plot, from, to);
}

/* --- finding ------------------------------------------------------------------------------ */

/* The first position in [from, to) at which k granules at a multiple of `align` bytes fit; `to`:
 * none. */
static size_t fit(const struct sea_plot *plot, size_t from, size_t to, size_t k, size_t align)
{
	SEA_ASSERT(from < to && to <= plot->nr);
	uintptr_t address = sea_round_up((uintptr_t)sea_plot_address(plot, from), align);
	size_t g = (address - (uintptr_t)plot->first) / SEA_GRANULE;
	return g < to && to - g >= k ? g : to;
}

/* Takes from the first hole with room that starts in the stripe.  If there is none, the hint
 * becomes exact. */
static void *take_in_stripe(struct sea_plot *plot, size_t stripe, size_t k, size_t align)
{
	SEA_ASSERT(stripe <= stripe_of(plot->nr));
	size_t word = stripe * (SEA_PLOT_STRIPE / 64), longest = 0;
	size_t last = sea_min(word + SEA_PLOT_STRIPE / 64, plot->nr / 64 + 1);
	for (; word < last; word++) {
		for (uint64_t holes = plot->seam[word] & ~plot->used[word]; holes; holes &= holes - 1) {
			size_t from = word * 64 + sea_lowest_bit(holes), to = hole_end(plot, from);
			size_t g = fit(plot, from, to, k, align);
			longest = sea_max(longest, to - from);
			if (g == to)
				continue;
			take(plot, from, to, g, k);
			return sea_plot_address(plot, g);
		}
	}
	plot->hint[stripe] = (uint32_t)sea_min(longest, UINT32_MAX);
	return NULL;
}

static size_t nr_stripes(const struct sea_plot *plot) { return stripe_of(plot->nr) + 1; }

static uint32_t largest_of_group(const struct sea_plot *plot, size_t group)
{
	uint32_t largest = 0;
	size_t first = group * SEA_PLOT_GROUP, end = sea_min(first + SEA_PLOT_GROUP, nr_stripes(plot));
	for (size_t s = first; s < end; s++)
		largest = plot->hint[s] > largest ? plot->hint[s] : largest;
	return largest;
}

static void *take_in_group(struct sea_plot *plot, size_t group, size_t k, size_t align)
{
	size_t first = group * SEA_PLOT_GROUP, end = sea_min(first + SEA_PLOT_GROUP, nr_stripes(plot));
	for (size_t s = first; s < end; s++) {
		void *block = plot->hint[s] < sea_min(k, UINT32_MAX) ? NULL : take_in_stripe(plot, s, k, align);
		if (block)
			return block;
	}
	plot->far_hint[group] = largest_of_group(plot, group);
	return NULL;
}

void *sea_plot_take(struct sea_plot *plot, size_t k, size_t align)
{
	SEA_ASSERT(k > 0 && sea_is_power_of_two(align) && align >= SEA_GRANULE);
	if (k > plot->nr)
		return NULL;
	for (size_t group = 0; group * SEA_PLOT_GROUP < nr_stripes(plot); group++) {
		if (plot->far_hint[group] < sea_min(k, UINT32_MAX))
			continue;
		void *block = take_in_group(plot, group, k, align);
		if (block)
			return block;
	}
	return NULL;
}

/* --- blocks --------------------------------------------------------------------------------- */

static size_t chunk_end(const struct sea_plot *plot, size_t g)
{
	SEA_ASSERT(g < plot->nr && sea_bit_test(plot->seam, g));
	return sea_bits_find(plot->seam, g + 1, plot->nr + 1, true);
}

static struct sea_note *note_at(const struct sea_plot *plot, size_t g)
{
	for (uint32_t i = 0; i < plot->head->nr_notes; i++)
		if (plot->notes[i].from == g)
			return &plot->notes[i];
	return NULL;
}

size_t sea_plot_size(const struct sea_plot *plot, const void *block)
{
	size_t offset = (size_t)((const char *)block - plot->first), g = offset / SEA_GRANULE;
	if (!sea_plot_has(plot, block) || offset % SEA_GRANULE)
		return 0;
	if (!sea_bit_test(plot->seam, g) || is_free(plot, g) || note_at(plot, g))
		return 0;
	return chunk_end(plot, g) - g;
}

static size_t position(const struct sea_plot *plot, const void *block)
{
	SEA_ASSERT(sea_plot_size(plot, block));
	return (size_t)((const char *)block - plot->first) / SEA_GRANULE;
}

void sea_plot_free(struct sea_plot *plot, void *block)
{
	size_t g = position(plot, block);
	if (plot->head->root == g + 1)
		plot->head->root = 0;
	release(plot, g, chunk_end(plot, g));
}

/* The extension becomes a chunk of its own first, so that a kill never frees a part of the
 * block. */
static bool extend(struct sea_plot *plot, size_t g, size_t end, size_t k)
{
	if (end >= plot->nr || !is_free(plot, end))
		return false;
	size_t behind = hole_end(plot, end);
	if (behind - g < k)
		return false;
	take(plot, end, behind, end, g + k - end);
	sea_before_a_signal();
	sea_bit_clear(plot->seam, end);
	return true;
}

bool sea_plot_resize(struct sea_plot *plot, void *block, size_t k)
{
	size_t g = position(plot, block), end = chunk_end(plot, g);
	SEA_ASSERT(k > 0);
	if (k > end - g)
		return extend(plot, g, end, k);
	if (k == end - g)
		return true;
	sea_bit_set(plot->seam, g + k);
	sea_before_a_signal();
	release(plot, g + k, end);
	return true;
}

void *sea_plot_next(const struct sea_plot *plot, size_t *at, size_t *k)
{
	while (*at < plot->nr) {
		size_t g = sea_bits_find(plot->seam, *at, plot->nr, true);
		if (g == plot->nr)
			break;
		*at = chunk_end(plot, g);
		*k = *at - g;
		if (!is_free(plot, g) && !note_at(plot, g))
			return sea_plot_address(plot, g);
	}
	return NULL;
}

/* --- notes ----------------------------------------------------------------------------------- */

enum sea_noted sea_plot_note(struct sea_plot *plot, const struct sea_note *note)
{
	size_t from = note->from, end = from + note->nr;
	SEA_ASSERT(from < end && end <= plot->nr);
	if (sea_bits_find(plot->used, from, end, true) != end)
		return SEA_NOT_FREE;
	if (plot->head->nr_notes == plot->head->most_notes)
		return SEA_NO_ROOM_FOR_NOTE;
	SEA_ASSERT(plot->head->nr_notes < SEA_MAX_NOTES);
	size_t hole = sea_bits_find_back(plot->seam, from + 1, true) - 1;
	plot->notes[plot->head->nr_notes] = *note;
	sea_before_a_signal();
	take(plot, hole, chunk_end(plot, hole), from, note->nr);
	sea_before_a_signal();
	plot->head->nr_notes++;
	return SEA_NOTED;
}

bool sea_plot_unnote(struct sea_plot *plot, size_t from)
{
	struct sea_note *note = note_at(plot, from);
	if (!note || note->kind != SEA_NOTE_RESERVED)
		return false;
	size_t end = from + note->nr;
	*note = plot->notes[--plot->head->nr_notes];
	sea_before_a_signal();
	release(plot, from, end);
	return true;
}

/* --- claims ---------------------------------------------------------------------------------- */

static bool hole_is_sound(const struct sea_plot *plot, size_t from, size_t to)
{
	size_t s = stripe_of(from), last = stripe_of(to - 1);
	bool sound = plot->hint[s] >= to - from && plot->far_hint[s / SEA_PLOT_GROUP] >= plot->hint[s];
	sound &= to < stripe_end(from) || plot->reach[s] == to - from;
	return sound && (last == s || plot->back[last] == to - from);
}

bool sea_plot_is_sound(const struct sea_plot *plot)
{
	bool was_free = false;
	if (!sea_bit_test(plot->seam, 0) || !sea_bit_test(plot->seam, plot->nr) || is_free(plot, plot->nr))
		return false;
	for (size_t from = 0, to; from < plot->nr; from = to) {
		bool free_now = is_free(plot, from);
		to = chunk_end(plot, from);
		if (sea_bits_find(plot->used, from, to, free_now) != to || (was_free && free_now))
			return false;
		if (free_now && !hole_is_sound(plot, from, to))
			return false;
		was_free = free_now;
	}
	return true;
}
