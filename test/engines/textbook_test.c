/* SPDX-License-Identifier: MIT */
/* textbook_test.c - what both textbook engines promise, on a simulated kernel
 *
 * Linked with either engine.  Blocks go through the front (sea_malloc and so on), and
 * the engine's own audit runs between the steps.
 */
#include <errno.h>

#include "front/account.h"
#include "engines/engine.h"
#include "engines/textbook/blocks.h"
#include "seamalloc.h"
#include "unit.h"

#define MAX_BLOCKS 400

struct block {
	unsigned char *start;
	size_t usable;
	uint64_t key;
};

struct heap {
	struct block blocks[MAX_BLOCKS];
	uint64_t random;
};
static struct heap heaps[4];

static bool recycles(void) { return strcmp(sea_engine_name, "freelist") == 0; }

/* --- where every byte is ---------------------------------------------------------------- */

static size_t live_bytes(void)
{
	size_t live = 0;
	for (size_t h = 0; h < NR(heaps); h++)
		for (size_t i = 0; i < MAX_BLOCKS; i++)
			live += heaps[h].blocks[i].start ? heaps[h].blocks[i].usable : 0;
	return live;
}

/* The watermark engine forgets nothing, and so holds more than we do. */
static void check_account(void)
{
	struct sea_stats stats;
	sea_account(&stats);
	CHECK(sea_account_adds_up(&stats));
	CHECK_EQ(stats.mapped, sim.reserved);
	CHECK_EQ(stats.cached + stats.pending + stats.in_transit, 0);
	CHECK_EQ(stats.nr_zones, sea_small.nr_runs);
	if (recycles())
		CHECK_EQ(stats.live, live_bytes());
	CHECK(stats.live >= live_bytes());
	CHECK_AT_MOST(stats.dirty, stats.free);
	CHECK_AT_MOST(stats.purged, stats.reserved);
}

/* --- random operations against patterns ------------------------------------------------- */

static size_t any_size(struct heap *heap)
{
	size_t dice = below(&heap->random, 100);
	return test_random_size(&heap->random, dice < 90 ? 2000 : dice < 99 ? 70000 : MiB);
}

static void fill(struct heap *heap, struct block *block, void *start, size_t size)
{
	CHECK(start && (uintptr_t)start % 16 == 0);
	*block = (struct block){start, sea_malloc_usable_size(start), test_random(&heap->random)};
	CHECK(block->usable >= size);
	test_fill(block->start, block->usable, block->key);
}

static void allocate(struct heap *heap, struct block *block)
{
	size_t size = any_size(heap), align = (size_t)1 << below(&heap->random, 14);
	void *start;
	switch (below(&heap->random, 4)) {
	case 0:
		start = sea_calloc(1, size);
		CHECK(start && test_is_zero(start, size));
		break;
	case 1:
		start = sea_memalign(align, size);
		CHECK((uintptr_t)start % align == 0);
		break;
	default:
		start = sea_malloc(size);
		CHECK_EQ(sea_malloc_usable_size(start), sea_good_size(size));
	}
	fill(heap, block, start, size);
}

static void resize(struct heap *heap, struct block *block)
{
	size_t size = 1 + any_size(heap);
	unsigned char *start = sea_realloc(block->start, size);
	CHECK(start && test_is_filled(start, sea_min(size, block->usable), block->key));
	fill(heap, block, start, size);
}

static void expand(struct heap *heap, struct block *block)
{
	size_t size = block->usable + below(&heap->random, 1000);
	bool done = sea_expand(block->start, size);
	CHECK(test_is_filled(block->start, block->usable, block->key));
	if (done)
		fill(heap, block, block->start, size);
	CHECK_EQ(sea_malloc_usable_size(block->start), block->usable);
}

static void release(struct block *block)
{
	CHECK(!block->start || test_is_filled(block->start, block->usable, block->key));
	sea_free(block->start);
	block->start = NULL;
}

static void step(struct heap *heap)
{
	struct block *block = &heap->blocks[below(&heap->random, MAX_BLOCKS)];
	if (!block->start)
		allocate(heap, block);
	else if (below(&heap->random, 4) == 0)
		resize(heap, block);
	else if (below(&heap->random, 8) == 0)
		expand(heap, block);
	else
		release(block);
}

static void release_all(struct heap *heap)
{
	for (size_t i = 0; i < MAX_BLOCKS; i++)
		release(&heap->blocks[i]);
}

