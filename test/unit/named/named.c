/* SPDX-License-Identifier: MIT */
/* named.c - heap objects on a simulated kernel: a model, failing system calls, handles */
#include "named/named.h"

#include "cache/cache.h"
#include "page/limit.h"
#include "engines/engine.h"
#include "base/upward.h"
#include "blocks.h"
#include "unit.h"

#include <unistd.h>

static struct sea_named *create(size_t quota)
{
	sea_front_start();
	return sea_named_create("unit", (struct sea_named_options){.quota = quota});
}

static void *take(struct sea_named *named, size_t size, size_t align)
{
	struct sea_request request = {.size = size, .align = align};
	return sea_named_alloc(named->handle, "test", &request);
}

static struct sea_named_stats stats_of(struct sea_named *named)
{
	struct sea_named_stats stats;
	sea_named_stats(named->handle, "test", &stats);
	return stats;
}

static void step(struct sea_named *named, uint64_t *seed)
{
	size_t size = test_random_size(seed, below(seed, 40) ? 4000 : 700000), i = nr_blocks ? below(seed, nr_blocks) : 0;
	unsigned what = (unsigned)below(seed, 6);
	uint64_t key = test_random(seed);
	char *start = NULL;
	if (nr_blocks == MAX_BLOCKS || (nr_blocks && what >= 4)) {
		check_block(i);
		what == 4 ? sea_named_free_in(named->handle, "test", blocks[i].start) : sea_engine_free(blocks[i].start);
		forget_block(i);
		return;
	}
	if (what == 3 && nr_blocks) {
		struct block old = blocks[i];
		start = sea_engine_resize(old.start, size + 1);
		if (!start)
			return;
		CHECK(test_is_filled(start, sea_min(old.size, size + 1), old.key));
		forget_block(i);
		size++;
	} else {
		start = take(named, size, what == 2 ? (size_t)16 << below(seed, 12) : 1);
	}
	if (!start)
		return;
	CHECK(sea_named_of(start) == named);
	keep_block(start, size, key);
}

static void check_all(struct sea_named *named)
{
	size_t bytes = 0;
	for (size_t i = 0; i < nr_blocks; i++) {
		check_block(i);
		bytes += sea_engine_expect_live("test", blocks[i].start);
	}
	CHECK_EQ(stats_of(named).live, bytes);
	CHECK_EQ(stats_of(named).nr_live, nr_blocks);
	CHECK(sea_engine_is_sound());
}

static void model(void)
{
	uint64_t seed = test_seed();
	struct sea_named *named = create(SIZE_MAX);
	for (size_t i = 0; i < rounds(6000); i++) {
		step(named, &seed);
		if (i % 500 == 0)
			check_all(named);
	}
	check_all(named);
	sea_named_reset(named->handle, "test");
	nr_blocks = 0;
	check_all(named);
	CHECK_EQ(named->shard.nr_zones, 0);
	sea_named_destroy(named->handle, "test", false);
	CHECK(sea_engine_is_sound());
}

static void quota(void)
{
	uint64_t seed = test_seed();
	struct sea_named *named = create(3000000);
	for (size_t i = 0; i < rounds(6000); i++) {
		step(named, &seed);
		CHECK(stats_of(named).live <= 3000000);
	}
	check_all(named);
}

/* All but the last granule is used, some of it in bins: the rest can be had, and no more. */
static void quota_to_the_byte(void)
{
	struct sea_named *named = create(64 * 1000);
	char *mine[1000];
	for (size_t i = 0; i < 1000; i++)
		CHECK((mine[i] = take(named, 64, 1)));
	CHECK(!take(named, 1, 1));
	for (size_t i = 0; i < 500; i++)
		sea_named_free_in(named->handle, "test", mine[i]);
	CHECK(stats_of(named).cached > 0);
	CHECK(!take(named, 32001, 1));
	CHECK(take(named, 28000, 1));
	CHECK_EQ(stats_of(named).live, 32000 + 28672);
	CHECK(!take(named, 3400, 1));
	CHECK(take(named, 3328, 1));
	CHECK(!take(named, 1, 1));
	CHECK(sea_engine_is_sound());
}

