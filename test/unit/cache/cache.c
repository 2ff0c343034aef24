/* SPDX-License-Identifier: MIT */
/* cache.c - thread caches against a list of blocks, with a pattern in each
 *
 * What refill.c, growth.c and send.c do shows in which blocks come and go.  K1 to K3 are checked
 * by walking the calling thread's cache, in random tests after every step.  Calls of
 * sea_shard_send() pass through this file, which can let "another thread" run right behind them.
 */
#include "cache/cache.h"

#include "front/account.h"
#include "engines/engine.h"
#include "base/options.h"
#include "page/page_alloc.h"
#include "unit.h"

#define MAX_BLOCKS 20000

static struct block {
	char *start;
	size_t size; /* usable */
	uint64_t key;
} blocks[MAX_BLOCKS];
static size_t nr_blocks;
static uint64_t next_key;

/* --- what another thread might do just after a chunk was sent back ---------------------- */

static bool drain_after_send;

void __real_sea_shard_send(struct sea_zone *zone, size_t word, uint64_t mask, unsigned nr_granules);
void __wrap_sea_shard_send(struct sea_zone *zone, size_t word, uint64_t mask, unsigned nr_granules);

void __wrap_sea_shard_send(struct sea_zone *zone, size_t word, uint64_t mask, unsigned nr_granules)
{
	struct sea_shard *shard = zone->shard;
	__real_sea_shard_send(zone, word, mask, nr_granules);
	if (drain_after_send)
		sea_shard_merge(shard);
}

/* --- the naive copy ------------------------------------------------------------------------ */

static void add(char *start, size_t size)
{
	CHECK(nr_blocks < MAX_BLOCKS);
	CHECK_EQ((uintptr_t)start % 16, 0);
	size_t usable = sea_cache_expect_live("test", start);
	CHECK(usable >= size);
	blocks[nr_blocks++] = (struct block){start, usable, ++next_key};
	test_fill(start, usable < 100000 ? usable : 100000, next_key);
}

static void check_block(size_t i)
{
	size_t size = blocks[i].size < 100000 ? blocks[i].size : 100000;
	CHECK(test_is_filled(blocks[i].start, size, blocks[i].key));
}

static bool alloc(size_t size)
{
	char *start = sea_cache_alloc(size, sea_cache_alloc_slow);
	if (!start)
		return false;
	CHECK(sea_cache_expect_live("test", start) >= (sea_guard_has(start) ? size : sea_cache_good_size(size)));
	add(start, size);
	return true;
}

static bool alloc_aligned(size_t align, size_t size)
{
	char *start = sea_cache_alloc_aligned(align, size);
	if (!start)
		return false;
	CHECK_EQ((uintptr_t)start % align, 0);
	add(start, size);
	return true;
}

static void give(size_t i)
{
	check_block(i);
	sea_cache_free(blocks[i].start);
	blocks[i] = blocks[--nr_blocks];
}

static void give_all(void)
{
	while (nr_blocks)
		give(nr_blocks - 1);
}

static size_t live_bytes(void)
{
	size_t live = 0;
	for (size_t i = 0; i < nr_blocks; i++)
		live += blocks[i].size;
	return live;
}

static struct sea_stats stats(void)
{
	struct sea_stats stats;
	sea_account(&stats);
	return stats;
}

static void check_cache(void)
{
	const struct sea_cache *cache = sea_threads_own();
	CHECK(!cache->shard || sea_bins_are_sound(cache));
}

static void check_all(void)
{
	check_cache();
	CHECK(sea_engine_is_sound());
}

/* After this, everything that is used is a live block. */
static void settle(void)
{
	sea_cache_merge_all();
	check_all();
	CHECK_EQ(stats().cached, 0);
	/* Of a block with a mapping of its own the bytes asked for are counted. */
	CHECK_AT_MOST(stats().live, live_bytes());
	CHECK_AT_MOST(live_bytes() - stats().live, stats().nr_whole * 4096);
}

/* --- single answers -------------------------------------------------------------------------- */

