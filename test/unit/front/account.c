/* SPDX-License-Identifier: MIT */
/* account.c - every byte is somewhere, and in one place only
 *
 * What is live is compared with a list of blocks, what is mapped with the simulated
 * kernel, and what may hold memory with what the real kernel says of each page.
 */
#include "front/account.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "page/arena.h"
#include "page/buddy.h"
#include "cache/cache.h"
#include "front/front.h"
#include "base/options.h"
#include "page/page_alloc.h"
#include "map/pagemap.h"
#include "map/region.h"
#include "base/upward.h"
#include "seamalloc.h"
#include "unit.h"

#define MAX_BLOCKS 2000

/* A thread's blocks. */
struct heap {
	struct block {
		char *start;
		size_t usable;
	} blocks[MAX_BLOCKS];
	uint64_t random;
	size_t nr_steps;
};
static struct heap heaps[3];

/* --- the check ------------------------------------------------------------------- */

static size_t live_bytes(void)
{
	size_t live = 0;
	for (size_t h = 0; h < NR(heaps); h++)
		for (size_t i = 0; i < MAX_BLOCKS; i++)
			live += heaps[h].blocks[i].start ? heaps[h].blocks[i].usable : 0;
	return live;
}

static size_t count_zones(void)
{
	size_t nr = 0;
	for (unsigned i = 0; i < sea_shard_count(); i++) {
		struct sea_shard_stats shard;
		sea_shard_stats(&sea_shards[i], &shard);
		nr += shard.nr_zones;
	}
	return nr;
}

/* What holds at any time, whoever is at work. */
static struct sea_stats check_sum(void)
{
	struct sea_stats stats;
	sea_account(&stats);
	if (!sea_account_adds_up(&stats))
		test_fail(__FILE__, __LINE__,
			  "live %zu, cached %zu, pending %zu, free %zu, metadata %zu and reserved %zu are %zu",
			  stats.live, stats.cached, stats.pending, stats.free, stats.metadata, stats.reserved,
			  stats.mapped);
	const size_t parts[] = {stats.live, stats.cached, stats.pending, stats.free, stats.metadata, stats.reserved};
	for (size_t i = 0; i < NR(parts); i++)
		CHECK_AT_MOST(parts[i], stats.mapped);
	CHECK_AT_MOST(stats.dirty, stats.free);
	CHECK_AT_MOST(stats.whole, stats.mapped);
	CHECK_AT_MOST(stats.purged, stats.reserved);
	return stats;
}

static void add_held(const struct sea_region *region, void *bytes)
{
	const struct sea_arena *arena = sea_pagemap_arena(region->base);
	if (region->kind == SEA_REGION_AVAILABLE)
		*(size_t *)bytes += sea_arena_count_held(arena, 0, arena->pool->nr_pages) * sim.page_size;
	if (region->kind == SEA_REGION_WHOLE)
		*(size_t *)bytes += arena->block_size;
}

static size_t held_bytes(void)
{
	size_t bytes = 0;
	sea_region_walk(add_held, &bytes);
	return bytes;
}

/* While no other thread is. */
static struct sea_stats check(void)
{
	struct sea_stats stats = check_sum();
	CHECK_EQ(stats.in_transit, 0);
	CHECK_EQ(stats.live + stats.cached + stats.pending + stats.free, held_bytes());
	CHECK_EQ(stats.mapped, sim.reserved);
	CHECK_EQ(stats.live, live_bytes());
	CHECK_EQ(stats.nr_zones, count_zones());
	return stats;
}

/* --- random operations --------------------------------------------------------------- */

static size_t any_size(struct heap *heap)
{
	size_t dice = below(&heap->random, 1000);
	size_t most = dice < 900 ? 2000 : dice < 980 ? 70000 : dice < 998 ? MiB : 6 * MiB;
	return test_random_size(&heap->random, most);
}

/* Writes to each page, so that live memory is there. */
static void keep(struct block *block, char *start)
{
	CHECK(start);
	*block = (struct block){start, sea_malloc_usable_size(start)};
	for (size_t at = 0; at < block->usable; at += 4096)
		start[at] = 1;
	start[block->usable - 1] = 1;
}

