/* SPDX-License-Identifier: MIT */
/* reclaim.c - memory inside zones goes back, and nothing that is in use with it */
#include "heap/reclaim.h"

#include <sys/wait.h>
#include <unistd.h>

#include "front/account.h"
#include "cache/cache.h"
#include "engines/engine.h"
#include "base/options.h"
#include "base/step.h"
#include "page/page_alloc.h"
#include "base/upward.h"
#include "unit.h"

#define NR_BLOCKS 40000

static char *blocks[NR_BLOCKS];
static size_t sizes[NR_BLOCKS];

static void fill(size_t nr, size_t size)
{
	for (size_t i = 0; i < nr; i++) {
		CHECK((blocks[i] = sea_engine_alloc(size)));
		sizes[i] = size;
		test_fill(blocks[i], size, i);
	}
}

static void check_blocks(size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		CHECK(!blocks[i] || test_is_filled(blocks[i], sizes[i], i));
}

/* Frees all but every n-th block, and merges. */
static void thin_out(size_t nr, size_t n)
{
	for (size_t i = 0; i < nr; i++) {
		if (i % n == 0 || !blocks[i])
			continue;
		sea_engine_free(blocks[i]);
		blocks[i] = NULL;
	}
	sea_cache_merge_all();
}

static void free_rest(size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		sea_engine_free(blocks[i]);
	memset(blocks, 0, sizeof(blocks));
	sea_engine_trim(0);
	CHECK(sea_engine_is_sound());
	struct sea_stats stats;
	sea_account(&stats);
	CHECK_EQ(stats.live, 0);
	CHECK_EQ(stats.dirty, 0);
}

static void trim_reaches_into_zones(void)
{
	sea_options.dirty_max = GiB;
	fill(20000, 500);
	thin_out(20000, 500);
	size_t idle = sea_pages_dirty();
	CHECK(idle > 4 * MiB);
	sea_engine_trim(0);
	CHECK_AT_MOST(sea_pages_dirty(), idle / 50);
	CHECK(sea_engine_is_sound());
	check_blocks(20000);
	free_rest(20000);
}

/* What a trim says has gone has gone, and no more. */
static void trim_counts_what_has_gone(void)
{
	fill(20000, 500);
	thin_out(20000, 500);
	size_t before = sim.purged;
	size_t bytes = sea_engine_trim(0);
	CHECK(bytes > 0);
	CHECK_AT_MOST(bytes, sim.purged - before);
}

/* Pages that hold no memory are not asked for, nor counted as if they had any. */
static void untouched_pages_stay_untouched(void)
{
	struct sea_stats stats;
	sea_engine_free(sea_engine_alloc(100));
	CHECK(sea_engine_alloc(100));
	char *block = sea_engine_alloc(120000); /* the rest of the zone is one hole with it */
	memset(block, 1, 120000);
	sea_engine_free(block);
	sea_engine_trim(0);
	sea_account(&stats);
	CHECK_AT_MOST(stats.purged_ever, 30 * 4096);
	CHECK_AT_MOST(sim.purged, 30 * 4096);
}

static void reclaim_stops_below_the_watermark(void)
{
	sea_options.dirty_max = MiB;
	fill(20000, 500);
	thin_out(20000, 500);
	sea_reclaim(SEA_THREAD_ENDS);
	CHECK(sea_reclaim_is_sound());
	CHECK_AT_MOST(sea_pages_dirty(), sea_budget_watermarks().high);
	size_t purged = sim.purged;
	sea_reclaim(SEA_THREAD_ENDS);
	CHECK_EQ(sim.purged, purged);
	check_blocks(20000);
	free_rest(20000);
}

/* An ordinary call starts a pass for short rows, which ends when it has purged 4 MiB. */
static void a_pass_for_short_rows_is_bounded(void)
{
	sea_options.dirty_max = GiB;
	sim.now_ms = 60000;
	fill(NR_BLOCKS, 3000);
	thin_out(NR_BLOCKS, 5); /* holes of 12,000 bytes: two pages each */
	sea_options.dirty_max = MiB;
	size_t purged = sim.purged;
	while (sea_reclaim(SEA_NOW_AND_THEN))
		CHECK_AT_MOST(sim.purged - purged, 5 * MiB);
	CHECK(sea_reclaim_is_sound());
	CHECK(sim.purged - purged >= 4 * MiB);
	CHECK(sea_pages_dirty() > 8 * MiB);
	free_rest(NR_BLOCKS);
}

static void much_stays_below_a_high_watermark(void)
{
	sea_options.dirty_max = GiB;
	fill(20000, 500);
	thin_out(20000, 500);
	sea_reclaim(SEA_THREAD_ENDS);
	CHECK_EQ(sim.purged, 0);
	free_rest(20000);
}