static void failing_system(void)
{
	uint64_t seed = test_seed();
	struct sea_named *named = create(SIZE_MAX);
	for (size_t i = 0; i < rounds(800); i++) {
		sim_fail(SIM_ANY, 1 + below(&seed, 6), below(&seed, 2));
		for (size_t n = 0; n < 20; n++)
			step(named, &seed);
		if (below(&seed, 10) == 0) {
			sea_named_reset(named->handle, "test");
			nr_blocks = 0;
		}
		sim_heal();
	}
	check_all(named);
}

static void handles(void)
{
	uint64_t seen[200];
	for (size_t i = 0; i < NR(seen); i++) {
		struct sea_named *named = create(SIZE_MAX);
		seen[i] = named->handle;
		CHECK(sea_named_at(seen[i]) == named);
		CHECK(take(named, 100, 1));
		sea_named_destroy(seen[i], "test", false);
		for (size_t n = 0; n <= i; n++) {
			CHECK(!sea_named_at(seen[n]));
			CHECK(n == i || seen[n] != seen[i]);
		}
	}
	CHECK(!sea_named_at(0) && !sea_named_at(1) && !sea_named_at(UINT64_MAX));
	CHECK(SIM_ABORTS(sea_named_reset(seen[7], "test")));
	CHECK(strstr(sim.report, "test: this heap was destroyed already"));
}

static void unsound_zones_are_noticed(void)
{
	struct sea_named *named = create(SIZE_MAX);
	CHECK(take(named, 100, 1));
	CHECK(sea_apart_are_sound());
	struct sea_zone *zone = named->shard.zones[0];
	zone->owner++;
	CHECK(!sea_apart_are_sound()); /* AP3 */
	zone->owner--;
	named->shard.lock.rank = SEA_RANK_SHARD;
	CHECK(!sea_apart_are_sound()); /* AP2 */
	named->shard.lock.rank = SEA_RANK_APART;
	sea_shards[0].is_apart = true;
	CHECK(!sea_apart_are_sound());
	sea_shards[0].is_apart = false;
	CHECK(sea_apart_are_sound());
}

/* --- threads ---------------------------------------------------------------------------- */

#define NR_SLOTS 64
static void *slots[NR_SLOTS];
static struct sea_named *shared;

/* Blocks go from thread to thread, and each is freed once, by its name or not. */
static void *exchange(void *argument)
{
	uint64_t seed = (uintptr_t)argument * 77 + 1;
	for (size_t i = 0; i < rounds(4000); i++) {
		size_t size = 8 + test_random_size(&seed, below(&seed, 50) ? 3000 : 400000);
		char *block = take(shared, size, 1);
		CHECK(block);
		*(uint64_t *)block = (uintptr_t)block ^ 5;
		void *old = __atomic_exchange_n(&slots[below(&seed, NR_SLOTS)], block, __ATOMIC_ACQ_REL);
		if (!old)
			continue;
		CHECK_EQ(*(uint64_t *)old, (uintptr_t)old ^ 5);
		i % 2 ? sea_engine_free(old) : sea_named_free_in(shared->handle, "test", old);
		if (below(&seed, 100) == 0)
			CHECK(stats_of(shared).nr_live <= NR_SLOTS + 4);
	}
	return NULL;
}

/* Others make heaps and end them, list them, and give memory back meanwhile. */
static void *come_and_go(void *unused)
{
	char name[SEA_NAME_ROOM];
	struct sea_block found[16];
	for (size_t i = 0; i < rounds(400); i++) {
		struct sea_named *own = create(SIZE_MAX);
		CHECK(take(own, 100, 1) && take(own, 400000, 1));
		CHECK_EQ(sea_named_blocks(own->handle, "test", NULL, found, 16), 2);
		uint64_t handle;
		for (unsigned at = 0; sea_named_next(&at, &handle, name);)
			CHECK(handle);
		sea_named_destroy(own->handle, "test", false);
		if (i % 16 == 0)
			sea_engine_trim(0);
	}
	return unused;
}