static void every_size(void)
{
	for (size_t size = 0; size < 3000; size++)
		CHECK(alloc(size));
	for (size_t size = 3000; size < 2 * MiB; size += 1 + size / 30)
		CHECK(alloc(size));
	check_all();
	settle();
	give_all();
	check_all();
	settle();
}

static void good_sizes(void)
{
	for (size_t size = 0; size < 400000; size += 1 + size / 500) {
		size_t good = sea_cache_good_size(size);
		CHECK(good >= size && good > 0 && good % 16 == 0);
		CHECK_EQ(sea_cache_good_size(good), good);
		char *block = sea_cache_alloc(size, sea_cache_alloc_slow);
		CHECK(sea_cache_expect_live("test", block) >= good);
		sea_cache_free(block);
	}
	CHECK_EQ(sea_cache_good_size(PTRDIFF_MAX), (size_t)PTRDIFF_MAX + 1);
	CHECK_EQ(sea_cache_good_size((size_t)PTRDIFF_MAX + 1), 0);
}

static void every_alignment(void)
{
	for (size_t align = 1; align <= 4 * MiB; align *= 2)
		for (size_t size = 0; size < 600000; size = 3 * size + 1)
			CHECK(alloc_aligned(align, size));
	check_all();
	settle();
	give_all();
	settle();
}

static void impossible_sizes(void)
{
	static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 15, (size_t)PTRDIFF_MAX + 1, PTRDIFF_MAX, (size_t)1 << 50};
	for (size_t i = 0; i < NR(sizes); i++) {
		CHECK(!sea_cache_alloc(sizes[i], sea_cache_alloc_slow));
		CHECK(!sea_cache_alloc_aligned(64, sizes[i]));
		CHECK(!sea_cache_alloc_aligned((size_t)1 << 62, 1));
		CHECK(alloc(40000) && !sea_cache_expand(blocks[nr_blocks - 1].start, sizes[i]));
		CHECK(alloc(400000) && !sea_cache_expand(blocks[nr_blocks - 1].start, sizes[i]));
	}
	settle();
}

static void last_in_first_out(void)
{
	char *first = sea_cache_alloc(64, sea_cache_alloc_slow), *second = sea_cache_alloc(64, sea_cache_alloc_slow);
	sea_cache_free(first);
	sea_cache_free(second);
	CHECK(sea_cache_alloc(64, sea_cache_alloc_slow) == second);
	CHECK(sea_cache_alloc(64, sea_cache_alloc_slow) == first);
}

static void null_is_ignored(void)
{
	sea_cache_free(NULL);
	CHECK(alloc(10));
	sea_cache_free(NULL);
	check_all();
}

static void expand(void)
{
	char *block = sea_cache_alloc(40000, sea_cache_alloc_slow);
	size_t before = sea_cache_expect_live("test", block);
	CHECK(sea_cache_expand(block, before + 100));
	CHECK(sea_cache_expect_live("test", block) >= before + 100);
	CHECK(!sea_cache_expand(block, MiB + 1));
	check_all();
	sea_cache_free(block);
	settle();
}

/* A pattern that comes back is served without the shard's lock. */
static void what_recurs_stays_cached(void)
{
	for (int round = 0; round < 50; round++) {
		for (int i = 0; i < 2000; i++)
			CHECK(alloc(48));
		give_all();
	}
	CHECK(stats().cached >= 90000);
	check_all();
}

/* One mass of frees does not. */
static void what_does_not_recur_is_sent_back(void)
{
	for (int i = 0; i < MAX_BLOCKS; i++)
		CHECK(alloc(400));
	give_all();
	CHECK_AT_MOST(stats().cached, 64 * KiB);
	check_all();
	settle();
}

static void caches_are_bounded(void)
{
	sea_options.cache = 100000;
	for (int round = 0; round < 30; round++) {
		for (int i = 0; i < 5000; i++)
			CHECK(alloc(100 + (size_t)round));
		give_all();
		check_cache();
	}
	CHECK_AT_MOST(stats().cached, 1500000);
}

