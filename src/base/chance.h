/* SPDX-License-Identifier: MIT */
/* chance.h - numbers that an attacker cannot foresee without reading our memory
 *
 * Weyl sequence through a mixer (splitmix64, Steele, Lea and Flood 2014), started with bits of the
 * kernel, or by guards with the process's secret.  It is no cipher: who sees many of its numbers
 * can compute the next.  The program sees none of them, only where blocks lie.
 */
#ifndef SEA_CHANCE_H
#define SEA_CHANCE_H

#include "base/check.h"

/* By how much a state moves for each number: 2^64 / golden ratio. */
#define SEA_CHANCE_STEP 0x9e3779b97f4a7c15ull

struct sea_chance {
	uint64_t state;
};

SEA_INLINE uint64_t sea_chance_next(struct sea_chance *chance)
{
	uint64_t z = chance->state += SEA_CHANCE_STEP;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	return z ^ z >> 31;
}

/* A number below `limit`, which is at most 2^32. */
SEA_INLINE uint32_t sea_chance_below(struct sea_chance *chance, uint32_t limit)
{
	SEA_ASSERT(limit > 0);
	return (uint32_t)((sea_chance_next(chance) >> 32) * limit >> 32);
}

/* One of the set bits of a word that is not 0.  Not all are equally likely: the one above a gap
 * has the chance of the gap, too. */
SEA_INLINE unsigned sea_chance_bit(struct sea_chance *chance, uint64_t word)
{
	SEA_ASSERT(word != 0);
	unsigned by = (unsigned)(sea_chance_next(chance) >> 58);
	uint64_t turned = word >> by | word << (-by & 63);
	return ((unsigned)__builtin_ctzll(turned) + by) % 64;
}

#endif