static void threads(void)
{
	pthread_t thread[4];
	shared = create(SIZE_MAX);
	for (uintptr_t i = 0; i < 4; i++)
		thread[i] = start_thread(i < 3 ? exchange : come_and_go, (void *)i);
	for (size_t i = 0; i < 4; i++)
		CHECK_EQ(pthread_join(thread[i], NULL), 0);
	CHECK(sea_engine_is_sound());
	for (size_t i = 0; i < NR_SLOTS; i++)
		sea_engine_free(slots[i]);
	CHECK_EQ(stats_of(shared).live, 0);
	CHECK(sea_engine_is_sound());
}

static void bounded_by_limit(void)
{
	struct sea_named *named = create(SIZE_MAX);
	sea_limit_set(20 * MiB, NULL, NULL);
	size_t nr = 0;
	while (nr < 1000 && take(named, MiB, 1))
		nr++;
	CHECK(nr >= 17 && nr <= 20);
	sea_named_reset(named->handle, "test");
	for (size_t i = 0; i < 19; i++)
		CHECK(sea_engine_alloc(MiB - 100));
	CHECK(!sea_engine_alloc(4 * MiB));
	CHECK(sea_engine_is_sound());
}

static void merged_when_memory_is_short(void)
{
	struct sea_named *named = create(SIZE_MAX);
	void *mine[100];
	for (size_t i = 0; i < 100; i++)
		mine[i] = take(named, 300, 1);
	for (size_t i = 0; i < 100; i++)
		sea_named_free_in(named->handle, "test", mine[i]);
	CHECK_EQ(named->shard.nr_zones, 1);
	sea_cache_merge_all();
	CHECK_EQ(named->shard.nr_zones, 0);
	CHECK_EQ(stats_of(named).cached, 0);
}

/* --- the end of a heap beside other threads ---------------------------------------------- */

static uint32_t has_lock;

static void *look_a_while(void *argument)
{
	struct sea_named *named = argument;
	sea_lock_take(&named->lock);
	__atomic_store_n(&has_lock, 1, __ATOMIC_RELEASE);
	usleep(20000);
	__atomic_store_n(&has_lock, 0, __ATOMIC_RELEASE);
	sea_lock_drop(&named->lock);
	return NULL;
}

/* Who is allocating in the heap must not lose it; for who only looks at it, the end waits. */
static void ends_beside_threads(void)
{
	struct sea_named *named = create(SIZE_MAX);
	void *block = take(named, 100, 1);
	named->is_inside = 1;
	CHECK(SIM_ABORTS(sea_named_destroy(named->handle, "test", false)));
	CHECK(strstr(sim.report, "another thread is allocating or freeing in this heap"));
	named->is_inside = 0;
	CHECK(block && sea_named_of(block) == named && take(named, 100, 1));
	pthread_t thread = start_thread(look_a_while, named);
	while (!__atomic_load_n(&has_lock, __ATOMIC_ACQUIRE))
		sched_yield();
	sea_named_destroy(named->handle, "test", false);
	CHECK(!__atomic_load_n(&has_lock, __ATOMIC_ACQUIRE));
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK(!sea_named_exists(named) && sea_engine_is_sound());
}

static const struct test_case cases[] = {
	PASSES(model), PASSES(quota), PASSES(quota_to_the_byte), PASSES(failing_system), PASSES(handles), PASSES(threads),
	PASSES(ends_beside_threads), PASSES(bounded_by_limit), PASSES(merged_when_memory_is_short),
	PASSES(unsound_zones_are_noticed),
};

HARNESS_MAIN(cases)
