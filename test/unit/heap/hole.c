/* SPDX-License-Identifier: MIT */
/* hole.c - lists by size against an array */
#include "heap/hole.h"

#include <stdlib.h>

#include "base/bits.h"
#include "map/pagemap.h"
#include "unit.h"

#define NR_HOLES 600
#define LARGEST 65536 /* granules of a zone */

static struct sea_holes holes;
static struct slot {
	_Alignas(16) struct sea_hole hole;
	size_t size; /* 0: not linked */
} *slots;

/* Holes lie in zones: here in one that nobody looks into. */
__attribute__((constructor)) static void make_slots(void)
{
	slots = aligned_alloc(MiB, MiB);
	CHECK(slots && NR_HOLES * sizeof(struct slot) < MiB - SEA_HOLE_MIN * 16);
	memset(slots, 0, NR_HOLES * sizeof(struct slot));
	CHECK(sea_pagemap_cover((char *)slots, MiB));
	sea_pagemap_set_zone(slots, (struct sea_zone *)slots);
}

static void link_hole(size_t slot, size_t size)
{
	slots[slot].size = size;
	slots[slot].hole.mark[1] = slot;
	sea_hole_link(&holes, &slots[slot].hole, size);
}

static void unlink_hole(size_t slot)
{
	const struct sea_hole *hole = &slots[slot].hole;
	sea_hole_unlink(&holes, &slots[slot].hole);
	CHECK(!hole->next && !hole->prev && !hole->nr_granules);
	slots[slot].size = 0;
}

static size_t naive_largest(void)
{
	size_t largest = 0;
	for (size_t i = 0; i < NR_HOLES; i++)
		largest = sea_max(largest, slots[i].size);
	return largest;
}

/* Every linked hole is in a list once; the mark above the descriptor is left alone. */
static void check_lists(void)
{
	size_t linked = 0, found = 0;
	CHECK(sea_holes_are_sound(&holes));
	for (size_t bin = 0; bin < SEA_HOLE_BINS; bin++)
		for (const struct sea_hole *hole = holes.first[bin]; hole; hole = hole->next)
			found++;
	for (size_t i = 0; i < NR_HOLES; i++) {
		linked += slots[i].size != 0;
		CHECK(!slots[i].size || slots[i].hole.nr_granules == slots[i].size);
		CHECK(!slots[i].size || slots[i].hole.mark[1] == i);
	}
	CHECK_EQ(found, linked);
}

static void nothing_in_empty_lists(void)
{
	CHECK(sea_holes_are_sound(&holes));
	for (size_t n = SEA_HOLE_MIN; n <= LARGEST; n += 7)
		CHECK(!sea_hole_find(&holes, n));
}

/* H1: of two holes in one bin, the larger exceeds the smaller by less than 1/8; and a
 * larger hole is never in a lower bin.  All sizes there are. */
static void bins_are_an_eighth_wide(void)
{
	size_t first_of_bin = SEA_HOLE_MIN, bins = 0, bin = 0;
	for (size_t n = SEA_HOLE_MIN; n <= LARGEST; n++) {
		link_hole(0, n);
		size_t now = sea_bits_find(holes.filled, 0, SEA_HOLE_BINS, true);
		CHECK(now < SEA_HOLE_BINS);
		CHECK(holes.first[now] == &slots[0].hole);
		if (n == SEA_HOLE_MIN || now != bin) {
			CHECK(n == SEA_HOLE_MIN || now == bin + 1);
			bins++;
			first_of_bin = n;
		}
		bin = now;
		CHECK(8 * (n - first_of_bin) < first_of_bin);
		unlink_hole(0);
		CHECK_EQ(holes.filled[0] | holes.filled[1], 0);
	}
	CHECK_EQ(bins, SEA_HOLE_BINS);
}

/* Any hole in the bin above fits; in its own bin the request may have to be tried. */
static void finds_what_there_is(void)
{
	for (size_t n = SEA_HOLE_MIN; n <= LARGEST; n += 1 + n / 50) {
		link_hole(0, n);
		CHECK(sea_hole_find(&holes, n) == &slots[0].hole);
		CHECK(sea_hole_find(&holes, SEA_HOLE_MIN) == &slots[0].hole);
		if (n < LARGEST)
			CHECK(!sea_hole_find(&holes, n + 1));
		unlink_hole(0);
	}
}

static void check_find(size_t n)
{
	const struct sea_hole *hole = sea_hole_find(&holes, n);
	size_t largest = naive_largest();
	if (hole)
		CHECK(hole->nr_granules >= n);
	else
		CHECK(largest < n + n / 8 + 1); /* a larger bin would have been found */
}