/* More page ranges than one round takes. */
static void many_small_ranges(void)
{
	fill(NR_BLOCKS, 3000);
	thin_out(NR_BLOCKS, 5); /* holes of 12,000 bytes: two pages each */
	sea_engine_trim(0);
	CHECK_AT_MOST(sea_pages_dirty(), 64 * KiB);
	check_blocks(NR_BLOCKS);
	free_rest(NR_BLOCKS);
}

/* The same, where each call uses up the time of its step: all goes in the end. */
static void many_small_ranges_slowly(void)
{
	sim.purge_ms = 1;
	many_small_ranges();
}

/* A range in each of 100 zones goes by a few calls of the system. */
static void ranges_of_many_zones_at_once(void)
{
	enum { ROW = 8 }; /* 24,000 bytes */
	fill(NR_BLOCKS, 3000);
	struct sea_stats stats;
	sea_account(&stats);
	CHECK(stats.nr_zones >= 100);
	sea_engine_trim(0);
	size_t in_zone = NR_BLOCKS / stats.nr_zones;
	for (size_t i = 0; i < NR_BLOCKS; i++) {
		if (i % in_zone >= ROW)
			continue;
		sea_engine_free(blocks[i]);
		blocks[i] = NULL;
	}
	sea_cache_merge_all();
	size_t many = sim.nr_purge_many, purged = sim.purged;
	sea_engine_trim(0);
	CHECK(sim.purged - purged >= stats.nr_zones * 4 * sea_page_size());
	CHECK(sim.nr_purge_many - many >= stats.nr_zones / SEA_STEP_RANGES);
	CHECK_AT_MOST(sim.nr_purge_many - many, 8);
	check_blocks(NR_BLOCKS);
	free_rest(NR_BLOCKS);
}

static void with_pages_of(size_t page)
{
	sim.page_size = page;
	fill(NR_BLOCKS, 1200);
	thin_out(NR_BLOCKS, 400);
	sea_engine_trim(0);
	CHECK_AT_MOST(sea_pages_dirty(), page * 4);
	check_blocks(NR_BLOCKS);
	free_rest(NR_BLOCKS);
}

static void pages_of_16k(void) { with_pages_of(16 * KiB); }
static void pages_of_64k(void) { with_pages_of(64 * KiB); }

/* A system that does not purge: it ends, and leaves everything sound. */
static void nothing_can_be_purged(void)
{
	sim.purge_is_ignored = true;
	fill(20000, 500);
	thin_out(20000, 500);
	for (int i = 0; i < 5; i++)
		CHECK_EQ(sea_engine_trim(0), 0);
	sea_reclaim(SEA_THREAD_ENDS);
	CHECK(sea_engine_is_sound());
	check_blocks(20000);
}

static void a_purge_may_fail(void)
{
	for (size_t n = 1; n < 30; n++) {
		fill(4000, 500);
		thin_out(4000, 50);
		sim_fail(SIM_PURGE, n, n % 2);
		sea_engine_trim(0);
		sim_heal();
		CHECK(sea_engine_is_sound());
		check_blocks(4000);
		free_rest(4000);
	}
}

/* The bitmaps of zones that are gone need no memory, and work when they come back. */
static void metadata_of_spare_zones(void)
{
	for (int round = 0; round < 3; round++) {
		fill(NR_BLOCKS, 800);
		CHECK(sea_engine_is_sound());
		free_rest(NR_BLOCKS);
	}
}

/* --- what another thread might do while the lock is dropped for the system call ----------- */

static bool allocate_while_purging;
static uint32_t is_alone = 1; /* no other thread runs */
static char *meanwhile[5000];
static size_t nr_meanwhile;

unsigned __real_sea_pages_purge_ranges(const struct sea_page_range *ranges, unsigned nr, uint64_t until, size_t *bytes);
unsigned __wrap_sea_pages_purge_ranges(const struct sea_page_range *ranges, unsigned nr, uint64_t until, size_t *bytes);

unsigned __wrap_sea_pages_purge_ranges(const struct sea_page_range *ranges, unsigned nr, uint64_t until, size_t *bytes)
{
	unsigned nr_done = __real_sea_pages_purge_ranges(ranges, nr, until, bytes);
	/* RC4: this thread purges */
	CHECK(sea_load_relaxed(&is_alone) == 0 || !sea_reclaim_is_sound());
	for (unsigned i = 0; allocate_while_purging && i < 100 * nr && nr_meanwhile < NR(meanwhile); i++) {
		meanwhile[nr_meanwhile] = sea_engine_alloc(48);
		CHECK(meanwhile[nr_meanwhile]);
		test_fill(meanwhile[nr_meanwhile], 48, nr_meanwhile);
		nr_meanwhile++;
	}
	return nr_done;
}

