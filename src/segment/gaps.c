/* SPDX-License-Identifier: MIT */
/* gaps.c - doubly linked lists of holes, and a search that ends
 *
 * A hole's links and its size are in the hole, where a program that writes behind its block
 * destroys them.  So each hole that a link leads to is compared with the bitmaps and with the link
 * back before anything else is believed.
 */
#include "segment/gaps.h"

#include "segment/layout.h"

/* Holes of the request's own list may be too short.  A search compares this many and takes the
 * shortest that fits. */
#define SEARCH_DEPTH 8

#define NONE SIZE_MAX

unsigned sea_gaps_list_of(size_t n)
{
	SEA_ASSERT(n > 0 && n < 1ull << 31);
	if (n < SEA_SEGMENT_EXACT)
		return (unsigned)n;
	unsigned exponent = sea_highest_bit(n);
	unsigned list = SEA_SEGMENT_EXACT + (exponent - 4) * 8 + (unsigned)(n >> (exponent - 3) & 7);
	SEA_ASSERT(list < SEA_SEGMENT_LISTS);
	return list;
}

/* Claim: the bitmaps show a hole from g to g + n. */
static bool is_hole(const struct sea_segment *segment, size_t g, size_t n)
{
	if (!n || g >= segment->nr_granules || n > segment->nr_granules - g)
		return false;
	return sea_layout_is_seam(segment, g) && sea_layout_is_seam(segment, g + n) && sea_layout_is_end(segment, g) &&
	       sea_layout_is_end(segment, g + n - 1);
}

size_t sea_gaps_size(const struct sea_segment *segment, size_t g)
{
	if (g >= segment->nr_granules)
		return 0;
	size_t n = sea_load_relaxed(&sea_gap_at(segment, g)->size);
	return is_hole(segment, g, n) ? n : 0;
}

size_t sea_gaps_before(const struct sea_segment *segment, size_t g)
{
	SEA_ASSERT(g > 0 && g <= segment->nr_granules);
	size_t n = sea_load_relaxed(&sea_gap_at(segment, g - 1)->size_at_end);
	if (!n || n > g || sea_gaps_size(segment, g - n) != n)
		return NONE;
	return g - n;
}

/* Follows a link to a hole whose own link `back` must lead to `from` (granule + 1; 0: the head).
 * NONE: the end of the list, or broken. */
static size_t follow(struct sea_segment *segment, uint32_t link, uint32_t from)
{
	if (!link)
		return NONE;
	size_t g = (size_t)link - 1;
	if (sea_gaps_size(segment, g) && sea_load_relaxed(&sea_gap_at(segment, g)->prev) == from)
		return g;
	sea_layout_break(segment);
	return NONE;
}

/* Writes a hole's descriptor, each word once. */
static void describe(struct sea_segment *segment, size_t g, size_t n, uint32_t next, uint32_t prev)
{
	SEA_ASSERT(n > 0 && g + n <= segment->nr_granules);
	uint64_t *words = (uint64_t *)sea_gap_at(segment, g);
	struct sea_gap gap = {next, prev, (uint32_t)n, n == 1 ? 1 : 0};
	uint64_t values[2];
	__builtin_memcpy(values, &gap, sizeof(values));
	sea_journal_put(segment->journal, &words[0], values[0]);
	sea_journal_put(segment->journal, &words[1], values[1]);
	if (n > 1)
		sea_journal_put_half(segment->journal, &sea_gap_at(segment, g + n - 1)->size_at_end, (uint32_t)n);
}

static void set_first(struct sea_segment *segment, unsigned list, uint32_t link)
{
	SEA_ASSERT(list < SEA_SEGMENT_LISTS && link <= segment->nr_granules);
	struct sea_segment_header *header = segment->header;
	uint64_t filled = sea_load_relaxed(&header->filled[list / 64]), bit = 1ull << list % 64;
	sea_journal_put_half(segment->journal, &header->first[list], link);
	if (!link != !(filled & bit))
		sea_journal_put(segment->journal, &header->filled[list / 64], filled ^ bit);
}