static void random_operations(void)
{
	struct heap *heap = &heaps[0];
	heap->random = test_seed();
	for (size_t i = 0; i < rounds(12000); i++) {
		step(heap);
		if (i % 64 == 0) {
			CHECK(sea_engine_is_sound());
			check_account();
		}
		if (i % 1000 == 500)
			sea_malloc_trim(i % 2000 == 500 ? 0 : MiB);
	}
	release_all(heap);
	CHECK(sea_engine_is_sound());
	check_account();
}

static void random_operations_on_large_pages(void)
{
	sim.page_size = 64 * KiB;
	random_operations();
}

static void random_operations_with_small_arenas(void)
{
	static const struct sim_variable small = {"SEAMALLOC_CONF", "arena=1M"};
	sim.has_environment = true;
	sim.environment[0] = small;
	random_operations();
}

static void *work(void *heap)
{
	for (size_t i = 0; i < rounds(12000); i++) {
		step(heap);
		if (i % 1000 == 500)
			sea_malloc_trim(0);
	}
	release_all(heap);
	return NULL;
}

static void threads(void)
{
	pthread_t thread[NR(heaps)];
	for (size_t i = 0; i < NR(heaps); i++) {
		heaps[i].random = test_seed() + 2 * i;
		thread[i] = start_thread(work, &heaps[i]);
	}
	for (size_t i = 0; i < NR(heaps); i++)
		CHECK_EQ(pthread_join(thread[i], NULL), 0);
	CHECK(sea_engine_is_sound());
	check_account();
}

/* --- sizes -------------------------------------------------------------------------------- */

static void good_size_is_usable_size(void)
{
	for (size_t size = 0; size < 2 * MiB; size += 1 + size / 50) {
		void *block = sea_malloc(size);
		CHECK_EQ(sea_malloc_usable_size(block), sea_good_size(size));
		sea_free(block);
	}
	CHECK_EQ(sea_good_size((size_t)PTRDIFF_MAX + 1), 0);
}

static void alignments(void)
{
	for (size_t align = 1; align <= GiB; align *= 2)
		for (size_t size = 0; size <= MiB; size = size * 7 + 5) {
			char *block = sea_memalign(align, size);
			CHECK(block && (uintptr_t)block % align == 0);
			CHECK(sea_malloc_usable_size(block) >= size);
			memset(block, 1, size);
			sea_free(block);
		}
	CHECK(!sea_memalign(opaque_size((size_t)1 << 62), 1));
	CHECK(!sea_memalign(16, opaque_size(SIZE_MAX)));
	CHECK(sea_engine_is_sound());
}

static void the_border_of_small(void)
{
	char *small = sea_malloc(SEA_SMALL_MAX), *large = sea_malloc(SEA_SMALL_MAX + 1);
	CHECK_EQ(sea_block_run_size(small), 0);
	CHECK(sea_block_run_size(large) > SEA_SMALL_MAX);
	test_fill(small, SEA_SMALL_MAX, 1);
	small = sea_realloc(small, SEA_SMALL_MAX + 1);
	CHECK(sea_block_run_size(small) && test_is_filled(small, SEA_SMALL_MAX, 1));
	small = sea_realloc(small, SEA_SMALL_MAX);
	CHECK(test_is_filled(small, SEA_SMALL_MAX, 1));
	sea_free(small);
	sea_free(large);
	CHECK(sea_engine_is_sound());
}

static void stats_are_true(void)
{
	enum { NR_BLOCKS = 2000, SIZE = 496 };
	static void *blocks[NR_BLOCKS];
	struct sea_stats before, during, after;
	sea_account(&before);
	for (size_t i = 0; i < NR_BLOCKS; i++)
		blocks[i] = sea_malloc(SIZE);
	void *large = sea_malloc(3 * MiB);
	sea_account(&during);
	CHECK_EQ(during.live - before.live, NR_BLOCKS * SIZE + 3 * MiB);
	CHECK_EQ(during.nr_zones, 1 + (NR_BLOCKS * (SIZE + 16) - 1) / MiB);
	CHECK(during.metadata - before.metadata >= NR_BLOCKS * 16);
	for (size_t i = 0; i < NR_BLOCKS; i++)
		sea_free(blocks[i]);
	sea_free(large);
	sea_account(&after);
	CHECK_EQ(after.live, recycles() ? before.live : during.live);
}