static void random_links(void)
{
	uint64_t seed = test_seed();
	for (size_t step = 0; step < rounds(12000); step++) {
		size_t slot = below(&seed, NR_HOLES);
		if (slots[slot].size)
			unlink_hole(slot);
		else
			link_hole(slot, SEA_HOLE_MIN + test_random_size(&seed, step % 3 ? 500 : LARGEST - SEA_HOLE_MIN));
		if (step % 8 == 0)
			check_lists();
		check_find(SEA_HOLE_MIN + test_random_size(&seed, 2000));
	}
	check_lists();
}

static void prefers_low_addresses(void)
{
	link_hole(5, 100);
	link_hole(3, 100);
	CHECK(sea_hole_find(&holes, 100) == &slots[3].hole);
	link_hole(9, 100);
	CHECK(sea_hole_find(&holes, 100) == &slots[3].hole);
	unlink_hole(3);
	CHECK(sea_holes_are_sound(&holes));
	CHECK(sea_hole_find(&holes, 100) != NULL);
}

/* --- a descriptor that the program has written over --------------------------------------- */

static void link_three(void)
{
	for (size_t i = 0; i < 3; i++)
		link_hole(i, 100);
}

static void a_size_too_small(void)
{
	link_three();
	slots[1].hole.nr_granules = 5;
	unlink_hole(1);
}

static void a_size_too_large(void)
{
	link_three();
	slots[1].hole.nr_granules = LARGEST + 1;
	unlink_hole(1);
}

static void a_wrong_previous_hole(void)
{
	link_three();
	slots[1].hole.prev = &slots[1].hole;
	unlink_hole(1);
}

static void a_wrong_next_hole(void)
{
	link_three();
	size_t middle = slots[1].hole.next ? 1 : 2;
	slots[middle].hole.next = &slots[middle].hole;
	unlink_hole(middle);
}

static void a_next_hole_that_is_nowhere(void)
{
	link_three();
	struct sea_hole *first = holes.first[sea_bits_find(holes.filled, 0, SEA_HOLE_BINS, true)];
	first->next = (struct sea_hole *)0x4141414141414141;
	sea_hole_unlink(&holes, first);
}

/* Inside of a zone, but too near to its end. */
static void a_previous_hole_at_the_end_of_a_zone(void)
{
	link_three();
	slots[1].hole.prev = (struct sea_hole *)((char *)slots + MiB - 16);
	unlink_hole(1);
}

static void a_link_in_the_way_of_a_new_hole(void)
{
	link_hole(0, 100);
	slots[0].hole.next = (struct sea_hole *)16;
	link_hole(1, 100);
}

static void a_link_in_the_way_of_a_search(void)
{
	link_hole(0, 100);
	slots[0].hole.next = &slots[3].hole;
	sea_hole_find(&holes, 103);
}

static void a_hole_of_another_size(void)
{
	link_hole(0, 100);
	slots[0].hole.nr_granules = 1000;
	unlink_hole(0);
}

static void a_link_that_leads_nowhere(void)
{
	link_three();
	for (size_t i = 0; i < 3; i++)
		memset(&slots[i].hole.next, 0x5a, sizeof(slots[i].hole.next));
	unlink_hole(1);
}

static void a_link_in_front_that_leads_nowhere(void)
{
	link_three();
	for (size_t i = 0; i < 3; i++)
		memset(&slots[i].hole, 0x5a, 2 * sizeof(void *) + sizeof(slots[i].hole.next));
	link_hole(3, 100);
}

static void unsound_lists_are_noticed(void)
{
	link_three();
	holes.filled[0] ^= 1ull << 40;
	CHECK(!sea_holes_are_sound(&holes)); /* H2 */
	holes.filled[0] ^= 1ull << 40;
	struct sea_hole *second = holes.first[sea_bits_find(holes.filled, 0, SEA_HOLE_BINS, true)]->next;
	second->prev = NULL;
	CHECK(!sea_holes_are_sound(&holes)); /* H3 */
}

#define WRITTEN ": the free memory here was written to"

static const struct test_case cases[] = {
	PASSES(nothing_in_empty_lists),
	PASSES(bins_are_an_eighth_wide),
	PASSES(finds_what_there_is),
	PASSES(random_links),
	PASSES(prefers_low_addresses),
	ABORTS(a_size_too_small, WRITTEN),
	ABORTS(a_size_too_large, WRITTEN),
	ABORTS(a_wrong_previous_hole, WRITTEN),
	ABORTS(a_wrong_next_hole, WRITTEN),
	ABORTS(a_next_hole_that_is_nowhere, WRITTEN),
	ABORTS(a_previous_hole_at_the_end_of_a_zone, WRITTEN),
	ABORTS(a_link_in_the_way_of_a_new_hole, WRITTEN),
	ABORTS(a_link_in_the_way_of_a_search, WRITTEN),
	ABORTS(a_hole_of_another_size, WRITTEN),
	ABORTS(a_link_that_leads_nowhere, WRITTEN),
	ABORTS(a_link_in_front_that_leads_nowhere, WRITTEN),
	PASSES(unsound_lists_are_noticed),
};

HARNESS_MAIN(cases)
