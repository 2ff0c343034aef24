/* SPDX-License-Identifier: MIT */
/* bits.h - arithmetic on powers of two, words and bitmaps
 *
 * A bitmap is an array of 64-bit words; bit i is bit i % 64 of word i / 64.
 * Ranges are half open: [from, to).
 */
#ifndef SEA_BITS_H
#define SEA_BITS_H

#include "base/atomic.h"
#include "base/check.h"

#define SEA_WORD_BITS 64u

SEA_INLINE bool sea_is_power_of_two(size_t value) { return value && !(value & (value - 1)); }

SEA_INLINE size_t sea_round_up(size_t value, size_t power)
{
	SEA_ASSERT(sea_is_power_of_two(power));
	return (value + power - 1) & ~(power - 1);
}

SEA_INLINE size_t sea_round_down(size_t value, size_t power)
{
	SEA_ASSERT(sea_is_power_of_two(power));
	return value & ~(power - 1);
}

/* Undefined for 0, like the instructions. */
SEA_INLINE unsigned sea_lowest_bit(uint64_t word) { return (unsigned)__builtin_ctzll(word); }
SEA_INLINE unsigned sea_highest_bit(uint64_t word) { return 63u ^ (unsigned)__builtin_clzll(word); }

/* Counts by halves, quarters and bytes.  x86-64 may have no instruction for it, and then compilers
 * call a function with a table.  This takes 12 instructions; asking the processor first takes some
 * 4: that would save 1 of 186 in batch_random/100000, and none if caches serve. */
SEA_INLINE unsigned sea_count_bits(uint64_t word)
{
	word -= word >> 1 & 0x5555555555555555ull;
	word = (word & 0x3333333333333333ull) + (word >> 2 & 0x3333333333333333ull);
	word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0full;
	return (unsigned)(word * 0x0101010101010101ull >> 56);
}

/* log2 rounded up; 0 for 0 and 1. */
SEA_INLINE unsigned sea_log2_ceil(size_t value) { return value <= 1 ? 0 : sea_highest_bit(value - 1) + 1; }

/* Bits [from, to) of one word, 0 <= from <= to <= 64. */
SEA_INLINE uint64_t sea_mask(unsigned from, unsigned to)
{
	SEA_ASSERT(from <= to && to <= SEA_WORD_BITS);
	uint64_t below_to = to == SEA_WORD_BITS ? ~0ull : (1ull << to) - 1;
	return from == SEA_WORD_BITS ? 0 : below_to & (~0ull << from);
}

SEA_INLINE bool sea_bit_test(const uint64_t *map, size_t bit) { return map[bit / 64] >> bit % 64 & 1; }
SEA_INLINE void sea_bit_set(uint64_t *map, size_t bit) { map[bit / 64] |= 1ull << bit % 64; }
SEA_INLINE void sea_bit_clear(uint64_t *map, size_t bit) { map[bit / 64] &= ~(1ull << bit % 64); }

/* The part of [from, to) that is in word `index`. */
SEA_INLINE uint64_t sea_mask_in_word(size_t index, size_t from, size_t to)
{
	size_t base = index * 64;
	unsigned low = from > base ? (unsigned)(from - base) : 0;
	unsigned high = to < base + 64 ? (unsigned)(to - base) : 64;
	return sea_mask(low, high);
}

/* Sets [from, to), which is not empty. */
static inline void sea_bits_set(uint64_t *map, size_t from, size_t to)
{
	SEA_ASSERT(from < to);
	size_t first = from / 64, last = (to - 1) / 64;
	uint64_t in_first = ~0ull << from % 64, in_last = ~0ull >> (63 - (to - 1) % 64);
	if (first == last) {
		map[first] |= in_first & in_last;
		return;
	}
	map[first] |= in_first;
	for (size_t w = first + 1; w < last; w++)
		map[w] = ~0ull;
	map[last] |= in_last;
}

/* Clears [from, to). */
static inline void sea_bits_clear(uint64_t *map, size_t from, size_t to)
{
	for (size_t w = from / 64; w * 64 < to; w++)
		map[w] &= ~sea_mask_in_word(w, from, to);
}

/* Number of set bits in [from, to).  Bits outside may change meanwhile. */
static inline size_t sea_bits_count(const uint64_t *map, size_t from, size_t to)
{
	size_t count = 0;
	for (size_t w = from / 64; w * 64 < to; w++)
		count += sea_count_bits(sea_load_relaxed(&map[w]) & sea_mask_in_word(w, from, to));
	return count;
}

/* Words at which a search looks at once.  Not a loop: gcc 13 would keep it, which takes as
 * long. */
#define SEA_SEARCH_WORDS 4u

/* Claim: all bits of the next SEA_SEARCH_WORDS words are those of `flip`. */
SEA_INLINE bool sea_words_are(const uint64_t *words, uint64_t flip)
{
	return !((sea_load_relaxed(&words[0]) ^ flip) | (sea_load_relaxed(&words[1]) ^ flip) |
		 (sea_load_relaxed(&words[2]) ^ flip) | (sea_load_relaxed(&words[3]) ^ flip));
}

/* First bit in [from, to) that is `value`, else `to`.  Bits outside may change meanwhile. */
static inline size_t sea_bits_find(const uint64_t *map, size_t from, size_t to, bool value)
{
	if (from >= to)
		return to;
	uint64_t flip = value ? 0 : ~0ull;
	size_t w = from / 64, last = (to - 1) / 64;
	uint64_t hits = (sea_load_relaxed(&map[w]) ^ flip) & ~0ull << from % 64;
	if (!hits) {
		while (w + SEA_SEARCH_WORDS < last && sea_words_are(&map[w + 1], flip))
			w += SEA_SEARCH_WORDS;
		while (!hits && w < last)
			hits = sea_load_relaxed(&map[++w]) ^ flip;
	}
	size_t bit = hits ? w * 64 + sea_lowest_bit(hits) : to;
	return bit < to ? bit : to;
}

/* Last bit in [0, before) that is `value`, plus one; 0 if there is none.  Bits outside may change
 * meanwhile. */
static inline size_t sea_bits_find_back(const uint64_t *map, size_t before, bool value)
{
	if (!before)
		return 0;
	uint64_t flip = value ? 0 : ~0ull;
	size_t w = (before - 1) / 64;
	uint64_t hits = (sea_load_relaxed(&map[w]) ^ flip) & ~0ull >> (63 - (before - 1) % 64);
	if (!hits) {
		while (w > SEA_SEARCH_WORDS && sea_words_are(&map[w - SEA_SEARCH_WORDS], flip))
			w -= SEA_SEARCH_WORDS;
		while (!hits && w > 0)
			hits = sea_load_relaxed(&map[--w]) ^ flip;
	}
	return hits ? w * 64 + sea_highest_bit(hits) + 1 : 0;
}

#endif
