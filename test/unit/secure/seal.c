/* SPDX-License-Identifier: MIT */
/* seal.c - codes, fill, and the bytes that differ */
#include "secure/seal.h"

#include "unit.h"

static uint64_t cell[64] __attribute__((aligned(64)));

static void begin(void)
{
	uint64_t state = test_seed();
	sea_secrets = (struct sea_secrets){test_random(&state), test_random(&state) | 1, test_random(&state) | 1,
					    sea_seal_mask(test_random(&state))};
	memset(cell, 0, sizeof(cell));
}

static void tells_request_and_kind(void)
{
	begin();
	for (size_t slack = 0; slack < 32768; slack = slack * 3 / 2 + 1)
		for (enum sea_kind kind = SEA_KIND_PLAIN; kind <= SEA_KIND_ARRAY; kind++) {
			sea_seal seal = sea_seal_of_block(&cell[7], slack, kind);
			CHECK(sea_seal_is_live(seal) && sea_seal_is_true(&cell[7], seal));
			CHECK_EQ(sea_seal_slack(seal), slack);
			CHECK_EQ(sea_seal_kind(seal), kind);
			CHECK(seal & 0xff);
		}
	CHECK(!sea_seal_is_live(sea_seal_free(&cell[7])));
	CHECK(sea_seal_is_true(&cell[7], sea_seal_free(&cell[7])) && sea_seal_is_true(&cell[7], 0));
}

static void holds_at_its_place_only(void)
{
	begin();
	sea_seal seal = sea_seal_of_block(&cell[7], 5, SEA_KIND_NEW);
	for (size_t i = 0; i < 64; i++)
		CHECK_EQ(sea_seal_is_true(&cell[i], seal), i == 7);
}

static void every_bit_counts(void)
{
	begin();
	sea_seal seal = sea_seal_of_block(&cell[7], 5, SEA_KIND_PLAIN);
	for (unsigned bit = 0; bit < 64; bit++)
		CHECK(!sea_seal_is_true(&cell[7], seal ^ 1ull << bit));
}

/* Requests of all lengths in a cell of 128 bytes. */
static void fill_shows_each_byte(void)
{
	begin();
	sea_seal *place = &cell[15];
	for (size_t size = 0; size <= 120; size++) {
		char *block = (char *)cell;
		memset(block, 'x', 120);
		sea_fill_put(block + size, place);
		for (size_t i = 0; i < size; i++)
			CHECK(block[i] == 'x');
		CHECK(sea_fill_is_whole(block + size, place));
		for (size_t i = size; i < 120; i++) {
			CHECK(block[i] || (i == size && size % 16 == 0));
			block[i] ^= 1;
			CHECK(!sea_fill_is_whole(block + size, place));
			block[i] ^= 1;
		}
		for (size_t i = 0; i < size; i++)
			block[i] = 'y';
		CHECK(sea_fill_is_whole(block + size, place));
	}
}

static const struct test_case cases[] = {
	PASSES(tells_request_and_kind),
	PASSES(holds_at_its_place_only),
	PASSES(every_bit_counts),
	PASSES(fill_shows_each_byte),
};

HARNESS_MAIN(cases)