/* --- no memory ------------------------------------------------------------------------------- */

static void refusals(void)
{
	unsigned char *kept = sea_malloc(1000);
	test_fill(kept, 1000, 1);
	sim_fail(SIM_ANY, 1, true);
	void *block;
	while ((block = sea_malloc(100000)))
		memset(block, 1, 100000);
	CHECK_EQ(errno, ENOMEM);
	CHECK(!sea_calloc(1, 200000) && !sea_memalign(4096, 100000) && !sea_malloc(100 * MiB));
	CHECK(!sea_realloc(kept, 200000) && test_is_filled(kept, 1000, 1));
	CHECK(!sea_realloc(kept, 100 * MiB) && test_is_filled(kept, 1000, 1));
	CHECK(sea_engine_is_sound());
	sim_heal();
	CHECK((kept = sea_realloc(kept, 200000)) && test_is_filled(kept, 1000, 1));
	CHECK(sea_engine_is_sound());
}

/* --- mistakes -------------------------------------------------------------------------------- */

static bool says(const char *text) { return strstr(sim.report, text) != NULL; }

static bool free_aborts(void *block) { return SIM_ABORTS(sea_free(opaque(block))); }

static bool realloc_aborts(void *block) { return SIM_ABORTS((void)!sea_realloc(opaque(block), 10)); }

static bool usable_size_aborts(void *block) { return SIM_ABORTS(sea_malloc_usable_size(opaque(block))); }

static void foreign_pointers(void)
{
	static _Alignas(4096) char data[8192];
	char *block = sea_malloc(100);
	void *const foreign[] = {data, data + 16, data + 4096, &block, (void *)8, (void *)16, (void *)-16, (void *)-1};
	for (size_t i = 0; i < NR(foreign); i++) {
		CHECK(free_aborts(foreign[i]));
		CHECK(says("not memory of this heap"));
		CHECK(realloc_aborts(foreign[i]));
		CHECK(says("realloc of "));
	}
}

static void interior_pointers(void)
{
	static const size_t sizes[] = {16, 17, 100, 5000, 100000, 300000, 3 * MiB};
	for (size_t i = 0; i < NR(sizes); i++) {
		char *block = sea_malloc(sizes[i]);
		for (size_t offset = 1; offset < sizes[i]; offset = offset * 3 + 13) {
			CHECK(free_aborts(block + offset));
			CHECK(says("points inside a block"));
		}
	}
	CHECK(usable_size_aborts((char *)sea_malloc(100) + 16));
	CHECK(says("malloc_usable_size of "));
}

/* An overrun destroys the seal behind; the next look finds out. */
static void overrun(void)
{
	char *block = sea_malloc(24), *behind = sea_malloc(24);
	CHECK(sea_engine_is_sound());
	memset(opaque(block), 1, 33);
	CHECK(!sea_engine_is_sound());
	CHECK(free_aborts(behind));
	CHECK(says("heap corrupted"));
}

static void every_unsound_chunk_is_noticed(void)
{
	void *block = sea_malloc(100), *behind = sea_malloc(100);
	struct sea_chunk *chunk = sea_block_chunk(block), good = *chunk;
	CHECK(sea_engine_is_sound());
	sea_chunk_make_free(chunk, chunk->size);
	CHECK(!sea_engine_is_sound());
	*chunk = good;
	sea_chunk_make_live(chunk, chunk->size + 16, 0);
	CHECK(!sea_engine_is_sound());
	*chunk = good;
	sea_small.live++;
	CHECK(!sea_engine_is_sound());
	sea_small.live--;
	sea_small.nr_runs++;
	CHECK(!sea_engine_is_sound());
	sea_small.nr_runs--;
	CHECK(sea_engine_is_sound());
	sea_free(behind);
}

static const struct test_case cases[] = {
	PASSES(random_operations),
	PASSES(random_operations_on_large_pages),
	PASSES(random_operations_with_small_arenas),
	PASSES(threads),
	PASSES(good_size_is_usable_size),
	PASSES(alignments),
	PASSES(the_border_of_small),
	PASSES(stats_are_true),
	PASSES(refusals),
	PASSES(foreign_pointers),
	PASSES(interior_pointers),
	PASSES(overrun),
	PASSES(every_unsound_chunk_is_noticed),
};

HARNESS_MAIN(cases)
