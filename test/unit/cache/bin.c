/* SPDX-License-Identifier: MIT */
/* bin.c - bins stay sound, and what is not sound is noticed */
#include "cache/bin.h"

#include "base/options.h"
#include "cache/cache.h"
#include "unit.h"

enum { SIZE = 64, C = SIZE / 16, NR = 200 };

static char *blocks[NR];

static char *alloc(size_t size)
{
	char *block = sea_cache_alloc(size, sea_cache_alloc_slow);
	CHECK(block != NULL);
	return block;
}

/* The calling thread's cache, with a stack and a fresh run. */
static struct sea_cache *filled(void)
{
	for (size_t i = 0; i < NR; i++)
		blocks[i] = alloc(SIZE);
	for (size_t i = 0; i < NR; i += 8)
		sea_cache_free(blocks[i]);
	struct sea_cache *cache = sea_threads_own();
	CHECK(cache->head[C] && cache->head[C]->next);
	while (cache->bin[C].end - cache->bin[C].cur < 2 * SIZE)
		CHECK(sea_cache_pop_bin(cache, C) || sea_bin_refill(cache, C));
	CHECK(sea_bins_are_sound(cache));
	return cache;
}

static void an_empty_cache_is_sound(void)
{
	CHECK(sea_bins_are_sound(&sea_threads_nobody));
	sea_cache_free(alloc(1));
	CHECK(sea_bins_are_sound(sea_threads_own()));
}

static void push_and_pop(void)
{
	alloc(SIZE);
	struct sea_cache *cache = sea_threads_own();
	char *first = alloc(SIZE), *second = alloc(SIZE);
	int32_t room = cache->room[C];
	sea_bin_push(cache, C, first);
	sea_bin_push(cache, C, second);
	CHECK_EQ(cache->room[C], room - 2);
	CHECK(sea_bin_expect(cache->head[C], NULL) == (struct sea_link *)second);
	CHECK(sea_bin_below(cache->head[C]) == (struct sea_link *)first);
	CHECK(sea_bin_pop(cache, C) == second && !sea_link_is_marked(second));
	CHECK(sea_bin_pop(cache, C) == first);
	CHECK_EQ(cache->room[C], room);
	CHECK(sea_bins_are_sound(cache));
}

/* K3 */
static void a_fresh_run_marks_its_next(void)
{
	struct sea_cache *cache = filled();
	struct sea_bin *bin = &cache->bin[C];
	while (bin->cur < bin->end) {
		char *next = bin->cur;
		CHECK(sea_bin_pop_fresh(bin, SIZE) == next && !sea_link_is_marked(next));
		CHECK(bin->cur == next + SIZE);
		CHECK(bin->cur == bin->end || sea_link_is_marked(bin->cur));
		CHECK(sea_bins_are_sound(cache));
	}
}

/* K1, K2, K3: up to the end of the block, the lowest on top.  Malloc hands them out in this
 * order. */
static void fresh_chunks_go_on_the_stack_together(void)
{
	for (unsigned c = 1; c <= SEA_SMALL_GRANULES; c++) {
		size_t size = sea_class_size(c);
		alloc(size);
		struct sea_cache *cache = sea_threads_own();
		struct sea_bin *bin = &cache->bin[c];
		while (cache->head[c] || bin->end - bin->cur < (ptrdiff_t)(2 * SEA_STACKED_BYTES))
			alloc(size);
		char *first = bin->cur, *end = (char *)sea_round_up((uintptr_t)first + 1, SEA_STACKED_BYTES);
		int32_t room = cache->room[c];
		char *next = alloc(size);
		CHECK(next == first && bin->cur >= end && bin->cur - end < (ptrdiff_t)size);
		CHECK_EQ(cache->room[c], room + 1 - (bin->cur - first) / (ptrdiff_t)size);
		CHECK(sea_link_is_marked(bin->cur));
		CHECK(sea_bins_are_sound(cache));
		for (char *last = next; cache->head[c]; last = next)
			CHECK((next = alloc(size)) == last + size);
		CHECK(bin->cur == next + size);
	}
}

#define MANY 2000

static void random_operations(void)
{
	static char *live[MANY];
	uint64_t seed = test_seed();
	sea_options.cache = 100000;
	for (size_t n = 0; n < rounds(20000); n++) {
		size_t i = below(&seed, below(&seed, 2) ? 100 : MANY);
		if (live[i])
			sea_cache_free(live[i]);
		live[i] = live[i] ? NULL : alloc(1 + test_random_size(&seed, below(&seed, 9) ? 300 : 9000));
		if (below(&seed, 500) == 0)
			for (size_t j = 0; j < MANY / 2; j++, live[j - 1] = NULL)
				sea_cache_free(live[j]);
		if (!IS_DEBUG || n % 8 == 0)
			CHECK(sea_bins_are_sound(sea_threads_own()));
	}
}