static void allocate(struct heap *heap, struct block *block)
{
	size_t size = any_size(heap);
	switch (below(&heap->random, 4)) {
	case 0: keep(block, sea_calloc(1, size)); break;
	case 1: keep(block, sea_memalign((size_t)1 << below(&heap->random, 21), size)); break;
	default: keep(block, sea_malloc(size));
	}
}

static void release(struct block *block)
{
	sea_free(block->start);
	block->start = NULL;
}

static void change(struct heap *heap, struct block *block)
{
	size_t size = 1 + any_size(heap);
	if (below(&heap->random, 2))
		keep(block, sea_realloc(block->start, size));
	else if (sea_expand(block->start, size))
		keep(block, block->start);
}

static void step(struct heap *heap)
{
	struct block *block = &heap->blocks[below(&heap->random, MAX_BLOCKS)];
	if (!block->start)
		allocate(heap, block);
	else if (below(&heap->random, 4) == 0)
		change(heap, block);
	else
		release(block);
}

static void release_all(void)
{
	for (size_t h = 0; h < NR(heaps); h++)
		for (size_t i = 0; i < MAX_BLOCKS; i++)
			release(&heaps[h].blocks[i]);
}

static void *work(void *argument)
{
	struct heap *heap = argument;
	for (size_t i = 0; i < heap->nr_steps; i++)
		step(heap);
	return NULL;
}

static void begin(struct heap *heap, size_t nr_steps)
{
	heap->random = test_seed() + 2 * (size_t)(heap - heaps);
	heap->nr_steps = nr_steps;
}

static void check_all_given_back(void)
{
	release_all();
	check();
	sea_malloc_trim(0);
	struct sea_stats stats = check();
	CHECK_EQ(stats.cached, 0);
	CHECK_EQ(stats.pending, 0);
	CHECK_EQ(stats.dirty, 0);
	CHECK(sea_engine_is_sound());
}

static void random_operations(void)
{
	begin(&heaps[0], rounds(40000));
	begin(&heaps[1], rounds(400));
	for (size_t i = 0; i < heaps[0].nr_steps; i++) {
		step(&heaps[0]);
		if (i % 64 == 0)
			check();
		if (i % 1000 == 500)
			run_in_thread(work, &heaps[1]);
		if (i % 2000 == 700)
			sea_malloc_trim(i % 4000 == 700 ? 0 : MiB);
	}
	check_all_given_back();
}

static void random_operations_on_large_pages(void)
{
	sim.page_size = 64 * KiB;
	random_operations();
}

/* Many arenas come and go, and blocks above 1 MiB have mappings of their own. */
static void random_operations_with_small_arenas(void)
{
	sim.environment[0] = (struct sim_variable){"SEAMALLOC_CONF", "arena=2M,dirty_max=1M"};
	random_operations();
}

static size_t count_zones_without_seam_map(void)
{
	size_t nr = 0;
	for (uint32_t i = 0; i < sea_shards[0].nr_zones; i++)
		nr += sea_seams_bit(sea_shards[0].zones[i]->base) >= sea_seams_nr;
	return nr;
}

/* A block of twice its span lies between the seam map's addresses and later arenas. */
static void random_operations_beyond_the_seam_map(void)
{
	sim.address_space = 16 * MiB;
	sim.environment[0] = (struct sim_variable){"SEAMALLOC_CONF", "arena=1M"};
	heaps[2].blocks[0] = (struct block){sea_malloc(1), 16};
	heaps[2].blocks[1] = (struct block){sea_malloc(128 * MiB), 128 * MiB};
	begin(&heaps[0], 2000);
	work(&heaps[0]);
	CHECK(count_zones_without_seam_map() > 0);
	random_operations();
}

/* --- one block's way through the figures -------------------------------------------- */

enum { NR_SMALL = 512, SMALL = 512 };