/* A new hole goes to the front of its list, unless the first has a lower address: then it goes
 * behind that.  So low addresses are used first, at the cost of one comparison. */
void sea_gaps_link(struct sea_segment *segment, size_t g, size_t n)
{
	SEA_ASSERT(n > 0 && g + n <= segment->nr_granules);
	unsigned list = sea_gaps_list_of(n);
	uint32_t link = (uint32_t)g + 1;
	size_t first = follow(segment, sea_load_relaxed(&segment->header->first[list]), 0);
	bool is_behind = first != NONE && first < g;
	struct sea_gap *before = is_behind ? sea_gap_at(segment, first) : NULL;
	size_t next = is_behind ? follow(segment, sea_load_relaxed(&before->next), (uint32_t)first + 1) : first;
	describe(segment, g, n, next == NONE ? 0 : (uint32_t)next + 1, is_behind ? (uint32_t)first + 1 : 0);
	if (is_behind)
		sea_journal_put_half(segment->journal, &before->next, link);
	else
		set_first(segment, list, link);
	if (next != NONE)
		sea_journal_put_half(segment->journal, &sea_gap_at(segment, next)->prev, link);
	sea_layout_put_bit(segment, segment->ends, g, true);
	sea_layout_put_bit(segment, segment->ends, g + n - 1, true);
	sea_layout_count(segment, &segment->header->nr_holes, 1);
}

/* Claim: what leads to the hole leads to it. *before: the hole in front; NONE: the list's head. */
static bool find_before(struct sea_segment *segment, size_t g, unsigned list, size_t *before)
{
	uint32_t prev = sea_load_relaxed(&sea_gap_at(segment, g)->prev), link = (uint32_t)g + 1;
	*before = prev ? (size_t)prev - 1 : NONE;
	if (!prev)
		return sea_load_relaxed(&segment->header->first[list]) == link;
	return sea_gaps_size(segment, *before) && sea_load_relaxed(&sea_gap_at(segment, *before)->next) == link;
}

static uint32_t link_to(size_t g) { return g == NONE ? 0 : (uint32_t)g + 1; }

/* Finds what is beside a hole in its list.  False: the contents are broken. */
static bool find_beside(struct sea_segment *segment, size_t g, unsigned list, size_t *before, size_t *next)
{
	*next = follow(segment, sea_load_relaxed(&sea_gap_at(segment, g)->next), link_to(g));
	if (segment->is_broken || !find_before(segment, g, list, before))
		sea_layout_break(segment);
	return !segment->is_broken;
}

/* What is in front of a hole leads to `front` now, and what is behind leads back to `back`. */
static void relink(struct sea_segment *segment, unsigned list, size_t before, size_t next, uint32_t front, uint32_t back)
{
	if (before == NONE)
		set_first(segment, list, front);
	else
		sea_journal_put_half(segment->journal, &sea_gap_at(segment, before)->next, front);
	if (next != NONE)
		sea_journal_put_half(segment->journal, &sea_gap_at(segment, next)->prev, back);
}

/* Moves the bits of a hole's ends. */
static void move_ends(struct sea_segment *segment, size_t g, size_t last, size_t to, size_t last_to)
{
	if (g != to)
		sea_layout_put_bit(segment, segment->ends, g, false);
	if (last != last_to)
		sea_layout_put_bit(segment, segment->ends, last, false);
	sea_layout_put_bit(segment, segment->ends, to, true);
	sea_layout_put_bit(segment, segment->ends, last_to, true);
}

