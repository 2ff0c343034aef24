/* SPDX-License-Identifier: MIT */
/* freelist_test.c - the free list does what the textbook says
 *
 * The model is the textbook: an array of free intervals in address order, searched
 * from its front.  It must predict the address of every block.
 */
#include "engines/engine.h"
#include "engines/freelist/index.h"
#include "engines/textbook/blocks.h"
#include "seamalloc.h"
#include "unit.h"

#define MAX_HOLES 30000
#define MAX_BLOCKS 30000

struct interval {
	char *from, *to; /* of chunks, headers included */
};

static struct {
	struct interval holes[MAX_HOLES];
	size_t nr_holes;
	struct interval blocks[MAX_BLOCKS];
	size_t nr_blocks;
	size_t nr_kept; /* of them, the first ones */
} model;

/* --- the model -------------------------------------------------------------------------- */

static void remove_hole(size_t i)
{
	memmove(&model.holes[i], &model.holes[i + 1], (--model.nr_holes - i) * sizeof(model.holes[0]));
}

static void insert_hole(struct interval hole)
{
	size_t i = 0;
	while (i < model.nr_holes && model.holes[i].from < hole.from)
		i++;
	if (i < model.nr_holes && model.holes[i].from == hole.to) {
		hole.to = model.holes[i].to;
		remove_hole(i);
	}
	if (i > 0 && model.holes[i - 1].to == hole.from) {
		model.holes[i - 1].to = hole.to;
		return;
	}
	CHECK(model.nr_holes < MAX_HOLES);
	memmove(&model.holes[i + 1], &model.holes[i], (model.nr_holes++ - i) * sizeof(hole));
	model.holes[i] = hole;
}

/* Takes `bytes` from the lowest hole that has them, with what is left of it if that is
 * no chunk. */
static struct interval take_lowest(size_t bytes)
{
	for (size_t i = 0; i < model.nr_holes; i++) {
		struct interval *hole = &model.holes[i], taken = *hole;
		if ((size_t)(hole->to - hole->from) < bytes)
			continue;
		if ((size_t)(hole->to - hole->from) - bytes < 32) {
			remove_hole(i);
			return taken;
		}
		hole->from += bytes;
		taken.to = hole->from;
		return taken;
	}
	return (struct interval){0};
}

static void add_zone_of(const void *block)
{
	struct zone *zone = zone_of(block);
	insert_hole((struct interval){(char *)(zone + 1), (char *)mark_of(zone)});
}

static void add_block(struct interval chunk, bool keep)
{
	CHECK(model.nr_blocks < MAX_BLOCKS);
	size_t i = model.nr_blocks++;
	if (keep) {
		model.blocks[i] = model.blocks[model.nr_kept];
		i = model.nr_kept++;
	}
	model.blocks[i] = chunk;
}

/* --- both at once ------------------------------------------------------------------------- */

/* The first block of a zone is kept: an empty zone would go back, and the model knows
 * nothing of that. */
static void allocate(size_t size)
{
	size_t bytes = 16 + sea_small_size(size);
	struct interval expected = take_lowest(bytes);
	bool is_first = !expected.from;
	char *block = sea_malloc(size);
	if (is_first) {
		add_zone_of(block);
		expected = take_lowest(bytes);
	}
	CHECK(block == expected.from + 16);
	CHECK_EQ(sea_malloc_usable_size(block), sea_small_size(size));
	add_block(expected, is_first);
}

static void release(size_t i)
{
	struct interval chunk = model.blocks[i];
	model.blocks[i] = model.blocks[--model.nr_blocks];
	sea_free(chunk.from + 16);
	insert_hole(chunk);
}

/* In turn more and fewer blocks live. */
static void blocks_lie_where_the_textbook_says(size_t largest)
{
	uint64_t random = test_seed();
	for (size_t i = 0; i < rounds(40000); i++) {
		size_t nr_free = model.nr_blocks - model.nr_kept;
		if (!nr_free || below(&random, 100) < (i / 4000 % 2 ? 30 : 80))
			allocate(test_random_size(&random, largest));
		else
			release(model.nr_kept + below(&random, nr_free));
		if (i % 512 == 0)
			CHECK(sea_engine_is_sound());
	}
	CHECK(sea_engine_is_sound());
}

static void tiny_blocks_lie_where_the_textbook_says(void) { blocks_lie_where_the_textbook_says(200); }
static void small_blocks_lie_where_the_textbook_says(void) { blocks_lie_where_the_textbook_says(4000); }
static void any_blocks_lie_where_the_textbook_says(void) { blocks_lie_where_the_textbook_says(SEA_SMALL_MAX); }

/* --- merging -------------------------------------------------------------------------------- */

static void neighbours_merge_in_every_order(void)
{
	static const unsigned orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	for (size_t i = 0; i < 6; i++) {
		char *block[3] = {sea_malloc(48), sea_malloc(16), sea_malloc(100)}, *behind = sea_malloc(16);
		for (size_t j = 0; j < 3; j++)
			sea_free(block[orders[i][j]]);
		CHECK(sea_engine_is_sound());
		char *whole = sea_malloc(48 + 16 + 16 + 16 + 112);
		CHECK(whole == block[0]);
		sea_free(behind);
		sea_free(whole);
	}
}