static void a_block_goes_from_figure_to_figure(void)
{
	static void *small[NR_SMALL];
	sea_options.cache = MiB;
	CHECK_EQ(check_sum().mapped, 0);
	for (int i = 0; i < NR_SMALL; i++)
		small[i] = sea_malloc(SMALL);
	struct sea_stats live = check_sum();
	CHECK_EQ(live.live, NR_SMALL * SMALL);
	for (int i = 0; i < 4; i++)
		sea_free(small[i]);
	struct sea_stats cached = check_sum();
	CHECK_EQ(live.live - cached.live, 4 * SMALL);
	CHECK_EQ(cached.cached - live.cached, 4 * SMALL);
	sea_cache_send_all();
	struct sea_stats pending = check_sum();
	CHECK_EQ(pending.cached, 0);
	CHECK_EQ(pending.pending - cached.pending, cached.cached);
	sea_cache_merge_all();
	struct sea_stats merged = check_sum();
	CHECK_EQ(merged.pending, 0);
	CHECK_EQ(merged.free - pending.free, pending.pending);
	for (int i = 4; i < NR_SMALL; i++)
		sea_free(small[i]);
	sea_malloc_trim(0);
	struct sea_stats purged = check_sum();
	CHECK_EQ(purged.live + purged.cached + purged.pending + purged.free, 0);
	CHECK_EQ(purged.purged, merged.purged + merged.live + merged.free);
	CHECK_EQ(purged.mapped, live.mapped);
}

/* A run is live to its last page; what it leaves behind may hold memory until a trim. */
static void runs_are_counted_by_the_page(void)
{
	char *run = sea_malloc(300 * KiB + 1);
	struct sea_stats before = check_sum();
	CHECK_EQ(before.live, 304 * KiB);
	CHECK((run = sea_realloc(run, 280 * KiB)));
	struct sea_stats after = check_sum();
	CHECK_EQ(after.live, 280 * KiB);
	CHECK_EQ(after.dirty - before.dirty, 24 * KiB);
	sea_free(run);
	sea_malloc_trim(0);
	CHECK_EQ(check_sum().free, 0);
}

/* What a block with a mapping of its own does not use is addresses only. */
static void whole_arenas_are_counted_by_the_block(void)
{
	char *block = sea_malloc(100 * MiB);
	struct sea_stats stats = check_sum();
	CHECK_EQ(stats.live, 100 * MiB);
	CHECK_EQ(stats.whole, 100 * MiB);
	CHECK((block = sea_realloc(block, 200 * MiB)));
	CHECK((block = sea_realloc(block, 60 * MiB)));
	stats = check_sum();
	CHECK_EQ(stats.live, 60 * MiB);
	CHECK(stats.purged >= 60 * MiB);
	CHECK_EQ(stats.mapped, sim.reserved);
	sea_free(block);
	CHECK_EQ(check_sum().nr_whole, 0);
	CHECK_EQ(check_sum().mapped, sim.reserved);
}

/* --- other threads ---------------------------------------------------------------------- */

static void the_sum_holds_while_threads_work(void)
{
	pthread_t thread[NR(heaps)];
	sim.environment[0] = (struct sim_variable){"SEAMALLOC_CONF", "arena=2M,dirty_max=1M"};
	for (size_t h = 0; h < NR(heaps); h++) {
		begin(&heaps[h], rounds(40000));
		thread[h] = start_thread(work, &heaps[h]);
	}
	for (size_t i = 0; i < rounds(1000); i++)
		check_sum();
	for (size_t h = 0; h < NR(heaps); h++)
		CHECK_EQ(pthread_join(thread[h], NULL), 0);
	check();
	check_all_given_back();
}

static pthread_barrier_t barrier;

/* Has blocks and a cache, and sleeps. */
static void *work_and_sleep(void *heap)
{
	work(heap);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return NULL;
}

static void check_child(void (*run)(void))
{
	int status;
	pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		run();
		_exit(0);
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
}

static size_t cached_in_parent;

static void go_on_in_child(void)
{
	struct sea_stats stats = check();
	CHECK_EQ(stats.cached, cached_in_parent);
	CHECK_EQ(stats.nr_threads, 1);
	for (size_t i = 0; i < rounds(4000); i++)
		step(&heaps[0]);
	check();
	release_all();
	check();
}

