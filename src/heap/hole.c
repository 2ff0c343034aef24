/* SPDX-License-Identifier: MIT */
/* hole.c - segregated doubly linked lists
 *
 * H1  A hole of n granules is in bin bin_of(n), and in no other.
 * H2  filled has bit b  <=>  bin b is not empty.
 * H3  hole->next->prev == hole and hole->prev->next == hole, if they exist.
 *
 * A new hole goes behind the first hole of its bin if that has a lower address, else in front.
 * Lists by size are Lea's idea.  With 8 bins for each doubling, a hole of the next bin exceeds
 * the request by 12.5 % at most.
 */
#include "heap/hole.h"

#include "base/bits.h"
#include "base/check.h"
#include "base/step.h"
#include "map/map.h"

/* Claim: the pointer leads to a place that can be a hole.  The program may have written any value
 * to it. */
static bool is_readable(const struct sea_hole *hole)
{
	size_t inside = (uintptr_t)hole % SEA_SLOT_SIZE;
	bool fits = !(inside % SEA_GRANULE) && inside <= SEA_SLOT_SIZE - SEA_HOLE_MIN * SEA_GRANULE;
	return fits && sea_pagemap_zone(hole);
}

/* Stops the process if the claim fails: the program wrote to memory that it had freed. */
static void expect(bool claim, const struct sea_hole *hole)
{
	if (unlikely(!claim))
		sea_fatal_block("use", hole, "the free memory here was written to", 0, 0);
}

/* Checks H3 before the link is followed. */
static struct sea_hole *after(const struct sea_hole *hole)
{
	struct sea_hole *next = hole->next;
	expect(!next || (is_readable(next) && next->prev == hole), hole);
	return next;
}

static unsigned bin_of(size_t nr_granules)
{
	SEA_ASSERT(nr_granules >= SEA_HOLE_MIN && nr_granules <= SEA_SLOT_SIZE / SEA_GRANULE);
	unsigned exponent = sea_highest_bit(nr_granules);
	unsigned bin = (exponent - 6) * 8 + (unsigned)(nr_granules >> (exponent - 3) & 7);
	SEA_ASSERT(bin < SEA_HOLE_BINS); /* H1 */
	return bin;
}

void sea_hole_link(struct sea_holes *holes, struct sea_hole *hole, size_t nr_granules)
{
	SEA_ASSERT(nr_granules >= SEA_HOLE_MIN);
	unsigned bin = bin_of(nr_granules);
	struct sea_hole *first = holes->first[bin];
	SEA_ASSERT(first != hole && (uintptr_t)hole % SEA_GRANULE == 0);
	hole->nr_granules = nr_granules;
	struct sea_hole *before = first && first < hole ? first : NULL;
	struct sea_hole *behind = before ? after(before) : first;
	hole->prev = before;
	hole->next = behind;
	if (before)
		before->next = hole;
	else
		holes->first[bin] = hole;
	if (behind)
		behind->prev = hole;
	sea_bit_set(holes->filled, bin);
}

void sea_hole_unlink(struct sea_holes *holes, struct sea_hole *hole)
{
	expect(hole->nr_granules >= SEA_HOLE_MIN && hole->nr_granules <= SEA_MIB / 16, hole);
	unsigned bin = bin_of(hole->nr_granules);
	struct sea_hole *prev = hole->prev, *next = after(hole);
	expect(prev ? is_readable(prev) && prev->next == hole : holes->first[bin] == hole, hole);
	if (prev)
		prev->next = next;
	else
		holes->first[bin] = next;
	if (next)
		next->prev = prev;
	if (!holes->first[bin])
		sea_bit_clear(holes->filled, bin);
	SEA_ASSERT(sea_bit_test(holes->filled, bin) == (holes->first[bin] != NULL)); /* H2 */
	hole->next = hole->prev = NULL;
	hole->nr_granules = 0;
}

struct sea_hole *sea_hole_find(const struct sea_holes *holes, size_t nr_granules)
{
	SEA_ASSERT(nr_granules >= SEA_HOLE_MIN);
	unsigned bin = bin_of(nr_granules);
	struct sea_hole *hole = holes->first[bin];
	for (int i = 0; hole && i < SEA_SEARCH_DEPTH; i++, hole = after(hole))
		if (hole->nr_granules >= nr_granules)
			return hole;
	size_t larger = sea_bits_find(holes->filled, bin + 1, SEA_HOLE_BINS, true);
	SEA_ASSERT(larger == SEA_HOLE_BINS || holes->first[larger]); /* H2 */
	return larger < SEA_HOLE_BINS ? holes->first[larger] : NULL;
}

static bool bin_is_sound(const struct sea_holes *holes, unsigned bin)
{
	const struct sea_hole *before = NULL;
	for (const struct sea_hole *hole = holes->first[bin]; hole; before = hole, hole = hole->next)
		if (hole->prev != before || bin_of(hole->nr_granules) != bin)
			return false;
	return sea_bit_test(holes->filled, bin) == (holes->first[bin] != NULL);
}

bool sea_holes_are_sound(const struct sea_holes *holes)
{
	for (unsigned bin = 0; bin < SEA_HOLE_BINS; bin++)
		if (!bin_is_sound(holes, bin))
			return false;
	return true;
}
