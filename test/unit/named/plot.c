/* SPDX-License-Identifier: MIT */
/* plot.c - a heap in a buffer, against a list of its blocks; its invariants after every step */
#include "named/plot.h"

#include "unit.h"

#define MAX_BLOCKS 2000
static struct block {
	char *start;
	size_t nr;
	uint64_t key;
} blocks[MAX_BLOCKS];
static size_t nr_blocks;
static _Alignas(64) char memory[3 << 20];
static struct sea_plot plot;

static void create(size_t skew, size_t length)
{
	CHECK(sea_plot_create(&plot, (struct sea_brought){memory + skew, length}, "unit", NULL, 0));
	CHECK(sea_plot_is_sound(&plot));
	nr_blocks = 0;
}

static void add(char *start, size_t nr, uint64_t key)
{
	CHECK_EQ(sea_plot_size(&plot, start), nr);
	test_fill(start, nr * 16, key);
	blocks[nr_blocks++] = (struct block){start, nr, key};
}

static void check(size_t i) { CHECK(test_is_filled(blocks[i].start, blocks[i].nr * 16, blocks[i].key)); }

static void step(uint64_t *seed, size_t most)
{
	size_t nr = 1 + test_random_size(seed, most), i = nr_blocks ? below(seed, nr_blocks) : 0;
	unsigned what = (unsigned)below(seed, 6);
	if (nr_blocks == MAX_BLOCKS || (nr_blocks && what >= 4)) {
		check(i);
		sea_plot_free(&plot, blocks[i].start);
		CHECK_EQ(sea_plot_size(&plot, blocks[i].start), 0);
		blocks[i] = blocks[--nr_blocks];
	} else if (what == 3 && nr_blocks) {
		check(i);
		if (!sea_plot_resize(&plot, blocks[i].start, nr))
			return;
		CHECK(test_is_filled(blocks[i].start, sea_min(nr, blocks[i].nr) * 16, blocks[i].key));
		struct block old = blocks[i];
		blocks[i] = blocks[--nr_blocks];
		add(old.start, nr, old.key + 1);
	} else {
		size_t align = (size_t)16 << (what == 2 ? below(seed, 10) : 0);
		char *start = sea_plot_take(&plot, nr, align);
		if (!start)
			return;
		CHECK_EQ((uintptr_t)start % align, 0);
		add(start, nr, test_random(seed));
	}
}

static void model_of(size_t skew, size_t length, size_t most, size_t nr_steps)
{
	uint64_t seed = test_seed();
	create(skew, length);
	for (size_t i = 0; i < nr_steps; i++) {
		step(&seed, most);
		if (i % 16 == 0)
			CHECK(sea_plot_is_sound(&plot));
	}
	while (nr_blocks) {
		check(--nr_blocks);
		sea_plot_free(&plot, blocks[nr_blocks].start);
	}
	CHECK(sea_plot_is_sound(&plot));
	size_t at = 0, k;
	CHECK(!sea_plot_next(&plot, &at, &k));
}

static void model_small(void) { model_of(3, 20000, 100, rounds(8000)); }
static void model_stripes(void) { model_of(0, 1 << 20, 3000, rounds(4000)); }
static void model_long_holes(void) { model_of(8, 3 << 19, 60000, rounds(3000)); }

/* Holes of every length between stripes: starts and ends at, before and behind the borders. */
static void holes_at_borders(void)
{
	create(0, 1 << 20);
	for (size_t length = 1; length < 2100; length += length % 7 + 1) {
		char *first = sea_plot_take(&plot, length, 16), *second = sea_plot_take(&plot, 3, 16);
		char *third = sea_plot_take(&plot, length, 16), *last = sea_plot_take(&plot, 1, 16);
		CHECK(first && second && third && last);
		sea_plot_free(&plot, first);
		CHECK(sea_plot_is_sound(&plot));
		sea_plot_free(&plot, third);
		CHECK(sea_plot_is_sound(&plot));
		sea_plot_free(&plot, second);
		CHECK(sea_plot_is_sound(&plot));
		CHECK(sea_plot_take(&plot, 2 * length + 3, 16) == first);
		sea_plot_clear(&plot);
		CHECK(sea_plot_is_sound(&plot));
	}
}

static void notes(void)
{
	struct sea_note taken[2] = {{0, 100, SEA_NOTE_OCCUPIED, "low"}, {3000, 500, SEA_NOTE_OCCUPIED, "middle"}};
	CHECK(sea_plot_create(&plot, (struct sea_brought){memory, 100000}, "notes", taken, 2));
	CHECK(sea_plot_is_sound(&plot));
	CHECK(plot.head == (struct sea_plot_head *)(memory + 1600)); /* behind the low range */
	struct sea_note more = {5000, 10, SEA_NOTE_RESERVED, "more"}, over = {3400, 200, SEA_NOTE_RESERVED, "over"};
	CHECK_EQ(sea_plot_note(&plot, &over), SEA_NOT_FREE);
	CHECK_EQ(sea_plot_note(&plot, &more), SEA_NOTED);
	CHECK(!sea_plot_unnote(&plot, 3000) && !sea_plot_unnote(&plot, 5001));
	CHECK_EQ(sea_plot_size(&plot, memory + 5000 * 16), 0);
	while (sea_plot_take(&plot, 1, 16))
		;
	size_t at = 0, k;
	for (char *block; (block = sea_plot_next(&plot, &at, &k));)
		CHECK(block >= memory + 1600 && !(block >= memory + 48000 && block < memory + 56000) &&
		      !(block >= memory + 80000 && block < memory + 80160));
	CHECK(sea_plot_unnote(&plot, 5000));
	CHECK(sea_plot_is_sound(&plot));
	CHECK(sea_plot_take(&plot, 10, 16) == memory + 80000);
}