/* What the thread had cached is cached for good. */
static void a_child_counts_what_other_threads_had_cached(void)
{
	sea_front_start();
	pthread_barrier_init(&barrier, NULL, 2);
	begin(&heaps[0], rounds(4000));
	begin(&heaps[1], rounds(4000));
	pthread_t thread = start_thread(work_and_sleep, &heaps[1]);
	pthread_barrier_wait(&barrier);
	work(&heaps[0]);
	cached_in_parent = check().cached;
	check_child(go_on_in_child);
	check();
	pthread_barrier_wait(&barrier);
	pthread_join(thread, NULL);
	check_all_given_back();
}

static int nr_handlers_run;

static void check_in_handler(void)
{
	CHECK(sea_heap_is_stopped());
	check();
	nr_handlers_run++;
}

static void nothing(void) {}

static void *do_nothing(void *unused) { return unused; }

/* Handlers that were registered before ours run while we hold every lock, in a process that has
 * had more than one thread. */
static void an_account_in_a_fork_handler(void)
{
	run_in_thread(do_nothing, NULL);
	pthread_atfork(check_in_handler, NULL, NULL);
	sea_front_start();
	begin(&heaps[0], 1000);
	work(&heaps[0]);
	check_child(nothing);
	CHECK_EQ(nr_handlers_run, 1);
	CHECK(!sea_heap_is_stopped());
	check_all_given_back();
}

/* --- what the kernel says ---------------------------------------------------------------- */

#define HOST_PAGE ((size_t)4096)
#define IS_PRESENT (1ull << 63)
#define IS_SWAPPED (1ull << 62)
#define IS_EXCLUSIVE (1ull << 56) /* not so for the page of zeros that reads share */

static int kernel_pagemap;
static size_t nr_resident[3], nr_metadata_ranges;

static bool is_resident(const char *page)
{
	uint64_t entry = 0;
	off_t at = (off_t)((uintptr_t)page / HOST_PAGE * sizeof(entry));
	CHECK_EQ(pread(kernel_pagemap, &entry, sizeof(entry), at), sizeof(entry));
	return entry & IS_SWAPPED || (entry & IS_PRESENT && entry & IS_EXCLUSIVE);
}

static bool is_touched(const char *page)
{
	const struct sea_arena *arena = sea_pagemap_arena(page);
	size_t pfn = (size_t)(page - arena->base) / HOST_PAGE;
	return arena->pool ? sea_bit_test(arena->touched, pfn) : pfn < arena->block_size / HOST_PAGE;
}

static void look(const struct sea_region *region, void *context)
{
	(void)context;
	nr_metadata_ranges += region->kind == SEA_REGION_METADATA;
	for (const char *page = region->base; page < region->base + region->size; page += HOST_PAGE) {
		if (!is_resident(page))
			continue;
		nr_resident[region->kind]++;
		if (region->kind != SEA_REGION_METADATA && !is_touched(page))
			test_fail(__FILE__, __LINE__, "%p is purged and has memory", (void *)page);
	}
}

static void look_at_pages(void)
{
	memset(nr_resident, 0, sizeof(nr_resident));
	nr_metadata_ranges = 0;
	kernel_pagemap = open("/proc/self/pagemap", O_RDONLY);
	if (kernel_pagemap < 0)
		test_skip("no /proc/self/pagemap");
	sea_region_walk(look, NULL);
	close(kernel_pagemap);
}

/* All live bytes are written to, so that memory is between them and all that is not
 * purged.  Our own structures may take some pages more in each of their mappings and for each
 * arena: what is handed out begins and ends inside pages, and what is only read has a page. */
static void check_resident(void)
{
	struct sea_stats stats = check();
	look_at_pages();
	size_t blocks = (nr_resident[SEA_REGION_AVAILABLE] + nr_resident[SEA_REGION_WHOLE]) * HOST_PAGE;
	size_t ours = nr_resident[SEA_REGION_METADATA] * HOST_PAGE;
	CHECK_AT_MOST(blocks, stats.live + stats.cached + stats.pending + stats.free);
	CHECK_AT_MOST(stats.live, blocks);
	CHECK_AT_MOST(ours, stats.metadata + 4 * nr_metadata_ranges * HOST_PAGE);
}

