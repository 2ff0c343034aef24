/* SPDX-License-Identifier: MIT */
/* bag.h - live blocks, any of which can be freed; what they cost beside what was asked for
 *
 * The tables have their memory before the base line is taken.
 */
#ifndef SEA_TEST_MEMORY_BAG_H
#define SEA_TEST_MEMORY_BAG_H

#include "goal.h"

enum { BAG_PLACES = 2 << 20 };

static struct {
	void *block[BAG_PLACES];
	uint32_t size[BAG_PLACES];
	size_t nr, bytes;
	size_t base;     /* resident before the first block */
	uint64_t random; /* the same numbers in each run: memory is to be compared */
} bag;

static inline void bag_open(void)
{
	memset(&bag, 1, sizeof(bag));
	bag.nr = bag.bytes = 0;
	bag.random = 0x5ea;
	free(malloc(1));
	bag.base = test_rss();
}

static inline uint64_t bag_draw(uint64_t below) { return (test_random(&bag.random) >> 16) % below; }

/* From low up to high, each doubling as likely as another. */
static inline size_t bag_draw_size(size_t low, size_t high)
{
	unsigned doublings = 63 - (unsigned)__builtin_clzll(high / low);
	size_t least = low << bag_draw(doublings);
	return least + bag_draw(least);
}

static inline void bag_put(size_t size)
{
	CHECK(bag.nr < BAG_PLACES);
	CHECK((bag.block[bag.nr] = malloc(size)) != NULL);
	memset(bag.block[bag.nr], 1, size);
	bag.size[bag.nr++] = (uint32_t)size;
	bag.bytes += size;
}

static inline void bag_drop(size_t at)
{
	free(bag.block[at]);
	bag.bytes -= bag.size[at];
	bag.nr--;
	bag.block[at] = bag.block[bag.nr];
	bag.size[at] = bag.size[bag.nr];
}

static inline void bag_fill(size_t bytes, size_t low, size_t high)
{
	while (bag.bytes < bytes)
		bag_put(bag_draw_size(low, high));
}

/* Keeps one of so many, by chance. */
static inline void bag_thin(size_t one_of)
{
	for (size_t left = bag.nr / one_of; bag.nr > left;)
		bag_drop(bag_draw(bag.nr));
}

static inline size_t bag_rss(void)
{
	size_t rss = test_rss();
	return rss > bag.base ? rss - bag.base : 0;
}

static inline double bag_cost(void) { return (double)bag_rss() / (double)bag.bytes; }

#endif