static void slack_belongs_to_the_block(void)
{
	char *a = sea_malloc(64), *b = sea_malloc(64);
	sea_free(a);
	CHECK(sea_malloc(48) == a); /* 16 bytes are left, too few for a chunk */
	CHECK_EQ(sea_malloc_usable_size(a), 48);
	CHECK_EQ(sea_block_chunk(a)->slack, 16);
	CHECK(sea_expand(a, 64));
	CHECK(!sea_expand(a, 65));
	CHECK_EQ(sea_malloc_usable_size(a), 64);
	CHECK(sea_realloc(a, 40) == a);
	CHECK_EQ(sea_malloc_usable_size(a), 48);
	CHECK(sea_engine_is_sound());
	sea_free(a);
	CHECK(sea_malloc(64) == a);
	sea_free(b);
	CHECK(sea_engine_is_sound());
}

static void blocks_grow_into_holes(void)
{
	for (size_t size = 16; size <= 400; size += 16) {
		char *a = sea_malloc(100), *b = sea_malloc(200), *c = sea_malloc(16);
		test_fill(a, 100, size);
		sea_free(b);
		bool fits = size <= 112 + 16 + 208;
		CHECK_EQ(sea_realloc(a, size) == a, fits);
		CHECK(sea_engine_is_sound());
		if (fits)
			CHECK(test_is_filled(a, sea_min(size, 100), size));
		sea_free(c);
		if (fits)
			sea_free(a);
	}
}

/* --- zones ----------------------------------------------------------------------------------- */

static void empty_zones_go_back(void)
{
	enum { NR_BLOCKS = 100 };
	static void *blocks[NR_BLOCKS];
	for (size_t i = 0; i < NR_BLOCKS; i++)
		blocks[i] = sea_malloc(100 * KiB);
	CHECK(sea_small.nr_runs >= 10);
	for (size_t i = 0; i < NR_BLOCKS; i++) {
		sea_free(blocks[(i * 37) % NR_BLOCKS]);
		CHECK(sea_engine_is_sound());
	}
	CHECK_EQ(sea_small.nr_runs, 1); /* the spare */
	CHECK_EQ(sea_small.live, 0);
	sea_malloc_trim(0);
	CHECK_EQ(sea_small.nr_runs, 0);
	CHECK(sea_engine_is_sound());
}

static void trim_purges_holes(void)
{
	char *a = sea_malloc(200 * KiB), *b = sea_malloc(16);
	memset(a, 1, 200 * KiB);
	sea_free(a);
	size_t before = sim.purged;
	CHECK_EQ(sea_malloc_trim(0), 1);
	CHECK(sim.purged - before >= 190 * KiB);
	CHECK(sea_engine_is_sound());
	CHECK_EQ(sea_malloc_trim(0), 0);
	CHECK(sea_malloc(200 * KiB) == a);
	CHECK(test_is_zero(a + 8 * KiB, 180 * KiB));
	sea_free(b);
}

/* --- corruption ------------------------------------------------------------------------------ */

static struct hole *freed_between_live(void)
{
	char *blocks[3];
	for (size_t i = 0; i < 3; i++)
		CHECK((blocks[i] = sea_malloc(100)));
	sea_free(blocks[1]);
	return (struct hole *)sea_block_chunk(blocks[1]);
}

static void written_after_free(void)
{
	struct hole *hole = freed_between_live();
	CHECK(sea_engine_is_sound());
	hole->prev = hole;
	CHECK(!sea_engine_is_sound());
	CHECK(SIM_ABORTS((void)!sea_malloc(100)));
	CHECK(strstr(sim.report, "heap corrupted"));
}

static void an_unsound_index_is_noticed(void)
{
	struct hole *hole = freed_between_live();
	struct zone *zone = zone_of(hole);
	size_t s = (size_t)((char *)hole - (char *)zone) / STRETCH_SIZE;
	uint16_t largest = zone->largest[s], first = zone->first[s];
	CHECK(sea_engine_is_sound());
	zone->largest[s] = 1;
	CHECK(!sea_engine_is_sound());
	zone->largest[s] = largest;
	zone->first[s] = 0;
	CHECK(!sea_engine_is_sound());
	zone->first[s] = first;
	CHECK(sea_engine_is_sound());
}

static bool free_aborts(void *block) { return SIM_ABORTS(sea_free(opaque(block))); }

static void double_frees(void)
{
	char *a = sea_malloc(100), *b = sea_malloc(5000), *c = sea_malloc(16), *large = sea_malloc(MiB);
	void *const freed[] = {a, b, large};
	for (size_t i = 0; i < NR(freed); i++)
		sea_free(freed[i]);
	for (size_t i = 0; i < NR(freed); i++) {
		CHECK(free_aborts(freed[i]));
		CHECK(strstr(sim.report, "freed already"));
	}
	sea_free(c);
	CHECK(free_aborts(b));
	CHECK(strstr(sim.report, "freed already"));
}

static const struct test_case cases[] = {
	PASSES(tiny_blocks_lie_where_the_textbook_says),
	PASSES(small_blocks_lie_where_the_textbook_says),
	PASSES(any_blocks_lie_where_the_textbook_says),
	PASSES(neighbours_merge_in_every_order),
	PASSES(slack_belongs_to_the_block),
	PASSES(blocks_grow_into_holes),
	PASSES(empty_zones_go_back),
	PASSES(trim_purges_holes),
	PASSES(written_after_free),
	PASSES(an_unsound_index_is_noticed),
	PASSES(double_frees),
};

HARNESS_MAIN(cases)