/* Counted chunk by chunk: what is in no block of the program is not live. */
static void live_is_exact_with_full_caches(void)
{
	for (int i = 0; i < 20; i++) {
		CHECK(alloc(100));
		CHECK(alloc(1000));
	}
	CHECK_EQ(stats().live, live_bytes());
	give_all();
	CHECK_EQ(stats().live, 0);
}

static void live_is_exact_with_longer_chunks(void)
{
	for (int i = 0; i < 20; i++)
		CHECK(alloc_aligned(64, 1600)); /* 100 granules: cached among those of 104 */
	CHECK_EQ(stats().live, live_bytes());
	give_all();
	CHECK_EQ(stats().live, 0);
}

/* --- a block freed twice, wherever the first free has put it --------------------------------- */

static void free_twice(size_t size)
{
	char *block = sea_cache_alloc(size, sea_cache_alloc_slow);
	sea_cache_free(block);
	sea_cache_free(block);
}

static void twice_small(void) { free_twice(100); }
static void twice_medium(void) { free_twice(5000); }
static void twice_zone_direct(void) { free_twice(100000); }
static void twice_large(void) { free_twice(500000); }
static void twice_whole(void) { free_twice(40 * MiB); }

static void twice_with_others_between(void)
{
	char *block = sea_cache_alloc(48, sea_cache_alloc_slow);
	for (int i = 0; i < 300; i++)
		CHECK(alloc(48));
	sea_cache_free(block);
	give_all(); /* more than a stack takes: some of them leave it */
	sea_cache_free(block);
	sea_cache_send_waiting();
}

static void twice_after_overflow(void)
{
	for (int i = 0; i < 1000; i++)
		CHECK(alloc(48));
	char *last = sea_cache_alloc(48, sea_cache_alloc_slow);
	give_all();
	sea_cache_free(last);
	sea_cache_free(last);
	sea_cache_send_waiting();
}

/* Of blocks that leave the stack, the fifth finds it out. */
static void twice_and_soon_noticed(void)
{
	for (int i = 0; i < 1000; i++)
		CHECK(alloc(48));
	char *others[4], *block = sea_cache_alloc(48, sea_cache_alloc_slow);
	for (int i = 0; i < 4; i++)
		others[i] = sea_cache_alloc(48, sea_cache_alloc_slow);
	give_all();
	sea_cache_free(block);
	sea_cache_free(block);
	for (int i = 0; i < 4; i++)
		sea_cache_free(others[i]);
}

static void twice_after_a_flush(void)
{
	char *block = sea_cache_alloc(48, sea_cache_alloc_slow);
	sea_cache_free(block);
	sea_cache_send_all();
	sea_cache_free(block);
}

static void twice_after_merging(void)
{
	char *block = sea_cache_alloc(48, sea_cache_alloc_slow);
	CHECK(alloc(48));
	sea_cache_free(block);
	sea_cache_merge_all();
	sea_cache_free(block);
}

static void twice_after_the_zone_is_gone(void)
{
	char *block = sea_cache_alloc(48, sea_cache_alloc_slow);
	sea_cache_free(block);
	sea_cache_merge_all();
	sea_cache_free(block);
}

static void *free_it(void *block)
{
	sea_cache_free(block);
	return NULL;
}

static void twice_from_another_thread(void)
{
	char *block = sea_cache_alloc(48, sea_cache_alloc_slow);
	sea_cache_free(block);
	run_in_thread(free_it, block);
}

static void twice_after_a_thread_has_gone(void)
{
	char *block = sea_cache_alloc(48, sea_cache_alloc_slow);
	run_in_thread(free_it, block);
	sea_cache_free(block);
}

/* --- threads --------------------------------------------------------------------------------- */

static void *use_a_little(void *unused)
{
	char *mine[50];
	for (size_t i = 0; i < NR(mine); i++)
		CHECK((mine[i] = sea_cache_alloc(i * 40, sea_cache_alloc_slow)));
	check_cache();
	for (size_t i = 0; i < NR(mine); i++)
		sea_cache_free(mine[i]);
	check_cache();
	return unused;
}