/* What stands in front of the pages is taken before they are free again. */
static void allocating_while_pages_are_purged(void)
{
	sea_options.dirty_max = GiB;
	fill(20000, 500);
	thin_out(20000, 500);
	allocate_while_purging = true;
	sea_engine_trim(0);
	allocate_while_purging = false;
	CHECK(nr_meanwhile > 1000);
	CHECK(sea_engine_is_sound());
	check_blocks(20000);
	for (size_t i = 0; i < nr_meanwhile; i++) {
		CHECK(test_is_filled(meanwhile[i], 48, i));
		sea_engine_free(meanwhile[i]);
	}
	free_rest(20000);
}

static void unsound_shards_are_noticed(void)
{
	fill(10, 500);
	CHECK(sea_reclaim_is_sound());
	sea_shards[0].nr_purging = 1;
	CHECK(!sea_reclaim_is_sound()); /* RC4 */
	sea_shards[0].nr_purging = 0;
	sea_shards[0].is_clearing = true;
	CHECK(!sea_reclaim_is_sound());
	sea_shards[0].is_clearing = false;
	CHECK(sea_reclaim_is_sound());
}

/* --- while others allocate ------------------------------------------------------------------ */

static bool stop;

static void *trim_again_and_again(void *unused)
{
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE))
		sea_engine_trim(0);
	return unused;
}

static void *purge_again_and_again(void *unused)
{
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		for (int i = 0; i < 8; i++)
			sea_engine_free(memset(sea_engine_alloc(700000), 1, 700000));
		sea_engine_trim(0);
	}
	return unused;
}

static void *allocate_meanwhile(void *argument)
{
	uint64_t seed = *(uint64_t *)argument;
	char *mine[300] = {NULL};
	size_t mine_size[NR(mine)];
	for (size_t i = 0; i < rounds(8000); i++) {
		size_t slot = below(&seed, NR(mine));
		if (mine[slot]) {
			CHECK(test_is_filled(mine[slot], mine_size[slot], slot));
			sea_engine_free(mine[slot]);
		}
		mine_size[slot] = test_random_size(&seed, 30000);
		CHECK((mine[slot] = sea_engine_alloc(mine_size[slot])));
		test_fill(mine[slot], mine_size[slot], slot);
	}
	for (size_t slot = 0; slot < NR(mine); slot++)
		sea_engine_free(mine[slot]);
	return NULL;
}

static void while_others_allocate(void)
{
	uint64_t seeds[2] = {test_seed(), test_seed() + 2};
	sea_store_relaxed(&is_alone, 0);
	pthread_t trimmer = start_thread(trim_again_and_again, NULL);
	pthread_t threads[2] = {start_thread(allocate_meanwhile, &seeds[0]), start_thread(allocate_meanwhile, &seeds[1])};
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	pthread_join(trimmer, NULL);
	free_rest(0);
}

/* The child of a fork has one thread: whatever others were about to do is undone, or it
 * would stay undone for ever. */
static void a_child_of_a_trimming_process_can_trim(void)
{
	sea_front_start();
	sea_store_relaxed(&is_alone, 0);
	pthread_t trimmer = start_thread(purge_again_and_again, NULL);
	for (int i = 0; i < 100; i++) {
		pid_t child = fork();
		if (child == 0) {
			for (int round = 0; round < 8; round++)
				sea_engine_free(memset(sea_engine_alloc(700000), 1, 700000));
			sea_engine_trim(0);
			CHECK(sea_reclaim_is_sound());
			_exit(sea_pages_dirty() ? 1 : 0);
		}
		int status;
		CHECK(waitpid(child, &status, 0) == child);
		CHECK_EQ(status, 0);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	pthread_join(trimmer, NULL);
}

static const struct test_case cases[] = {
	PASSES(trim_reaches_into_zones), PASSES(trim_counts_what_has_gone), PASSES(untouched_pages_stay_untouched),
	PASSES(reclaim_stops_below_the_watermark), PASSES(a_pass_for_short_rows_is_bounded),
	PASSES(much_stays_below_a_high_watermark),
	PASSES(ranges_of_many_zones_at_once),
	PASSES(many_small_ranges), PASSES(many_small_ranges_slowly), PASSES(pages_of_16k), PASSES(pages_of_64k), PASSES(nothing_can_be_purged),
	PASSES(a_purge_may_fail), PASSES(metadata_of_spare_zones),
	PASSES(allocating_while_pages_are_purged), PASSES(while_others_allocate), PASSES(unsound_shards_are_noticed),
	PASSES(a_child_of_a_trimming_process_can_trim),
};

HARNESS_MAIN(cases)
