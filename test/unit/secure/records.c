/* SPDX-License-Identifier: MIT */
/* records.c - hardened mode when there is no memory for what we write down, and
 * threads without a cache */
#include "secure/secure.h"

#include "base/options.h"
#include "engines/engine.h"
#include "front/account.h"
#include "map/map.h"
#include "named/named.h"
#include "secure/cellcache.h"
#include "secure/large.h"
#include "secure/nothing.h"
#include "unit.h"

#define LARGE 100000

static void begin(void)
{
	sim.has_environment = true;
	sea_options.secure = 1;
	CHECK(sea_secure_settle());
}

static void use_up_records(void)
{
	sim_fail(SIM_RESERVE, 1, true);
	while (sea_meta_alloc(64))
		;
}

/* The run of a block whose record is missing is free again. */
static void large_blocks(void)
{
	struct sea_stats before, after;
	size_t nr = 0;
	begin();
	void *first = sea_engine_alloc(LARGE);
	CHECK(first);
	use_up_records();
	void *last = NULL;
	for (void *each; nr < 100000 && (each = sea_engine_alloc(LARGE)); nr++)
		last = each;
	sea_account(&before);
	for (size_t i = 0; i < 100; i++)
		CHECK(!sea_engine_alloc(LARGE));
	sea_account(&after);
	CHECK_EQ(after.live, before.live);
	CHECK(sea_engine_is_sound());
	sim_heal();
	CHECK(sea_engine_alloc(LARGE));
	sea_engine_free(first);
	sea_engine_free(last);
	CHECK(SIM_ABORTS(sea_engine_free(first)));
	CHECK(sea_engine_is_sound());
}

/* Blocks of no bytes: cells, if the range without access is refused. */
static void blocks_of_no_bytes(void)
{
	begin();
	CHECK(sea_engine_alloc(1)); /* cells that are ready */
	use_up_records();
	void *block = sea_engine_alloc(0), *other = sea_engine_alloc(0);
	CHECK(block && other && block != other && sea_nothing_at(block) == SEA_NOTHING_ELSEWHERE);
	sea_engine_free(block);
	CHECK(SIM_ABORTS(sea_engine_free(block)));
	sim_heal();
	CHECK((block = sea_engine_alloc(0)));
	sea_engine_free(block);
	CHECK(sea_engine_is_sound());
}

/* A thread that gets no cache of cells takes and gives each cell itself. */
static void *without_cache(void *unused)
{
	size_t live = sea_cellcache_live_alone;
	char *blocks[20];
	for (size_t i = 0; i < 20; i++) {
		CHECK((blocks[i] = sea_engine_alloc(100 + i)));
		test_fill((unsigned char *)blocks[i], 100 + i, i);
	}
	CHECK(!sea_cellcache_own);
	CHECK(sea_cellcache_live_alone > live);
	for (size_t i = 0; i < 20; i++) {
		CHECK(test_is_filled((unsigned char *)blocks[i], 100 + i, i));
		sea_engine_free(blocks[i]);
		CHECK(SIM_ABORTS(sea_engine_free(blocks[i])));
	}
	CHECK_EQ(sea_cellcache_live_alone, live);
	return unused;
}

static void a_thread_without_cache(void)
{
	begin();
	void *mine[64];
	for (size_t i = 0; i < 64; i++) /* a tract with free cells of these sizes */
		CHECK((mine[i] = sea_engine_alloc(100 + i % 20)));
	use_up_records();
	run_in_thread(without_cache, NULL);
	sim_heal();
	for (size_t i = 0; i < 64; i++)
		sea_engine_free(mine[i]);
	CHECK(sea_engine_is_sound());
}

/* A block grows where it is, or is not changed. */
static void expanding(void)
{
	begin();
	for (size_t size = 1; size < 3 * MiB; size = 2 * size + 5) {
		char *block = sea_engine_alloc(size);
		test_fill((unsigned char *)block, size, size);
		for (size_t more = size; more < 2 * size; more += size / 8 + 1) {
			bool is_done = sea_engine_expand(block, more);
			CHECK_EQ(sea_engine_expect_live("ask", block) >= more, is_done);
			CHECK(test_is_filled((unsigned char *)block, size, size));
			if (is_done)
				memset(block + size, 7, more - size);
		}
		CHECK(!sea_engine_expand(block, SIZE_MAX / 2));
		sea_engine_free(block);
	}
	CHECK(sea_engine_is_sound());
}

static size_t live_now(void)
{
	struct sea_stats stats;
	sea_account(&stats);
	CHECK(sea_account_adds_up(&stats));
	return stats.live;
}

/* Blocks of a heap object are in zones and runs, beside those of the mode, and are counted
 * once. */
static void blocks_of_heap_objects(void)
{
	static const size_t sizes[] = {20, 1000, 50000, 300000, 2 * MiB};
	void *blocks[NR(sizes)], *mine[NR(sizes)];
	begin();
	struct sea_named *named = sea_named_create("unit", (struct sea_named_options){.quota = SIZE_MAX});
	CHECK(named && sea_engine_alloc(10));
	for (size_t i = 0; i < NR(sizes); i++) {
		struct sea_request request = {.size = sizes[i], .align = 1};
		size_t before = live_now();
		CHECK((blocks[i] = sea_named_alloc(named->handle, "test", &request)));
		CHECK_EQ(live_now(), before + sea_engine_expect_live("ask", blocks[i]));
		CHECK((mine[i] = sea_engine_alloc(sizes[i])));
		CHECK_EQ(live_now(), before + sea_engine_expect_live("ask", blocks[i]) + sizes[i]);
	}
	for (size_t i = 0; i < NR(sizes); i++) {
		sea_engine_free(blocks[i]);
		sea_engine_free(mine[i]);
	}
	sea_named_merge_all(); /* what is in the bins counts as live */
	CHECK_EQ(live_now(), 10);
	CHECK(sea_engine_is_sound());
}

static const struct test_case cases[] = {
	PASSES(large_blocks), PASSES(blocks_of_no_bytes), PASSES(a_thread_without_cache), PASSES(expanding),
	PASSES(blocks_of_heap_objects),
};

HARNESS_MAIN(cases)