static void a_thread_leaves_its_cache_behind_and_nothing_else(void)
{
	run_in_thread(use_a_little, NULL);
	CHECK_EQ(stats().nr_threads, 0);
	CHECK(stats().cached > 0);
	CHECK_EQ(stats().live, 0);
	sea_threads_send_left();
	CHECK_EQ(stats().cached, 0);
	for (unsigned i = 0; i < sea_shard_count(); i++) {
		CHECK_EQ(sea_shards[i].nr_threads, 0);
		sea_shard_merge(&sea_shards[i]);
	}
	CHECK_EQ(stats().live, 0);
	CHECK_EQ(stats().nr_zones, 0);
	CHECK(sea_engine_is_sound());
}

static void a_thousand_threads_need_one_cache(void)
{
	run_in_thread(use_a_little, NULL);
	size_t used = stats().metadata;
	for (size_t i = 0; i < rounds(1000); i++)
		run_in_thread(use_a_little, NULL);
	CHECK_AT_MOST(stats().metadata, used + 256 * KiB);
}

static size_t nr_reads;

static void expect_free(struct sea_lock *lock, void *unused)
{
	(void)unused;
	CHECK(!sea_lock_is_held(lock));
}

static void read_without_a_lock(void)
{
	nr_reads++;
	sea_lock_each(expect_free, NULL);
}

/* The second thread reads files of the kernel to learn how many shards there may be. */
static void no_file_is_read_under_a_lock(void)
{
	sim.on_read = read_without_a_lock;
	CHECK(alloc(100));
	CHECK_EQ(nr_reads, 0);
	run_in_thread(use_a_little, NULL);
	CHECK(nr_reads > 0);
}

static void *free_all_of_it(void *unused)
{
	give_all();
	return unused;
}

static void another_thread_frees_it_all(void)
{
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 2000; i++)
			CHECK(alloc(200));
		run_in_thread(free_all_of_it, NULL);
		CHECK_AT_MOST(stats().nr_zones, 3);
	}
	settle();
}

/* Frees what another thread drew, then draws for itself. */
static void *free_and_draw(void *block)
{
	char **mine = block;
	sea_cache_free(*mine);
	CHECK(!sea_cache_has(16));
	*mine = sea_cache_alloc(16, sea_cache_alloc_slow);
	CHECK(*mine);
	char *next = sea_cache_alloc(16, sea_cache_alloc_slow);
	CHECK(next);
	sea_cache_free(next); /* of this class it has drawn */
	CHECK(sea_cache_has(16));
	return NULL;
}

/* It would share the line with `other` for as long as it allocates and frees. */
static void what_others_drew_is_not_kept(void)
{
	char *block = sea_cache_alloc(16, sea_cache_alloc_slow), *other = sea_cache_alloc(16, sea_cache_alloc_slow), *was = block;
	CHECK_EQ(other - block, 16);
	run_in_thread(free_and_draw, &block);
	CHECK(block != was);
	sea_cache_free(block);
	sea_cache_free(other);
	settle();
}

/* Destructors of other keys may run behind ours. */
static pthread_key_t late_key;
static bool was_late;

static void use_late(void *block)
{
	CHECK(!sea_threads_own()->shard);
	sea_cache_free(block);
	char *another = sea_cache_alloc(100, sea_cache_alloc_slow), *large = sea_cache_alloc(50000, sea_cache_alloc_slow);
	CHECK(another && large);
	CHECK_EQ(sea_cache_expect_live("test", another) >= 100, true);
	sea_cache_free(another);
	sea_cache_free(large);
	was_late = true;
}

static void *leave_a_block(void *unused)
{
	static bool made;
	char *block = sea_cache_alloc(100, sea_cache_alloc_slow);
	if (!made)
		pthread_key_create(&late_key, use_late);
	made = true;
	pthread_setspecific(late_key, block);
	return unused;
}

static void a_departed_thread_can_allocate_and_free(void)
{
	run_in_thread(leave_a_block, NULL);
	CHECK(was_late);
	sea_cache_merge_all();
	CHECK_EQ(stats().live, 0);
	check_all();
}

/* The last chunk of a zone, sent back by such a thread: somebody may drain the zone,
 * and give it back, before the sender goes on. */
