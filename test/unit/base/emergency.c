/* SPDX-License-Identifier: MIT */
/* emergency.c - memory for calls that may not enter the heap */
#include "base/emergency.h"

#include "unit.h"

static bool overlap(const char *a, size_t size_a, const char *b, size_t size_b)
{
	return a < b + size_b && b < a + size_a;
}

static void blocks_are_apart_and_zero(void)
{
	enum { NR = 500 };
	static char *blocks[NR];
	for (size_t i = 0; i < NR; i++) {
		CHECK((blocks[i] = sea_emergency_alloc(16, i * 7)) != NULL);
		CHECK((uintptr_t)blocks[i] % 16 == 0);
		CHECK(sea_emergency_size(blocks[i]) >= i * 7 && sea_emergency_size(blocks[i]) > 0);
		CHECK(test_is_zero(blocks[i], sea_emergency_size(blocks[i])));
		memset(blocks[i], 0xff, sea_emergency_size(blocks[i]));
		CHECK(sea_emergency_is_sound());
	}
	for (size_t i = 0; i < NR; i++)
		for (size_t k = 0; k < i; k++)
			CHECK(!overlap(blocks[i], i * 7, blocks[k], k * 7));
}

/* Beyond the static memory, larger than a region, and with alignments. */
static void grows_by_mappings(void)
{
	for (size_t shift = 4; shift < 25; shift++) {
		size_t bytes = (size_t)1 << shift;
		char *block = sea_emergency_alloc(bytes, bytes + 1);
		CHECK(block != NULL && (uintptr_t)block % bytes == 0);
		CHECK(sea_emergency_size(block) > bytes);
		block[0] = block[bytes] = 1;
		CHECK(sea_emergency_is_sound());
	}
	CHECK(sim.nr_calls[SIM_RESERVE] > 0);
}

static void others_blocks_are_not_its(void)
{
	int here = 0;
	CHECK_EQ(sea_emergency_size(&here), 0);
	CHECK_EQ(sea_emergency_size(NULL), 0);
	CHECK_EQ(sea_emergency_size(blocks_are_apart_and_zero), 0);
}

static void a_copy_has_what_fits(void)
{
	char text[100];
	test_fill(text, sizeof(text), 5);
	char *longer = sea_emergency_copy(text, sizeof(text), 300);
	CHECK(longer != NULL && !memcmp(longer, text, sizeof(text)) && test_is_zero(longer + 100, 200));
	char *shorter = sea_emergency_copy(longer, sea_emergency_size(longer), 10);
	CHECK(shorter != NULL && !memcmp(shorter, text, 10) && test_is_zero(shorter + 10, 6));
}

static void no_memory(void)
{
	CHECK(sea_emergency_alloc(16, SIZE_MAX) == NULL);
	CHECK(sea_emergency_alloc(16, PTRDIFF_MAX) == NULL);
	CHECK(sea_emergency_alloc((size_t)1 << 63, 1) == NULL);
	sim_fail(SIM_RESERVE, 1, false);
	CHECK(sea_emergency_alloc(16, 2 * MiB) == NULL);
	sim_fail(SIM_COMMIT, 1, false);
	size_t reserved = sim.reserved;
	CHECK(sea_emergency_alloc(16, 2 * MiB) == NULL);
	CHECK_EQ(sim.reserved, reserved);
	CHECK(sea_emergency_alloc(16, 2 * MiB) != NULL);
}

enum { NR_THREADS = 4, NR_EACH = 2000 };

static void *draw(void *mark)
{
	for (size_t i = 0; i < NR_EACH; i++) {
		size_t size = 1 + i % 900;
		char *block = sea_emergency_alloc(16, size);
		CHECK(block != NULL && test_is_zero(block, size));
		memset(block, *(char *)mark, size);
		CHECK(sea_emergency_size(block) >= size);
		for (size_t k = 0; k < size; k += 50)
			CHECK_EQ(block[k], *(char *)mark);
	}
	return NULL;
}

static void threads_get_blocks_of_their_own(void)
{
	pthread_t threads[NR_THREADS];
	static char marks[NR_THREADS] = {1, 2, 3, 4};
	for (int i = 0; i < NR_THREADS; i++)
		threads[i] = start_thread(draw, &marks[i]);
	for (int i = 0; i < NR_THREADS; i++)
		pthread_join(threads[i], NULL);
}

static void who_writes_behind_the_last_block_is_noticed(void)
{
	char *block = sea_emergency_alloc(16, 100);
	memset(block, 0xff, sea_emergency_size(block));
	CHECK(sea_emergency_is_sound());
	block[sea_emergency_size(block) + 1000] = 1;
	CHECK(!sea_emergency_is_sound()); /* N1 */
}

static const struct test_case cases[] = {
	PASSES(blocks_are_apart_and_zero), PASSES(grows_by_mappings), PASSES(others_blocks_are_not_its),
	PASSES(a_copy_has_what_fits), PASSES(no_memory), PASSES(threads_get_blocks_of_their_own),
	PASSES(who_writes_behind_the_last_block_is_noticed),
};

HARNESS_MAIN(cases)