void sea_gaps_change(struct sea_segment *segment, size_t g, size_t n, size_t to, size_t length)
{
	SEA_ASSERT(n > 0 && g + n <= segment->nr_granules);
	SEA_ASSERT(length > 0 && to + length <= segment->nr_granules);
	unsigned list = sea_gaps_list_of(n);
	size_t before, next;
	if (list != sea_gaps_list_of(length)) {
		sea_gaps_unlink(segment, g, n);
		if (!segment->is_broken)
			sea_gaps_link(segment, to, length);
		return;
	}
	if (!find_beside(segment, g, list, &before, &next))
		return;
	describe(segment, to, length, link_to(next), link_to(before));
	if (to != g)
		relink(segment, list, before, next, link_to(to), link_to(to));
	move_ends(segment, g, g + n - 1, to, to + length - 1);
}

void sea_gaps_unlink(struct sea_segment *segment, size_t g, size_t n)
{
	SEA_ASSERT(n > 0 && g + n <= segment->nr_granules);
	unsigned list = sea_gaps_list_of(n);
	size_t before, next;
	if (!find_beside(segment, g, list, &before, &next))
		return;
	relink(segment, list, before, next, link_to(next), link_to(before));
	sea_layout_put_bit(segment, segment->ends, g, false);
	sea_layout_put_bit(segment, segment->ends, g + n - 1, false);
	sea_layout_count(segment, &segment->header->nr_holes, -1);
}

/* The shortest hole of at least n granules among the first `depth` of a list; a hole of exactly n
 * ends the search. */
static size_t find_in_list(struct sea_segment *segment, unsigned list, size_t n, size_t depth, size_t *size)
{
	size_t best = NONE;
	uint32_t from = 0;
	size_t g = follow(segment, sea_load_relaxed(&segment->header->first[list]), 0);
	for (; g != NONE && depth > 0; depth--) {
		size_t has = sea_gaps_size(segment, g);
		if (has >= n && (best == NONE || has < *size)) {
			best = g;
			*size = has;
		}
		if (has == n)
			break;
		from = (uint32_t)g + 1;
		g = follow(segment, sea_load_relaxed(&sea_gap_at(segment, g)->next), from);
	}
	return best;
}

/* The first list behind `list` that is not empty. */
static unsigned next_list(const struct sea_segment *segment, unsigned list)
{
	return (unsigned)sea_bits_find(segment->header->filled, list + 1, SEA_SEGMENT_LISTS, true);
}

size_t sea_gaps_find(struct sea_segment *segment, size_t n, size_t *size)
{
	if (n > segment->nr_granules)
		return NONE;
	unsigned list = sea_gaps_list_of(n);
	size_t found = find_in_list(segment, list, n, SEARCH_DEPTH, size);
	if (found != NONE || segment->is_broken)
		return found;
	unsigned longer = next_list(segment, list);
	if (longer < SEA_SEGMENT_LISTS)
		found = find_in_list(segment, longer, n, 1, size);
	else
		found = find_in_list(segment, list, n, segment->nr_granules, size);
	/* Then a list that is marked as filled is empty, or has a hole that is too short. */
	if (found == NONE && longer < SEA_SEGMENT_LISTS)
		sea_layout_break(segment);
	return found;
}

/* SG4 for one list.  A list has at most as many holes as there are granules. */
static bool list_is_sound(const struct sea_segment *segment, unsigned list, size_t *nr)
{
	uint32_t link = sea_load_relaxed(&segment->header->first[list]), from = 0;
	if (!link != !sea_layout_bit(segment->header->filled, list))
		return false;
	while (link) {
		size_t n = sea_gaps_size(segment, (size_t)link - 1);
		if (!n || sea_gaps_list_of(n) != list || ++*nr > segment->nr_granules)
			return false;
		const struct sea_gap *gap = sea_gap_at(segment, (size_t)link - 1);
		if (sea_load_relaxed(&gap->prev) != from)
			return false;
		from = link;
		link = sea_load_relaxed(&gap->next);
	}
	return true;
}

bool sea_gaps_are_sound(const struct sea_segment *segment, size_t *nr)
{
	*nr = 0;
	for (unsigned list = 0; list < SEA_SEGMENT_LISTS; list++)
		if (!list_is_sound(segment, list, nr))
			return false;
	return true;
}
