/* SPDX-License-Identifier: MIT */
/* refill.c - how large batches are, where their chunks go, and what comes first */
#include "cache/bin.h"

#include "base/options.h"
#include "cache/cache.h"
#include "cache/send.h"
#include "engines/engine.h"
#include "heap/shard.h"
#include "unit.h"

enum { SIZE = 64, C = SIZE / 16 };

static char *alloc(size_t size)
{
	char *block = sea_cache_alloc(size, sea_cache_alloc_slow);
	CHECK(block != NULL);
	return block;
}

/* The calling thread's cache, which holds nothing. */
static struct sea_cache *empty_cache(void)
{
	sea_cache_free(alloc(1));
	sea_cache_send_all();
	return sea_threads_own();
}

static size_t fresh(const struct sea_cache *cache, unsigned c)
{
	return (size_t)(cache->bin[c].end - cache->bin[c].cur) / sea_class_size(c);
}

static size_t stacked(const struct sea_cache *cache, unsigned c)
{
	size_t nr = 0;
	for (const struct sea_link *chunk = cache->head[c]; chunk; chunk = chunk->next)
		nr++;
	return nr;
}

/* Chunks that a refill brings; they are taken out of the bin. */
static size_t refill_and_drop(struct sea_cache *cache, unsigned c)
{
	uint32_t before = cache->bin[c].drawn;
	size_t nr = 0;
	CHECK(sea_bin_refill(cache, c));
	CHECK(sea_bins_are_sound(cache));
	while (sea_cache_pop_bin(cache, c))
		nr++;
	CHECK_EQ(cache->bin[c].drawn, before + nr);
	return nr;
}

/* --- how many ------------------------------------------------------------------------------ */

static void the_first_batch_is_128_bytes(void)
{
	struct sea_cache *cache = empty_cache();
	for (unsigned c = 1; c < SEA_NR_CLASSES; c++)
		if (sea_class_granules(c))
			CHECK_EQ(refill_and_drop(cache, c), sea_max(128 / sea_class_size(c), 1));
}

/* A quarter of what was drawn, up to 32 KiB. */
static void batches_grow_with_what_was_drawn(void)
{
	struct sea_cache *cache = empty_cache();
	size_t drawn = 0, last = 0;
	for (int i = 0; i < 60; i++) {
		size_t nr = refill_and_drop(cache, C), want = sea_max(sea_min(drawn / 4, 32 * KiB / SIZE), 2);
		CHECK_AT_MOST(nr, want); /* fewer where the zone has no more in a row */
		drawn += nr;
		last = sea_max(last, nr);
	}
	CHECK_EQ(last, 32 * KiB / SIZE);
}

static void large_chunks_come_one_by_one(void)
{
	struct sea_cache *cache = empty_cache();
	unsigned c = sea_class_for(sea_granules_for(40000));
	for (int i = 0; i < 20; i++)
		CHECK_EQ(refill_and_drop(cache, c), 1);
}

/* --- what is populated ------------------------------------------------------------------- */

/* Up to a 32nd of what the class has drawn; nothing before that is two pages. */
static void fresh_runs_are_populated(void)
{
	struct sea_cache *cache = empty_cache();
	size_t most = 0;
	for (int i = 0; i < 60; i++) {
		size_t before = sim.populated;
		refill_and_drop(cache, C);
		CHECK_AT_MOST(sim.populated - before, cache->bin[C].drawn * SIZE / 32);
		most = sea_max(most, sim.populated - before);
	}
	CHECK_AT_MOST(6 * sim.page_size, most);
}

/* Memory that has been used is there. */
static void used_memory_is_not_populated(void)
{
	enum { NR = 20000 };
	static char *blocks[NR];
	size_t populated = 0;
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < NR; i++)
			blocks[i] = alloc(SIZE);
		CHECK(round || sim.populated > 0);
		populated = round ? populated : sim.populated;
		for (size_t i = 0; i < NR; i++)
			sea_cache_free(blocks[i]);
		sea_cache_merge_all();
	}
	CHECK_EQ(sim.purged, 0);
	CHECK_EQ(sim.populated, populated);
}

/* A chunk above a page may be written to here and there. */
static void large_chunks_are_not_populated(void)
{
	struct sea_cache *cache = empty_cache();
	unsigned c = sea_class_for((unsigned)(3 * sim.page_size / 16));
	for (int i = 0; i < 100; i++)
		refill_and_drop(cache, c);
	CHECK_EQ(sim.populated, 0);
}

/* --- where they go --------------------------------------------------------------------------- */

enum { NR_BROKEN = 640 };