static void what_is_purged_has_no_memory(void)
{
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	begin(&heaps[0], rounds(4000));
	begin(&heaps[1], rounds(4000));
	check_resident();
	for (int i = 0; i < 4; i++) {
		work(&heaps[0]);
		run_in_thread(work, &heaps[1]);
		check_resident();
		sea_malloc_trim(0);
		check_resident();
	}
	release_all();
	check_resident();
	sea_malloc_trim(0);
	check_resident();
}

/* --- step by step ---------------------------------------------------------------------------- */

/* Zones that were counted since the locks were taken, at most; and how often they were. */
static size_t zones_in_step, most_in_step, nr_locked;

void __real_sea_zone_count(const struct sea_zone *zone, struct sea_zone_count *count);
void __wrap_sea_zone_count(const struct sea_zone *zone, struct sea_zone_count *count);
void __real_sea_heap_stop(void);
void __wrap_sea_heap_stop(void);

void __wrap_sea_zone_count(const struct sea_zone *zone, struct sea_zone_count *count)
{
	__real_sea_zone_count(zone, count);
	if (++zones_in_step > most_in_step)
		most_in_step = zones_in_step;
}

void __wrap_sea_heap_stop(void)
{
	__real_sea_heap_stop();
	zones_in_step = 0;
	nr_locked++;
}

/* Chunks of 8 KiB: 128 in a zone. */
static void make_zones(size_t nr)
{
	for (size_t i = 0; i < nr * 128; i++)
		CHECK(sea_malloc(8 * KiB - 64));
}

static void an_account_is_done_in_steps(void)
{
	struct sea_stats stats;
	make_zones(400);
	most_in_step = nr_locked = 0;
	sea_account(&stats);
	CHECK(sea_account_adds_up(&stats));
	CHECK_EQ(stats.mapped, sim.reserved);
	CHECK_EQ(stats.in_transit, 0);
	CHECK(stats.nr_zones >= 400);
	CHECK_AT_MOST(most_in_step, 16);
	CHECK(nr_locked >= 400 / 16);
}

static void expect_free(struct sea_lock *lock, void *unused)
{
	(void)unused;
	CHECK(!sea_lock_is_held(lock));
}

static void nothing_is_held_after_an_account(void)
{
	struct sea_stats stats;
	make_zones(40);
	sea_account(&stats);
	CHECK(!sea_heap_is_stopped());
	sea_lock_each(expect_free, NULL);
}

static void *account_often(void *unused)
{
	struct sea_stats stats;
	for (size_t i = 0; i < rounds(40); i++) {
		sea_account(&stats);
		CHECK(sea_account_adds_up(&stats));
		CHECK_EQ(stats.in_transit, 0);
	}
	return unused;
}

