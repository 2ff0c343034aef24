/* SPDX-License-Identifier: MIT */
/* bits.c - words and bitmaps against bit by bit */
#include "base/bits.h"

#include "unit.h"

#define WORDS 5
#define BITS (WORDS * 64)
#define LONG_WORDS (5 * SEA_SEARCH_WORDS + 3)
#define LONG_BITS ((size_t)LONG_WORDS * 64)

static void rounding(void)
{
	CHECK_EQ(sea_round_up(0, 16), 0);
	CHECK_EQ(sea_round_up(1, 16), 16);
	CHECK_EQ(sea_round_up(16, 16), 16);
	CHECK_EQ(sea_round_up(17, 4096), 4096);
	CHECK_EQ(sea_round_down(17, 16), 16);
	CHECK_EQ(sea_round_down(15, 16), 0);
}

static void powers_of_two(void)
{
	CHECK(!sea_is_power_of_two(0));
	for (unsigned i = 0; i < 64; i++)
		CHECK(sea_is_power_of_two((size_t)1 << i));
	for (unsigned i = 2; i < 64; i++)
		CHECK(!sea_is_power_of_two(((size_t)1 << i) + 1));
}

static void lowest_and_highest_bit(void)
{
	for (unsigned i = 0; i < 64; i++) {
		CHECK_EQ(sea_lowest_bit(~0ull << i), i);
		CHECK_EQ(sea_highest_bit(~0ull >> (63 - i)), i);
		CHECK_EQ(sea_count_bits(~0ull << i), 64 - i);
	}
}

static void log2_rounds_up(void)
{
	CHECK_EQ(sea_log2_ceil(0), 0);
	for (size_t value = 1; value < 5000; value++) {
		unsigned log2 = sea_log2_ceil(value);
		CHECK((size_t)1 << log2 >= value);
		CHECK(log2 == 0 || (size_t)1 << (log2 - 1) < value);
	}
}

static void masks(void)
{
	for (unsigned from = 0; from <= 64; from++)
		for (unsigned to = from; to <= 64; to++) {
			uint64_t want = 0;
			for (unsigned i = from; i < to; i++)
				want |= 1ull << i;
			CHECK_EQ(sea_mask(from, to), want);
		}
}

static void single_bits(void)
{
	uint64_t map[WORDS] = {0};
	for (size_t i = 0; i < BITS; i++) {
		CHECK(!sea_bit_test(map, i));
		sea_bit_set(map, i);
		CHECK(sea_bit_test(map, i));
		CHECK_EQ(sea_bits_count(map, 0, BITS), 1);
		sea_bit_clear(map, i);
		CHECK(!sea_bit_test(map, i));
	}
}

/* --- ranges, every one of them, over random maps ---------------------------------- */

static void fill_randomly(uint64_t *map, uint64_t *seed)
{
	for (size_t w = 0; w < WORDS; w++) {
		uint64_t dense = test_random(seed) | test_random(seed), sparse = test_random(seed) & test_random(seed);
		uint64_t kinds[] = {0, ~0ull, dense, sparse & test_random(seed), test_random(seed)};
		map[w] = kinds[below(seed, NR(kinds))];
	}
}

static size_t naive_find(const uint64_t *map, size_t from, size_t to, bool value)
{
	while (from < to && sea_bit_test(map, from) != value)
		from++;
	return from < to ? from : to;
}

static size_t naive_find_back(const uint64_t *map, size_t before, bool value)
{
	while (before > 0 && sea_bit_test(map, before - 1) != value)
		before--;
	return before;
}

static void check_range(const uint64_t *map, size_t from, size_t to)
{
	uint64_t set[WORDS], naive_set[WORDS];
	size_t nr_set = 0;
	memcpy(set, map, sizeof(set));
	memcpy(naive_set, map, sizeof(set));
	for (size_t i = from; i < to; i++) {
		nr_set += sea_bit_test(map, i);
		sea_bit_set(naive_set, i);
	}
	CHECK_EQ(sea_bits_count(map, from, to), nr_set);
	if (from < to)
		sea_bits_set(set, from, to);
	CHECK(!memcmp(set, naive_set, sizeof(set)));
	for (size_t bit = from; bit < to; bit++)
		sea_bit_clear(naive_set, bit);
	sea_bits_clear(set, from, to);
	CHECK(!memcmp(set, naive_set, sizeof(set)));
}

static void ranges(void)
{
	uint64_t seed = test_seed(), map[WORDS];
	for (size_t round = 0; round < rounds(60); round++) {
		fill_randomly(map, &seed);
		for (size_t from = 0; from <= BITS; from += 1 + below(&seed, 3))
			for (size_t to = from; to <= BITS; to += 1 + below(&seed, 9))
				check_range(map, from, to);
	}
}

static void searches(void)
{
	uint64_t seed = test_seed(), map[WORDS];
	for (size_t round = 0; round < rounds(200); round++) {
		fill_randomly(map, &seed);
		for (size_t from = 0; from <= BITS; from++) {
			size_t to = from + below(&seed, BITS - from + 1);
			CHECK_EQ(sea_bits_find(map, from, to, true), naive_find(map, from, to, true));
			CHECK_EQ(sea_bits_find(map, from, to, false), naive_find(map, from, to, false));
			CHECK_EQ(sea_bits_find_back(map, from, true), naive_find_back(map, from, true));
			CHECK_EQ(sea_bits_find_back(map, from, false), naive_find_back(map, from, false));
		}
	}
}

/* Searches over more words than they look at in one step, for one bit and for none, from each
 * end. */
static void searches_far(void)
{
	uint64_t map[LONG_WORDS];
	for (size_t at = 0; at < LONG_BITS; at += 29) {
		for (unsigned value = 0; value <= 1; value++) {
			memset(map, value ? 0 : 0xff, sizeof(map));
			map[at / 64] ^= 1ull << at % 64;
			for (size_t from = 0; from < LONG_BITS; from += 61) {
				CHECK_EQ(sea_bits_find(map, from, LONG_BITS, value), from <= at ? at : LONG_BITS);
				CHECK_EQ(sea_bits_find(map, 0, from, value), sea_min(at, from));
				CHECK_EQ(sea_bits_find_back(map, from, value), from > at ? at + 1 : 0);
			}
		}
	}
}

static const struct test_case cases[] = {
	PASSES(rounding), PASSES(powers_of_two), PASSES(lowest_and_highest_bit), PASSES(log2_rounds_up), PASSES(masks),
	PASSES(single_bits), PASSES(ranges), PASSES(searches), PASSES(searches_far),
};

HARNESS_MAIN(cases)