/* Free pieces of 1 to 5 chunks of 64 bytes, each behind a live one. */
static void break_into_pieces(struct sea_cache *cache)
{
	static char *block[NR_BROKEN];
	for (size_t i = 0; i < NR_BROKEN; i++)
		block[i] = alloc(SIZE);
	for (size_t i = 0, run = 1; i < NR_BROKEN; i += run + 1, run = run % 5 + 1)
		for (size_t j = 0; j < run && i + j < NR_BROKEN; j++)
			sea_cache_free(block[i + j]);
	sea_cache_merge_all();
	CHECK(!sea_bin_has_any(cache, C));
}

/* The last piece, which is the longest here, becomes the fresh run; the others are on the
 * stack, the lowest on top. */
static void pieces_are_adopted(void)
{
	struct sea_cache *cache = empty_cache();
	break_into_pieces(cache);
	size_t nr_stacked = 0;
	cache->bin[C].drawn = 4 * 60;
	for (int i = 0; i < 5; i++) {
		uint32_t before = cache->bin[C].drawn;
		CHECK(sea_bin_refill(cache, C));
		CHECK_EQ(cache->bin[C].drawn - before, stacked(cache, C) + fresh(cache, C));
		CHECK(fresh(cache, C) > 0);
		size_t piece = 0;
		for (struct sea_link *chunk = cache->head[C]; chunk; chunk = chunk->next) {
			bool goes_on = chunk->next == (struct sea_link *)((char *)chunk + SIZE);
			CHECK(sea_link_is_marked(chunk));
			CHECK(!chunk->next || chunk->next > chunk || sea_zone_of(chunk->next) != sea_zone_of(chunk));
			piece = goes_on ? piece + 1 : 0;
			CHECK(piece < fresh(cache, C));
		}
		/* K1: below 0 */
		CHECK_EQ(cache->room[C], (int64_t)cache->bin[C].limit - (int64_t)stacked(cache, C));
		nr_stacked += stacked(cache, C);
		CHECK(sea_bins_are_sound(cache));
		while (sea_cache_pop_bin(cache, C))
			;
	}
	CHECK(nr_stacked > 20);
	CHECK(sea_engine_is_sound());
}

static void aligned_chunks_come_on_top(void)
{
	struct sea_cache *cache = empty_cache();
	for (size_t align = 32; align <= 8 * KiB; align *= 2)
		for (size_t size = 16; size < 40000; size = size * 3 + 16) {
			unsigned c = sea_class_for(sea_granules_for(size));
			CHECK(sea_bin_refill_aligned(cache, c, align));
			CHECK_EQ((uintptr_t)cache->head[c] % align, 0);
			CHECK(sea_bins_are_sound(cache));
		}
	sea_cache_send_all();
	CHECK(sea_cache_is_empty(cache));
}

/* --- what has spilled comes first ------------------------------------------------------------ */

enum { SPILLED = 100 };

static struct sea_cache *spilled(void)
{
	static char *block[SPILLED];
	struct sea_cache *cache = empty_cache();
	for (size_t i = 0; i < SPILLED; i++)
		block[i] = alloc(SIZE);
	while (cache->head[C])
		alloc(SIZE);
	CHECK(cache->spill[C] = sea_meta_alloc_pages(sizeof(struct sea_spill)));
	sea_spill_widen(cache->spill[C], SPILLED);
	sea_usage_grant(&cache->usage, SPILLED * SIZE);
	for (size_t i = 0; i < SPILLED; i++)
		CHECK(sea_spill_put(cache->spill[C], (struct sea_link *)block[i * 37 % SPILLED]));
	CHECK(!cache->head[C]);
	return cache;
}

static void unspilling_brings_64_by_address(void)
{
	struct sea_cache *cache = spilled();
	uint32_t drawn = cache->bin[C].drawn;
	CHECK(sea_bin_refill(cache, C)); /* does the same first */
	CHECK_EQ(cache->bin[C].drawn, drawn);
	CHECK_EQ(stacked(cache, C), 64);
	for (const struct sea_link *chunk = cache->head[C]; chunk->next; chunk = chunk->next)
		CHECK(chunk->next > chunk && sea_link_is_marked(chunk));
	CHECK_EQ(sea_spill_length(cache->spill[C]), SPILLED - 64);
	CHECK(sea_bins_are_sound(cache));
	while (cache->head[C])
		sea_bin_pop(cache, C);
	CHECK(sea_bin_unspill(cache, C));
	CHECK_EQ(stacked(cache, C), SPILLED - 64);
	while (cache->head[C])
		sea_bin_pop(cache, C);
	CHECK(!sea_bin_unspill(cache, C));
	CHECK(!sea_bin_unspill(cache, C + 1)); /* has no spill */
	CHECK_EQ(cache->spill[C]->room, SPILLED);
	CHECK(sea_bins_are_sound(cache));
}

/* --- what a refill counts -------------------------------------------------------------------- */