static void a_departed_thread_empties_a_zone(void)
{
	drain_after_send = true;
	a_departed_thread_can_allocate_and_free();
}

static void an_owner_empties_a_zone(void)
{
	drain_after_send = true;
	__libc_single_threaded = 0; /* it is another thread that drains */
	for (int i = 0; i < 3000; i++)
		CHECK(alloc(400));
	for (int i = 0; i < 100; i++)
		CHECK(alloc(30000));
	give_all();
	settle();
}

static void *free_without_a_cache(void *block)
{
	sea_cache_free(block);
	return NULL;
}

static void a_thread_that_only_frees(void)
{
	CHECK(alloc(100));
	CHECK(alloc(100000));
	run_in_thread(free_without_a_cache, blocks[0].start);
	run_in_thread(free_without_a_cache, blocks[1].start);
	nr_blocks = 0;
	settle();
}

/* --- fork ------------------------------------------------------------------------------------ */

static void *wait_with_a_cache(void *state)
{
	use_a_little(NULL);
	__atomic_store_n((int *)state, 1, __ATOMIC_RELEASE);
	while (__atomic_load_n((int *)state, __ATOMIC_ACQUIRE) == 1)
		sched_yield();
	return NULL;
}

/* As the fork handler of the child calls it.  The thread, which a child would not have, waits
 * until the process ends: it has no place in the list to leave. */
static void the_child_forgets_other_threads(void)
{
	static int state;
	CHECK(alloc(10));
	pthread_t thread = start_thread(wait_with_a_cache, &state);
	while (!__atomic_load_n(&state, __ATOMIC_ACQUIRE))
		sched_yield();
	CHECK_EQ(stats().nr_threads, 2);
	sea_threads_forget_others();
	CHECK_EQ(stats().nr_threads, 1);
	check_all();
	(void)thread;
}

/* --- memory runs out ------------------------------------------------------------------------- */

static void no_memory_for_a_cache(void)
{
	sim_fail(SIM_ANY, 1, true);
	CHECK(!sea_cache_alloc(100, sea_cache_alloc_slow));
	CHECK(!sea_cache_alloc(100000, sea_cache_alloc_slow));
	sim_heal();
	CHECK(alloc(100));
	check_all();
}

/* What the thread has cached of other sizes is found before NULL is returned. */
static void scavenges_before_it_gives_up(void)
{
	CHECK(alloc(1));
	sim.max_committed = sim.committed + 4 * MiB;
	while (nr_blocks < MAX_BLOCKS && alloc(500))
		;
	CHECK(nr_blocks > 5000);
	give_all();
	CHECK(alloc(30000));
	CHECK(alloc(200000));
	check_all();
}

/* --- random operations ----------------------------------------------------------------------- */

static size_t random_size(uint64_t *seed)
{
	static const size_t kinds[] = {200, 1000, 40000, 300000, 2000000};
	return test_random_size(seed, kinds[below(seed, below(seed, 8) ? 2 : NR(kinds))]);
}

static void step_randomly(uint64_t *seed)
{
	size_t action = below(seed, 100);
	if (!nr_blocks || (action < 40 && nr_blocks < 3000)) {
		alloc(random_size(seed));
	} else if (action < 45) {
		alloc_aligned((size_t)1 << below(seed, 14), random_size(seed));
	} else if (action < 48) {
		size_t i = below(seed, nr_blocks);
		check_block(i);
		char *start = blocks[i].start;
		sea_cache_expand(start, blocks[i].size + below(seed, 3000));
		blocks[i] = blocks[--nr_blocks];
		add(start, 0);
	} else if (action < 96) {
		give(below(seed, nr_blocks));
	} else if (action < 97) {
		sea_cache_send_all();
	} else if (action == 97) {
		for (int i = 0; i < 200; i++)
			alloc(32 + below(seed, 3) * 16);
	} else {
		for (int i = 0; i < 200 && nr_blocks; i++)
			give(nr_blocks - 1);
	}
}