/* Each step stops the heap for its own thread. */
static void accounts_take_turns(void)
{
	pthread_t threads[3];
	make_zones(100);
	nr_locked = 0;
	for (size_t i = 0; i < NR(threads); i++)
		threads[i] = start_thread(account_often, NULL);
	for (size_t i = 0; i < NR(threads); i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	CHECK(nr_locked >= NR(threads) * rounds(40) * (100 / 16));
	sea_lock_each(expect_free, NULL);
}

static struct {
	size_t nr_refills; /* atomic */
	bool is_over;
} refilling;

/* Each allocation takes the shard's lock, as nothing is cached. */
static void *refill(void *unused)
{
	while (!__atomic_load_n(&refilling.is_over, __ATOMIC_RELAXED)) {
		sea_free(sea_malloc(100));
		sea_cache_send_all();
		__atomic_add_fetch(&refilling.nr_refills, 1, __ATOMIC_RELAXED);
	}
	return unused;
}

static size_t refills_so_far(void) { return __atomic_load_n(&refilling.nr_refills, __ATOMIC_RELAXED); }

/* Counted, as times say little on a machine that is busy: with all locks held throughout it is one
 * or two.  Where the other thread does not get a processor it says nothing, and is tried again. */
static void others_go_on_meanwhile(void)
{
	struct sea_stats stats;
	sea_options.shards = 1;
	make_zones(1024);
	pthread_t thread = start_thread(refill, NULL);
	while (refills_so_far() < 100)
		sched_yield();
	unsigned nr_good = 0;
	for (int i = 0; i < 50 && nr_good < 3; i++) {
		size_t before = refills_so_far();
		sea_account(&stats);
		CHECK(sea_account_adds_up(&stats));
		nr_good += refills_so_far() - before >= 16;
	}
	CHECK_EQ(nr_good, 3);
	__atomic_store_n(&refilling.is_over, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
}

/* Where the walk is to go on somebody has made a run over it. */
static void *make_runs(void *unused)
{
	uint64_t random = test_seed();
	static char *runs[64];
	while (!__atomic_load_n(&refilling.is_over, __ATOMIC_RELAXED)) {
		char **run = &runs[below(&random, NR(runs))];
		sea_free(*run);
		*run = sea_malloc(300 * KiB + below(&random, 8 * MiB));
	}
	for (size_t i = 0; i < NR(runs); i++)
		sea_free(runs[i]);
	return unused;
}

static void runs_come_and_go_between_steps(void)
{
	make_zones(100);
	pthread_t thread = start_thread(make_runs, NULL);
	for (size_t i = 0; i < rounds(300); i++)
		check_sum();
	__atomic_store_n(&refilling.is_over, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	CHECK_EQ(check_sum().in_transit, 0);
}

/* --- what is wrong is noticed --------------------------------------------------------------- */

static void a_page_in_no_list_is_adrift(void)
{
	char *run = sea_malloc(300 * KiB);
	struct sea_arena *arena = sea_pagemap_arena(run);
	struct page *page = &arena->pool->pages[(size_t)(run - arena->base) / HOST_PAGE];
	CHECK_EQ(check_sum().in_transit, 0);
	page->state = SEA_PAGE_INSIDE;
	struct sea_stats stats = check_sum();
	CHECK_EQ(stats.in_transit, 300 * KiB);
	CHECK_EQ(stats.live, 0);
	page->state = SEA_PAGE_RUN;
	CHECK_EQ(check_sum().in_transit, 0);
}

/* Runs that are said to be longer than they are: over the next page, over the end. */
static void a_page_in_two_lists_is_noticed(void)
{
	struct sea_stats stats;
	char *run = sea_malloc(300 * KiB);
	struct sea_arena *arena = sea_pagemap_arena(run);
	struct page *page = &arena->pool->pages[(size_t)(run - arena->base) / HOST_PAGE];
	page->nr_pages = 77;
	sea_account(&stats);
	CHECK(stats.in_transit > 0);
	page->nr_pages = (uint32_t)arena->pool->nr_pages + 1;
	sea_account(&stats);
	CHECK(!sea_account_adds_up(&stats));
	page->nr_pages = 75;
	CHECK_EQ(check_sum().in_transit, 0);
}

/* A range that is in the map and nobody's. */
static void a_range_without_arena_is_adrift(void)
{
	sea_free(sea_malloc(100));
	CHECK_EQ(check_sum().in_transit, 0);
	CHECK(sea_region_add((char *)(16 * MiB), MiB, SEA_REGION_AVAILABLE));
	CHECK(sea_region_add((char *)(18 * MiB), MiB, SEA_REGION_WHOLE));
	CHECK_EQ(check_sum().in_transit, 2 * MiB);
}

static const struct test_case cases[] = {
	PASSES(random_operations),
	PASSES(random_operations_on_large_pages),
	PASSES(random_operations_with_small_arenas),
	PASSES(random_operations_beyond_the_seam_map),
	PASSES(a_block_goes_from_figure_to_figure),
	PASSES(runs_are_counted_by_the_page),
	PASSES(whole_arenas_are_counted_by_the_block),
	PASSES(the_sum_holds_while_threads_work),
	PASSES(a_child_counts_what_other_threads_had_cached),
	PASSES(an_account_in_a_fork_handler),
	PASSES(what_is_purged_has_no_memory),
	PASSES(nothing_is_held_after_an_account), PASSES(accounts_take_turns), PASSES(an_account_is_done_in_steps),
	PASSES(others_go_on_meanwhile),
	PASSES(runs_come_and_go_between_steps),
	PASSES(a_page_in_no_list_is_adrift),
	PASSES(a_page_in_two_lists_is_noticed),
	PASSES(a_range_without_arena_is_adrift),
};

HARNESS_MAIN(cases)