static void a_refill_answers_what_had_left(void)
{
	struct sea_cache *cache = empty_cache();
	struct sea_bin *bin = &cache->bin[C];
	bin->left = 5;
	bin->is_shut = 1;
	size_t nr = refill_and_drop(cache, C);
	CHECK_EQ(bin->left, 5 - nr);
	CHECK_EQ(bin->credit, nr);
	CHECK(!bin->is_shut);
	while (bin->left)
		refill_and_drop(cache, C);
	CHECK_EQ(bin->credit, 5);
	refill_and_drop(cache, C);
	CHECK_EQ(bin->credit, 5);
}

/* Two looks see the bin of 640 bytes as it was: it is emptied at the second. */
static void what_is_not_used_goes_at_a_look(void)
{
	struct sea_cache *cache = empty_cache();
	unsigned idle = 640 / 16;
	sea_options.cache = 20000;
	for (int i = 0; i < 4; i++)
		alloc(640);
	char *block = alloc(640);
	sea_cache_free(block);
	CHECK(sea_bin_has_any(cache, idle));
	size_t nr_refills = 0;
	for (; sea_bin_has_any(cache, idle); nr_refills++) {
		CHECK(nr_refills < 10000);
		refill_and_drop(cache, C);
	}
	CHECK(nr_refills > 10);
	CHECK_EQ(cache->room[idle], 0);
	CHECK_EQ(cache->bin[idle].limit, 0);
	CHECK(sea_zone_of(block) && sea_bit_test(sea_zone_of(block)->pending, sea_granule_of(block)));
}

/* Claim: the idle bin holds chunks after the refills of two looks, `ms` milliseconds apart. */
static bool stays_with_looks_after(struct sea_cache *cache, unsigned idle, unsigned ms)
{
	enum { PER_SAMPLE = 16 };
	sea_cache_free(alloc(sea_class_size(idle)));
	CHECK(sea_bin_has_any(cache, idle));
	for (unsigned i = 0; i < 2 * PER_SAMPLE + 2; i++) {
		if (i % PER_SAMPLE == 0)
			sim.now_ms += ms;
		refill_and_drop(cache, sea_class_for(sea_granules_for(8 * SEA_KIB)));
	}
	return sea_bin_has_any(cache, idle);
}

/* The thread draws much less than its budget. */
static void time_brings_a_look(void)
{
	struct sea_cache *cache = empty_cache();
	CHECK(stays_with_looks_after(cache, 640 / 16, 0));
	CHECK(stays_with_looks_after(cache, 640 / 16, 200));
	CHECK(!stays_with_looks_after(cache, 640 / 16, 500));
	CHECK(sea_engine_is_sound());
}

/* What a bin has counted is halved. */
static void counts_fade_at_a_look(void)
{
	struct sea_cache *cache = empty_cache();
	unsigned other = 640 / 16;
	sea_options.cache = 20000;
	cache->bin[other].left = 100;
	cache->bin[other].credit = 80;
	while (cache->bin[other].left == 100)
		refill_and_drop(cache, C);
	CHECK_EQ(cache->bin[other].left, 50);
	CHECK_EQ(cache->bin[other].credit, 40);
}

static void no_memory_for_a_refill(void)
{
	struct sea_cache *cache = empty_cache();
	unsigned c = sea_class_for(sea_granules_for(200000));
	sim_fail(SIM_ANY, 1, true);
	while (sea_bin_refill(cache, c))
		while (sea_cache_pop_bin(cache, c))
			;
	uint32_t drawn = cache->bin[c].drawn;
	size_t net = sea_usage_net(&cache->usage);
	CHECK(!sea_bin_refill(cache, c) && !sea_bin_refill_aligned(cache, c, 4096));
	CHECK_EQ(cache->bin[c].drawn, drawn);
	CHECK_EQ(sea_usage_net(&cache->usage), net);
	CHECK(sea_bins_are_sound(cache));
	sim_heal();
	CHECK(sea_bin_refill(cache, c));
	CHECK(sea_engine_is_sound());
}

static const struct test_case cases[] = {
	PASSES(the_first_batch_is_128_bytes),
	PASSES(batches_grow_with_what_was_drawn),
	PASSES(large_chunks_come_one_by_one),
	PASSES(fresh_runs_are_populated),
	PASSES(used_memory_is_not_populated),
	PASSES(large_chunks_are_not_populated),
	PASSES(pieces_are_adopted),
	PASSES(aligned_chunks_come_on_top),
	PASSES(unspilling_brings_64_by_address),
	PASSES(a_refill_answers_what_had_left),
	PASSES(what_is_not_used_goes_at_a_look),
	PASSES(time_brings_a_look),
	PASSES(counts_fade_at_a_look),
	PASSES(no_memory_for_a_refill),
};

HARNESS_MAIN(cases)