/* --- what is not sound ----------------------------------------------------------------- */

static void a_wrong_count_is_noticed(void)
{
	struct sea_cache *cache = filled();
	cache->room[C]++;
	CHECK(!sea_bins_are_sound(cache)); /* K1 */
	cache->room[C]--;
	cache->bin[C].limit++;
	CHECK(!sea_bins_are_sound(cache)); /* K1 */
	cache->bin[C].limit--;
	CHECK(sea_bins_are_sound(cache));
}

static void a_wrong_chunk_is_noticed(void)
{
	struct sea_cache *cache = filled();
	struct sea_link *top = cache->head[C], *below_top = top->next;
	top->mark++;
	CHECK(!sea_bins_are_sound(cache)); /* K2: no mark */
	top->mark--;
	struct sea_link *other = (struct sea_link *)alloc(4 * SIZE);
	*other = (struct sea_link){below_top->next, sea_link_mark(other)};
	top->next = other;
	CHECK(!sea_bins_are_sound(cache)); /* K2: not so long */
	top->next = (struct sea_link *)((char *)below_top + 8);
	CHECK(!sea_bins_are_sound(cache)); /* K2: no chunk starts there */
	static struct sea_link nowhere;
	nowhere = (struct sea_link){below_top->next, sea_link_mark(&nowhere)};
	top->next = &nowhere;
	CHECK(!sea_bins_are_sound(cache)); /* K2: in no zone */
	top->next = below_top;
	CHECK(sea_bins_are_sound(cache));
}

static void a_wrong_fresh_run_is_noticed(void)
{
	struct sea_cache *cache = filled();
	struct sea_bin *bin = &cache->bin[C];
	bin->cur += SIZE / 2;
	CHECK(!sea_bins_are_sound(cache)); /* K3: not a number of chunks */
	bin->end -= SIZE / 2;
	CHECK(!sea_bins_are_sound(cache)); /* K3: cut elsewhere */
	bin->cur -= SIZE / 2;
	bin->end += SIZE / 2;
	CHECK(sea_bins_are_sound(cache));
	char *end = bin->end;
	bin->end = bin->cur - SIZE;
	CHECK(!sea_bins_are_sound(cache)); /* K3: the end is in front */
	bin->end = end;
	cache->bin[2 * C].cur = bin->cur;
	cache->bin[2 * C].end = bin->cur + 2 * SIZE;
	CHECK(!sea_bins_are_sound(cache)); /* K3: chunks of another class */
}

static void what_hangs_beside_is_looked_at(void)
{
	struct sea_cache *cache = filled();
	CHECK(cache->spill[C] = sea_meta_alloc_pages(sizeof(struct sea_spill)));
	CHECK(sea_bins_are_sound(cache));
	cache->spill[C]->room++;
	CHECK(!sea_bins_are_sound(cache)); /* SP2 */
	cache->spill[C]->room--;
	cache->outbox.nr_granules++;
	CHECK(!sea_bins_are_sound(cache)); /* X2 */
}

/* The claim of debug builds finds it at the latest when it is asked for the 64th time. */
static void the_claim_at_borders_looks_now_and_then(void)
{
	struct sea_cache *cache = filled();
	unsigned nr_noticed = 0;
	for (unsigned i = 0; i < 128; i++)
		CHECK(sea_bins_seem_sound(cache));
	cache->room[C]++;
	for (unsigned i = 0; i < 128; i++)
		nr_noticed += !sea_bins_seem_sound(cache);
	CHECK_EQ(nr_noticed, 2);
}

static void a_link_to_nowhere_ends_the_process(void)
{
	struct sea_cache *cache = filled();
	cache->head[C]->next = (struct sea_link *)&cache;
	sea_bin_below(cache->head[C]);
}

static const struct test_case cases[] = {
	PASSES(an_empty_cache_is_sound),
	PASSES(push_and_pop),
	PASSES(a_fresh_run_marks_its_next),
	PASSES(fresh_chunks_go_on_the_stack_together),
	PASSES(random_operations),
	PASSES(a_wrong_count_is_noticed),
	PASSES(a_wrong_chunk_is_noticed),
	PASSES(a_wrong_fresh_run_is_noticed),
	PASSES(what_hangs_beside_is_looked_at),
	PASSES(the_claim_at_borders_looks_now_and_then),
	ABORTS(a_link_to_nowhere_ends_the_process, "seamalloc: "),
};

HARNESS_MAIN(cases)