static void random_operations(void)
{
	uint64_t seed = test_seed();
	sea_options.cache = 200000;
	for (size_t step = 0; step < rounds(30000); step++) {
		step_randomly(&seed);
		check_cache();
		if (step % 64 == 0)
			check_all();
		if (step % 1024 == 0)
			settle();
	}
	give_all();
	settle();
}

/* The map lies elsewhere: zones have their own seams, and free() takes the slow path. */
static void outside_of_the_seam_map(void)
{
	CHECK(sea_seams_cover((const char *)(1000 * MiB)));
	random_operations();
	CHECK(!sea_seams_of((const char *)((uintptr_t)&sim & -SEA_SLOT_SIZE)));
}

static void with_random_faults(void)
{
	uint64_t seed = test_seed();
	sea_options.arena = 2 * MiB;
	for (size_t step = 0; step < rounds(15000); step++) {
		if (below(&seed, 3) == 0)
			sim_fail((enum sim_call)below(&seed, SIM_NR_CALLS + 1), 1 + below(&seed, 3), below(&seed, 2));
		step_randomly(&seed);
		sim_heal();
		check_cache();
		if (step % 64 == 0)
			check_all();
	}
	give_all();
	settle();
}

/* All threads have a limit in common: who comes late gets what a class starts with. */
static void caches_of_all_threads_have_a_limit(void)
{
	sea_budget.cached = 64 * MiB;
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 3000; i++)
			CHECK(alloc(64));
		give_all();
	}
	CHECK_EQ(sea_budget.cached, 64 * MiB + 4 * KiB + SEA_STACKED_BYTES);
	sea_budget.cached = 4 * KiB + SEA_STACKED_BYTES;
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 3000; i++)
			CHECK(alloc(64));
		give_all();
	}
	CHECK(sea_budget.cached > 100 * KiB);
	sea_cache_send_all();
	CHECK_EQ(sea_budget.cached, 0);
}

static const struct test_case cases[] = {
	PASSES(every_size),
	PASSES(good_sizes),
	PASSES(every_alignment),
	PASSES(impossible_sizes),
	PASSES(last_in_first_out),
	PASSES(null_is_ignored),
	PASSES(expand),
	PASSES(what_recurs_stays_cached),
	PASSES(what_does_not_recur_is_sent_back),
	PASSES(caches_are_bounded),
	PASSES(live_is_exact_with_full_caches),
	PASSES(live_is_exact_with_longer_chunks),
	ABORTS(twice_small, "this block was freed already"),
	ABORTS(twice_medium, "this block was freed already"),
	ABORTS(twice_zone_direct, "this block was freed already"),
	ABORTS(twice_large, "this block was freed already"),
	ABORTS(twice_whole, "this block was freed already"),
	ABORTS(twice_with_others_between, "this block was freed already"),
	ABORTS(twice_after_overflow, "this block was freed already"),
	ABORTS(twice_and_soon_noticed, "this block was freed already"),
	ABORTS(twice_after_a_flush, "this block was freed already"),
	ABORTS(twice_after_merging, "this block was freed already"),
	ABORTS(twice_after_the_zone_is_gone, "this block was freed already"),
	ABORTS(twice_from_another_thread, "this block was freed already"),
	ABORTS(twice_after_a_thread_has_gone, "this block was freed already"),
	PASSES(caches_of_all_threads_have_a_limit),
	PASSES(a_thread_leaves_its_cache_behind_and_nothing_else),
	PASSES(a_thousand_threads_need_one_cache),
	PASSES(no_file_is_read_under_a_lock),
	PASSES(another_thread_frees_it_all), PASSES(what_others_drew_is_not_kept),
	PASSES(a_departed_thread_can_allocate_and_free),
	PASSES(a_departed_thread_empties_a_zone),
	PASSES(an_owner_empties_a_zone),
	PASSES(a_thread_that_only_frees),
	PASSES(the_child_forgets_other_threads),
	PASSES(no_memory_for_a_cache),
	PASSES(scavenges_before_it_gives_up),
	PASSES(random_operations),
	PASSES(outside_of_the_seam_map),
	PASSES(with_random_faults),
};

HARNESS_MAIN(cases)
