/* SPDX-License-Identifier: MIT */
/* segment.c - a heap in one range, against a list of blocks; every store of a
 * transaction as its last */
#include "segment/segment.h"

#include <setjmp.h>
#include <stdio.h>
#include <sys/mman.h>

#include "segment/layout.h"
#include "unit.h"

#define MAX_BLOCKS 512
#define RANGE (256 * KiB)

static struct sea_segment segment;

/* A range between two pages without access, so that a stray access ends the test. */
static char *guarded(size_t size)
{
	char *base = mmap(NULL, size + 2 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(base != MAP_FAILED);
	CHECK_EQ(mprotect(base + 4096, size, PROT_READ | PROT_WRITE), 0);
	return base + 4096;
}

static char *start(size_t length, size_t limit)
{
	char *base = guarded(limit);
	CHECK_EQ(sea_segment_format(&segment, base, length, limit, false), SEA_SEGMENT_OK);
	CHECK(sea_segment_is_sound(&segment));
	return base;
}

/* --- a model ------------------------------------------------------------------------- */

static struct block {
	size_t offset, size; /* offset 0: none */
	uint64_t key;
} blocks[MAX_BLOCKS];

static size_t rounded(size_t size) { return size ? (size + 15) / 16 * 16 : 16; }

static void model_alloc(struct block *block, size_t size, size_t align, uint64_t key)
{
	size_t offset = sea_segment_alloc(&segment, size, align);
	if (!offset)
		return;
	*block = (struct block){offset, size, key};
	CHECK_EQ((uintptr_t)(segment.base + offset) % align, 0);
	CHECK_EQ(sea_segment_usable(&segment, offset), rounded(size));
	test_fill(segment.base + offset, size, key);
}

/* Blocks side by side, into the first free places of the model. */
static void model_alloc_run(size_t size, size_t max, uint64_t key)
{
	size_t nr, offset = sea_segment_alloc_run(&segment, size, max, &nr);
	CHECK(offset ? nr >= 1 && nr <= max : 1);
	for (size_t i = 0, done = 0; offset && done < nr; i++) {
		if (i == MAX_BLOCKS) {
			CHECK_EQ(sea_segment_free(&segment, offset + done++ * rounded(size)), SEA_SEGMENT_OK);
			i--;
		} else if (!blocks[i].offset) {
			blocks[i] = (struct block){offset + done++ * rounded(size), size, key};
			CHECK_EQ(sea_segment_usable(&segment, blocks[i].offset), rounded(size));
			test_fill(segment.base + blocks[i].offset, size, key);
		}
	}
}

static void model_free(struct block *block)
{
	CHECK(test_is_filled(segment.base + block->offset, block->size, block->key));
	CHECK_EQ(sea_segment_free(&segment, block->offset), SEA_SEGMENT_OK);
	CHECK(sea_segment_free(&segment, block->offset) != SEA_SEGMENT_OK);
	block->offset = 0;
}

static void model_resize(struct block *block, size_t size)
{
	if (!sea_segment_resize(&segment, block->offset, size))
		return;
	CHECK(test_is_filled(segment.base + block->offset, sea_min(size, block->size), block->key));
	CHECK_EQ(sea_segment_usable(&segment, block->offset), rounded(size));
	test_fill(segment.base + block->offset, size, block->key);
	block->size = size;
}

/* The counts are those of the model, to the byte. */
static void check_counts(void)
{
	struct sea_segment_counts counts;
	size_t used = 0, nr = 0;
	for (size_t i = 0; i < MAX_BLOCKS; i++) {
		used += blocks[i].offset ? rounded(blocks[i].size) : 0;
		nr += blocks[i].offset != 0;
	}
	sea_segment_count(&segment, &counts);
	CHECK_EQ(counts.used, used);
	CHECK_EQ(counts.nr_blocks, nr);
	CHECK_EQ(counts.metadata + counts.used + counts.free, counts.length);
	CHECK(sea_segment_is_sound(&segment));
}

static void random_operations(void)
{
	uint64_t random = test_seed();
	size_t length = RANGE / 4;
	start(length, RANGE);
	for (size_t i = 0; i < rounds(60000); i++) {
		struct block *block = &blocks[below(&random, MAX_BLOCKS)];
		size_t size = test_random_size(&random, 4000);
		if (!block->offset && below(&random, 8) == 0)
			model_alloc_run(size / 8, 1 + below(&random, 20), test_random(&random));
		else if (!block->offset)
			model_alloc(block, size, (size_t)1 << below(&random, 10), test_random(&random));
		else if (below(&random, 4))
			model_free(block);
		else
			model_resize(block, size);
		if (below(&random, 4000) == 0 && length < RANGE) {
			length += 4096 * (1 + below(&random, 8));
			length = sea_min(length, RANGE);
			CHECK_EQ(sea_segment_grow(&segment, length), SEA_SEGMENT_OK);
		}
		if (i % 64 == 0)
			check_counts();
	}
	for (size_t i = 0; i < MAX_BLOCKS; i++)
		if (blocks[i].offset)
			model_free(&blocks[i]);
	check_counts();
	CHECK_EQ(segment.header->nr_holes, 1);
}

/* --- small things ---------------------------------------------------------------------- */

static void small_range_is_mostly_usable(void)
{
	struct sea_segment_counts counts;
	for (size_t odd = 0; odd < 64; odd += 7) {
		char *base = guarded(64 * KiB + 4096) + odd;
		CHECK_EQ(sea_segment_format(&segment, base, 64 * KiB, 64 * KiB, true), SEA_SEGMENT_OK);
		sea_segment_count(&segment, &counts);
		CHECK(counts.free * 100 >= 64 * KiB * 85);
		CHECK(segment.base + counts.length <= base + 64 * KiB);
		size_t offset = sea_segment_alloc(&segment, counts.free, 16);
		CHECK(offset);
		memset(segment.base + offset, 1, counts.free);
		CHECK(!sea_segment_alloc(&segment, 1, 16));
		CHECK_EQ(sea_segment_free(&segment, offset), SEA_SEGMENT_OK);
	}
}

static void wrong_offsets_are_errors(void)
{
	start(RANGE, RANGE);
	size_t offset = sea_segment_alloc(&segment, 100, 16);
	CHECK_EQ(sea_segment_free(&segment, offset + 16), SEA_SEGMENT_NO_BLOCK);
	CHECK_EQ(sea_segment_free(&segment, offset + 1), SEA_SEGMENT_NO_BLOCK);
	CHECK_EQ(sea_segment_free(&segment, 0), SEA_SEGMENT_NO_BLOCK);
	CHECK_EQ(sea_segment_free(&segment, RANGE), SEA_SEGMENT_NO_BLOCK);
	CHECK_EQ(sea_segment_free(&segment, SIZE_MAX - 15), SEA_SEGMENT_NO_BLOCK);
	CHECK_EQ(sea_segment_usable(&segment, offset + 16), 0);
	CHECK_EQ(sea_segment_free(&segment, offset), SEA_SEGMENT_OK);
	CHECK_EQ(sea_segment_free(&segment, offset), SEA_SEGMENT_FREED);
	CHECK(!sea_segment_alloc(&segment, SIZE_MAX, 16));
	CHECK(!sea_segment_alloc(&segment, 16, (size_t)1 << 62));
	CHECK(sea_segment_is_sound(&segment));
}

static void opens_at_another_address(void)
{
	char *base = start(RANGE / 2, RANGE), *copy = guarded(RANGE);
	struct sea_segment other;
	size_t offset = sea_segment_alloc(&segment, 1000, 16);
	memcpy(copy, base, RANGE);
	CHECK_EQ(sea_segment_open(&other, copy, RANGE), SEA_SEGMENT_OK);
	CHECK(sea_segment_is_sound(&other));
	CHECK_EQ(sea_segment_usable(&other, offset), 1008);
	CHECK_EQ(sea_segment_free(&other, offset), SEA_SEGMENT_OK);
	CHECK_EQ(sea_segment_open(&other, copy, RANGE / 4), SEA_SEGMENT_TOO_SHORT);
	CHECK_EQ(sea_segment_open(&other, copy, 100), SEA_SEGMENT_TOO_SHORT);
	*(uint64_t *)(copy + 8) += 1;
	CHECK_EQ(sea_segment_open(&other, copy, RANGE), SEA_SEGMENT_OTHER_VERSION);
	memset(copy, 0, 64);
	CHECK_EQ(sea_segment_open(&other, copy, RANGE), SEA_SEGMENT_NOT_ONE);
}

static void too_short_or_long_is_an_error(void)
{
	char *base = guarded(4096);
	CHECK_EQ(sea_segment_format(&segment, base, 4096, 4096, false), SEA_SEGMENT_OK);
	CHECK_EQ(sea_segment_format(&segment, base, 4095, 4095, false), SEA_SEGMENT_TOO_SHORT);
	CHECK_EQ(sea_segment_format(&segment, base, 0, 0, false), SEA_SEGMENT_TOO_SHORT);
	CHECK_EQ(sea_segment_format(&segment, base, 4096, SEA_SEGMENT_MOST + 4096, false), SEA_SEGMENT_TOO_SHORT);
	CHECK_EQ(sea_segment_format(&segment, base, 4096, 4000, false), SEA_SEGMENT_TOO_SHORT);
	CHECK_EQ(sea_segment_format(&segment, base + 1, 4096, 4096, false), SEA_SEGMENT_TOO_SHORT);
}

static void reset_frees_all(void)
{
	start(RANGE, RANGE);
	size_t nr = 0;
	while (sea_segment_alloc(&segment, 40 + nr % 100, 16))
		nr++;
	CHECK(nr > 1000);
	sea_segment_reset(&segment);
	CHECK(sea_segment_is_sound(&segment));
	CHECK_EQ(segment.header->nr_holes, 1);
	CHECK_EQ(segment.header->nr_used, 0);
}

/* --- a transaction that stops ---------------------------------------------------------------- */

static struct sea_journal journal;
static struct sea_journal_log shared_log;
static jmp_buf stopped;
static uint64_t stores_left;

static void stop_at_store(void)
{
	if (--stores_left == 0)
		longjmp(stopped, 1);
}

static void use_journal(void)
{
	sea_journal_init(&journal, segment.base, segment.limit, &shared_log);
	segment.journal = &journal;
}

/* One transaction of each kind, chosen by a number, on the blocks that are there. */
static void transact(uint64_t choice)
{
	struct block *block = &blocks[choice % 64];
	size_t size = 1 + choice / 64 % 700;
	if (!block->offset)
		block->offset = sea_segment_alloc(&segment, size, (size_t)1 << choice / 7 % 9);
	else if (choice / 50000 % 3)
		block->offset = sea_segment_free(&segment, block->offset) ? block->offset : 0;
	else
		sea_segment_resize(&segment, block->offset, size);
}

/* Runs a transaction up to store n, as if the process were killed there, and lets a second process
 * take over, which is killed at its store m.  True: the transaction had n stores. */
static bool stops_at(uint64_t choice, uint64_t n, uint64_t m)
{
	volatile bool has_stopped = false;
	stores_left = n;
	journal.after_store = stop_at_store;
	if (!setjmp(stopped)) {
		transact(choice);
		sea_journal_commit(&journal);
	} else {
		has_stopped = true;
	}
	stores_left = m;
	use_journal();
	journal.after_store = stop_at_store;
	if (!setjmp(stopped))
		sea_journal_undo(&journal);
	use_journal();
	sea_journal_undo(&journal);
	CHECK(sea_journal_is_sound(&journal));
	return has_stopped;
}

/* For each transaction and each of its stores: either nothing of the transaction is left, or all
 * of it. */
static void every_store_may_be_the_last(void)
{
	static char before[RANGE], after[RANGE];
	uint64_t random = test_seed(), nr_points = 0, longest = 0;
	size_t length = RANGE / 8;
	char *base = start(length, length);
	use_journal();
	for (size_t i = 0; i < rounds(400); i++) {
		struct block block_before[64], block_after[64];
		uint64_t choice = test_random(&random) >> 8;
		memcpy(before, base, length);
		memcpy(block_before, blocks, sizeof(block_before));
		transact(choice);
		sea_journal_commit(&journal);
		longest = sea_max(longest, journal.longest);
		CHECK(sea_segment_is_sound(&segment));
		memcpy(after, base, length);
		memcpy(block_after, blocks, sizeof(block_after));
		bool goes_on = true;
		for (uint64_t n = 1; goes_on; n++, nr_points++) {
			memcpy(base, before, length);
			memcpy(blocks, block_before, sizeof(block_before));
			goes_on = stops_at(choice, n, 1 + n % 7);
			bool is_undone = !memcmp(base, before, length), is_done = !memcmp(base, after, length);
			CHECK(is_undone || is_done);
			CHECK(sea_segment_is_sound(&segment));
		}
		memcpy(blocks, block_after, sizeof(block_after));
		memcpy(base, after, length);
	}
	printf("note  %llu points at which a transaction stopped; the longest notes %llu stores\n", (unsigned long long)nr_points,
	       (unsigned long long)longest);
	fflush(stdout);
	CHECK(nr_points > 10 * rounds(400)); /* a transaction has more stores than that */
	CHECK_AT_MOST(longest, SEA_JOURNAL_MAX - 32); /* what the messages add to a transaction */
}

static void growth_may_stop(void)
{
	char *base = start(RANGE / 2, RANGE);
	static char before[RANGE];
	size_t offset = sea_segment_alloc(&segment, 1000, 16);
	memcpy(before, base, RANGE);
	for (uint64_t n = 1;; n++) {
		use_journal();
		stores_left = n;
		journal.after_store = stop_at_store;
		if (!setjmp(stopped)) {
			CHECK_EQ(sea_segment_grow(&segment, RANGE), SEA_SEGMENT_OK);
			break;
		}
		use_journal();
		sea_journal_undo(&journal);
		CHECK_EQ(sea_segment_follow(&segment, RANGE), SEA_SEGMENT_OK);
		CHECK(!memcmp(before, base, RANGE));
	}
	journal.after_store = NULL;
	sea_journal_commit(&journal);
	CHECK(sea_segment_is_sound(&segment));
	CHECK_EQ(sea_segment_free(&segment, offset), SEA_SEGMENT_OK);
}

static void hostile_log_is_refused(void)
{
	start(RANGE, RANGE);
	use_journal();
	for (int i = 0; i < 4; i++) {
		uint64_t wild[] = {SIZE_MAX, RANGE, RANGE - 7, 3};
		shared_log.nr = 1;
		shared_log.entry[0].at = wild[i];
		CHECK_EQ(sea_journal_undo(&journal), SEA_JOURNAL_BROKEN);
	}
	shared_log.nr = SEA_JOURNAL_MAX + 1;
	CHECK_EQ(sea_journal_undo(&journal), SEA_JOURNAL_BROKEN);
	CHECK(sea_segment_is_sound(&segment));
}

/* --- hostile contents ------------------------------------------------------------------- */

static void flip_bits(uint64_t *random, size_t nr, size_t reach)
{
	for (size_t i = 0; i < nr; i++)
		segment.base[below(random, reach)] ^= (char)(1 << below(random, 8));
}

static bool count_visits(const struct sea_segment_chunk *chunk, void *context)
{
	CHECK(chunk->offset + chunk->size <= segment.limit);
	++*(size_t *)context;
	return true;
}

/* Bits flip in the metadata and in holes; every call ends, and none leaves the range. */
static void flipped_bits_do_no_harm(void)
{
	uint64_t random = test_seed();
	size_t nr_broken = 0, length = 16 * KiB;
	char *base = start(length, length);
	static char whole[16 * KiB];
	for (size_t i = 0; i < 64; i++)
		blocks[i].offset = sea_segment_alloc(&segment, 1 + below(&random, 300), 16);
	for (size_t i = 0; i < 64; i += 2)
		sea_segment_free(&segment, blocks[i].offset);
	memcpy(whole, base, length);
	for (size_t round = 0; round < rounds(4000); round++) {
		memcpy(base, whole, length);
		flip_bits(&random, 1 + below(&random, 8), below(&random, 2) ? length : 2048);
		if (sea_segment_open(&segment, base, length))
			continue;
		size_t visits = 0;
		sea_segment_is_sound(&segment);
		sea_segment_walk(&segment, count_visits, &visits);
		CHECK_AT_MOST(visits, length / 16);
		for (size_t i = 0; i < 100; i++) {
			sea_segment_usable(&segment, below(&random, length));
			sea_segment_free(&segment, blocks[below(&random, 64)].offset);
			sea_segment_alloc(&segment, below(&random, 3000), (size_t)1 << below(&random, 8));
			sea_segment_resize(&segment, blocks[below(&random, 64)].offset, below(&random, 3000));
			flip_bits(&random, below(&random, 2), length);
		}
		nr_broken += segment.is_broken;
	}
	CHECK(nr_broken > 0);
}

static const struct test_case cases[] = {
	PASSES(random_operations),	    PASSES(small_range_is_mostly_usable), PASSES(wrong_offsets_are_errors),
	PASSES(opens_at_another_address),   PASSES(too_short_or_long_is_an_error), PASSES(reset_frees_all),
	PASSES(every_store_may_be_the_last), PASSES(growth_may_stop),		   PASSES(hostile_log_is_refused),
	PASSES(flipped_bits_do_no_harm),
};

HARNESS_MAIN(cases)
