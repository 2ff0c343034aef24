/* SPDX-License-Identifier: MIT */
/* hole.c - segregated doubly linked lists (layer 6)
 *
 * H1  A hole of n granules hangs in bin bin_of(n), and in no other.
 * H2  filled has bit b  <=>  bin b is not empty.
 * H3  hole->next->prev == hole and hole->prev->next == hole, where they exist.
 *
 * Within a bin a lower address goes in front of a higher one as far as one
 * comparison can tell.  Lists by size after Lea; 8 bins a doubling, so that a hole
 * from the next bin up exceeds the request by 12.5 % at the most.
 */
#include "hole.h"

#include "bits.h"
#include "check.h"
#include "pagemap.h"

/* Looks at this many holes of the request's own bin, which may be too small. */
#define SEARCH_DEPTH 8

static unsigned bin_of(size_t nr_granules)
{
	unsigned exponent = sea_highest_bit(nr_granules);
	return (exponent - 6) * 8 + (unsigned)(nr_granules >> (exponent - 3) & 7);
}

/* The program may have written over a descriptor.  A link leads to a hole, which lies in our memory,
 * and back from there. */
static void check_link(const struct sea_hole *hole)
{
	SEA_CHECK(!((uintptr_t)hole % SEA_GRANULE) && sea_pagemap_arena(hole));
}

static void check_hole(const struct sea_holes *holes, const struct sea_hole *hole)
{
	SEA_CHECK(hole->nr_granules >= SEA_HOLE_MIN && hole->nr_granules <= SEA_MIB / SEA_GRANULE);
	if (hole->prev)
		check_link(hole->prev);
	SEA_CHECK(hole->prev ? hole->prev->next == hole : holes->first[bin_of(hole->nr_granules)] == hole);
	if (hole->next)
		check_link(hole->next);
	SEA_CHECK(!hole->next || hole->next->prev == hole);
}

void sea_hole_link(struct sea_holes *holes, struct sea_hole *hole, size_t nr_granules)
{
	SEA_ASSERT(nr_granules >= SEA_HOLE_MIN);
	unsigned bin = bin_of(nr_granules);
	struct sea_hole *first = holes->first[bin];
	if (first)
		check_hole(holes, first);
	hole->nr_granules = nr_granules;
	struct sea_hole *before = first && first < hole ? first : NULL;
	struct sea_hole *after = before ? before->next : first;
	hole->prev = before;
	hole->next = after;
	if (before)
		before->next = hole;
	else
		holes->first[bin] = hole;
	if (after)
		after->prev = hole;
	sea_bit_set(holes->filled, bin);
}

void sea_hole_unlink(struct sea_holes *holes, struct sea_hole *hole)
{
	check_hole(holes, hole);
	unsigned bin = bin_of(hole->nr_granules);
	if (hole->prev)
		hole->prev->next = hole->next;
	else
		holes->first[bin] = hole->next;
	if (hole->next)
		hole->next->prev = hole->prev;
	if (!holes->first[bin])
		sea_bit_clear(holes->filled, bin);
	hole->next = hole->prev = NULL;
	hole->nr_granules = 0;
}

struct sea_hole *sea_hole_find(const struct sea_holes *holes, size_t nr_granules)
{
	SEA_ASSERT(nr_granules >= SEA_HOLE_MIN);
	unsigned bin = bin_of(nr_granules);
	struct sea_hole *hole = holes->first[bin];
	for (int i = 0; hole && i < SEARCH_DEPTH; i++, hole = hole->next) {
		check_link(hole);
		if (hole->nr_granules >= nr_granules)
			return hole;
	}
	size_t larger = sea_bits_find(holes->filled, bin + 1, SEA_HOLE_BINS, true);
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