/* --- killed between two stores --------------------------------------------------------------- */

/* The words that a call changes reach the memory one by one, lowest first: seams before used bits,
 * as in an allocation.  (test/api/heaps_brought.c kills processes anywhere.)  After each word the
 * heap is opened: it is sound, and every block that the call did not concern is there. */
static _Alignas(64) char before[20000], after[20000], mixed[20000];

static void open_mixed(size_t nr_words)
{
	struct sea_plot again;
	memcpy(mixed, before, sizeof(mixed));
	size_t nr = 0;
	for (size_t word = 0; word < sizeof(mixed) && nr < nr_words; word += 8)
		if (memcmp(mixed + word, after + word, 8)) {
			memcpy(mixed + word, after + word, 8);
			nr++;
		}
	enum sea_plot_found found = sea_plot_open(&again, (struct sea_brought){mixed, sizeof(mixed)});
	CHECK_EQ(found, SEA_PLOT_FOUND);
	CHECK(sea_plot_is_sound(&again));
	for (size_t i = 0; i < nr_blocks; i++)
		CHECK_EQ(sea_plot_size(&again, mixed + (blocks[i].start - memory)), blocks[i].nr);
}

static size_t nr_differing(void)
{
	size_t nr = 0;
	for (size_t word = 0; word < sizeof(before); word += 8)
		nr += memcmp(before + word, after + word, 8) != 0;
	return nr;
}

static void kills(void)
{
	uint64_t seed = test_seed();
	create(0, sizeof(before));
	for (size_t i = 0; i < 60; i++)
		step(&seed, 60);
	for (size_t i = 0; i < rounds(400); i++) {
		memcpy(before, memory, sizeof(before));
		char *block = sea_plot_take(&plot, 1 + below(&seed, 200), 16);
		if (!block)
			continue;
		memcpy(after, memory, sizeof(after));
		for (size_t nr = nr_differing() + 1; nr-- > 0;)
			open_mixed(nr);
		memcpy(before, memory, sizeof(before));
		sea_plot_free(&plot, block);
		memcpy(after, memory, sizeof(after));
		for (size_t nr = nr_differing() + 1; nr-- > 0;)
			open_mixed(nr);
		step(&seed, 60);
	}
}

/* --- opening --------------------------------------------------------------------------------- */

static void opened_again(void)
{
	struct sea_plot again;
	struct sea_brought brought = {memory + 5, 50000};
	create(5, 50000);
	char *block = sea_plot_take(&plot, 10, 16);
	plot.head->root = (uint64_t)(block - plot.first) / 16 + 1;
	sea_plot_close(&plot, true);
	CHECK_EQ(sea_plot_open(&again, brought), SEA_PLOT_FOUND);
	CHECK(again.head->root && sea_plot_size(&again, block) == 10 && sea_plot_is_sound(&again));
	CHECK(!again.head->is_closed);
	sea_plot_free(&again, block);
	CHECK(!again.head->root);
	sea_plot_close(&again, true);
	brought.length--;
	CHECK_EQ(sea_plot_open(&again, brought), SEA_PLOT_NONE);
	brought = (struct sea_brought){memory + 5, 50000};
	plot.seam[1] ^= 1;
	CHECK_EQ(sea_plot_open(&again, brought), SEA_PLOT_DAMAGED);
	plot.seam[1] ^= 1;
	CHECK_EQ(sea_plot_open(&again, brought), SEA_PLOT_FOUND);
	sea_plot_close(&again, false);
	CHECK_EQ(sea_plot_open(&again, brought), SEA_PLOT_NONE);
}

static void too_short(void)
{
	for (size_t length = 0; length < 4096; length += 100)
		CHECK(!sea_plot_create(&plot, (struct sea_brought){memory, length}, "short", NULL, 0));
	for (size_t length = 4096; length < 6000; length++) {
		create(length % 16, length);
		while (sea_plot_take(&plot, 1, 16))
			;
		CHECK(sea_plot_is_sound(&plot));
	}
}

static const struct test_case cases[] = {
	PASSES(model_small), PASSES(model_stripes), PASSES(model_long_holes), PASSES(holes_at_borders), PASSES(notes),
	PASSES(kills), PASSES(opened_again), PASSES(too_short),
};

HARNESS_MAIN(cases)
