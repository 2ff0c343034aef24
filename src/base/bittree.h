/* SPDX-License-Identifier: MIT */
/* bittree.h - a set of small integers that finds its lowest member in constant time
 *
 *    level 1      [ 0 1 1 0 ... ]        bit i: word i of level 0 is not zero
 *    level 0      [ 0 ][ 9 ][ 4 ][ 0 ]   bit i: i is a member
 *
 * B1  A bit of level n + 1 is set  <=>  the word it stands for is not zero.
 * B2  The highest level has one word.
 *
 * Cost: one word for every factor of 64 in the capacity.  No lock.
 */
#ifndef SEA_BITTREE_H
#define SEA_BITTREE_H

#include "base/bits.h"

/* 64^4 members: more than an arena has pages. */
#define SEA_BITTREE_LEVELS 4

struct sea_bittree {
	uint64_t *level[SEA_BITTREE_LEVELS];
	unsigned nr_levels;
};

/* Words of memory for a set of members [0, capacity). */
static inline size_t sea_bittree_words(size_t capacity)
{
	size_t words = 0;
	do {
		capacity = (capacity + 63) / 64;
		words += capacity;
	} while (capacity > 1);
	return words;
}

/* Makes an empty set in zeroed `memory`.  Returns the word behind it. */
static inline uint64_t *sea_bittree_init(struct sea_bittree *tree, size_t capacity, uint64_t *memory)
{
	tree->nr_levels = 0;
	SEA_ASSERT(capacity > 0);
	do {
		capacity = (capacity + 63) / 64;
		tree->level[tree->nr_levels++] = memory;
		memory += capacity;
		SEA_ASSERT(tree->nr_levels <= SEA_BITTREE_LEVELS);
	} while (capacity > 1);
	return memory;
}

static inline void sea_bittree_add(struct sea_bittree *tree, size_t member)
{
	SEA_ASSERT(member >> 6 * tree->nr_levels == 0);
	for (unsigned l = 0; l < tree->nr_levels; l++) {
		uint64_t before = tree->level[l][member / 64];
		tree->level[l][member / 64] = before | 1ull << member % 64;
		if (before)
			return;
		member /= 64;
	}
}

static inline void sea_bittree_remove(struct sea_bittree *tree, size_t member)
{
	SEA_ASSERT(member >> 6 * tree->nr_levels == 0);
	for (unsigned l = 0; l < tree->nr_levels; l++) {
		uint64_t after = tree->level[l][member / 64] & ~(1ull << member % 64);
		tree->level[l][member / 64] = after;
		if (after)
			return;
		member /= 64;
	}
}

static inline bool sea_bittree_has(const struct sea_bittree *tree, size_t member)
{
	SEA_ASSERT(member >> 6 * tree->nr_levels == 0);
	return sea_bit_test(tree->level[0], member);
}

static inline bool sea_bittree_is_empty(const struct sea_bittree *tree)
{
	return tree->level[tree->nr_levels - 1][0] == 0;
}

static inline void sea_bittree_set(struct sea_bittree *tree, size_t member, bool is_member)
{
	if (is_member)
		sea_bittree_add(tree, member);
	else
		sea_bittree_remove(tree, member);
}

/* The set must not be empty. */
static inline size_t sea_bittree_lowest(const struct sea_bittree *tree)
{
	size_t member = 0;
	SEA_ASSERT(!sea_bittree_is_empty(tree));
	for (unsigned l = tree->nr_levels; l-- > 0;)
		member = member * 64 + sea_lowest_bit(tree->level[l][member]);
	SEA_ASSERT(sea_bittree_has(tree, member)); /* B1 */
	return member;
}

/* Claim: B1 holds for a set of members [0, capacity).  Walks the whole set. */
static inline bool sea_bittree_is_sound(const struct sea_bittree *tree, size_t capacity)
{
	size_t nr_words = (capacity + 63) / 64;
	for (unsigned l = 0; l + 1 < tree->nr_levels; l++, nr_words = (nr_words + 63) / 64)
		for (size_t i = 0; i < nr_words; i++)
			if (sea_bit_test(tree->level[l + 1], i) != (tree->level[l][i] != 0))
				return false;
	return !tree->nr_levels || nr_words == 1; /* B2 */
}

#endif
