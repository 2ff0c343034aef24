/* SPDX-License-Identifier: MIT */
/* spill.c - what goes in comes out once, by address; and when a cache spills */
#include "cache/spill.h"

#include "front/account.h"
#include "cache/cache.h"
#include "engines/engine.h"
#include "map/meta.h"
#include "unit.h"

/* Addresses that nothing looks at but the spill: 16 MiB, so that buckets are shared. */
#define CHUNKS 4096
#define SPAN ((size_t)16 * MiB)

static struct sea_spill *spill;
static char *memory;
static bool is_in[SPAN / 64];
static size_t nr_in;

static void start(void)
{
	spill = sea_meta_alloc_pages(sizeof(*spill));
	memory = aligned_alloc(SPAN, SPAN);
	CHECK(spill && memory);
	memset(memory, 0, SPAN);
	sea_spill_widen(spill, CHUNKS);
}

static struct sea_link *chunk_at(size_t i) { return (struct sea_link *)(memory + i * 64); }

static bool put(size_t i)
{
	CHECK(!is_in[i]);
	bool taken = sea_spill_put(spill, chunk_at(i));
	is_in[i] = taken;
	nr_in += taken;
	return taken;
}

/* Takes up to `max`: ascending, marked, of one region. */
static uint32_t take(uint32_t max)
{
	struct sea_link *list = NULL, *last = NULL;
	uint32_t nr = sea_spill_take(spill, max, &list);
	CHECK(nr <= max);
	CHECK((nr == 0) == (nr_in == 0));
	for (uint32_t n = 0; n < nr; n++, last = list, list = list->next) {
		size_t i = (size_t)((char *)list - memory) / 64;
		CHECK(is_in[i]);
		CHECK_EQ(list->mark, sea_mark_of(list, sea_seams));
		CHECK(!last || (last < list && sea_spill_number(last) == sea_spill_number(list)));
		is_in[i] = false;
		list->mark = 0;
	}
	CHECK(!list);
	nr_in -= nr;
	CHECK_EQ(sea_spill_length(spill), nr_in);
	return nr;
}

static void nothing_comes_of_nothing(void)
{
	start();
	CHECK_EQ(take(10), 0);
	CHECK(sea_spill_is_sound(spill));
}

static void chunks_come_in_the_order_of_addresses(void)
{
	start();
	for (size_t i = 0; i < 1000; i++)
		CHECK(put(i * 7919 % 1000));
	CHECK(sea_spill_is_sound(spill));
	for (size_t from = 0; from < 1000; from += 50)
		CHECK_EQ(take(50), 50);
	CHECK(sea_spill_is_sound(spill));
}

/* Two regions whose numbers differ by a multiple of the buckets. */
static void a_region_has_its_bucket_alone(void)
{
	size_t other = SEA_SPILL_BUCKETS << SEA_SPILL_REGION_SHIFT >> 6;
	start();
	CHECK(put(3));
	CHECK(!put(other + 5));
	CHECK(put(4));
	CHECK_EQ(take(10), 2);
	CHECK(put(other + 5));
	CHECK(!put(3));
	CHECK_EQ(take(10), 1);
	CHECK(sea_spill_is_sound(spill));
}

static void random_operations(void)
{
	uint64_t seed = test_seed();
	start();
	for (size_t n = 0; n < rounds(200000); n++) {
		size_t i = below(&seed, SPAN / 64);
		if (below(&seed, 100) > 1 && spill->room) {
			if (!is_in[i])
				put(i);
		} else if (below(&seed, 10) == 0) {
			sea_spill_enter_all(spill);
		} else {
			take((uint32_t)below(&seed, 300) + 1);
		}
		if (n % 1024 == 0)
			CHECK(sea_spill_is_sound(spill));
	}
	while (take(100))
		;
	CHECK(sea_spill_is_sound(spill));
}

static void only_an_empty_one_is_purged(void)
{
	start();
	CHECK(put(1));
	CHECK_EQ(sea_spill_tighten(spill), CHUNKS - 1);
	CHECK(!spill->room && spill->limit == 1);
	sea_spill_purge(spill);
	CHECK_EQ(sim.purged, 0);
	CHECK_EQ(take(2), 1);
	CHECK_EQ(sea_spill_tighten(spill), 1);
	sea_spill_purge(spill);
	CHECK_AT_MOST(SEA_SPILL_BUCKETS / 2 * SEA_SPILL_WORDS * 8, sim.purged);
	size_t purged = sim.purged;
	sea_spill_purge(spill);
	CHECK_EQ(sim.purged, purged);
	sea_spill_widen(spill, 10);
	CHECK(put(7));
	CHECK(sea_spill_is_sound(spill));
}

static void twice_is_noticed_when_it_is_entered(void)
{
	start();
	CHECK(put(1));
	CHECK(sea_spill_put(spill, chunk_at(1)));
	for (size_t i = 2; i < 2 + SEA_SPILL_FETCHED; i++)
		put(i);
}

static void twice_is_noticed_when_others_are_taken(void)
{
	start();
	CHECK(put(1));
	CHECK(sea_spill_put(spill, chunk_at(1)));
	take(1);
}

static void unsound_spills_are_noticed(void)
{
	start();
	CHECK(put(1) && put(2));
	spill->room--;
	CHECK(!sea_spill_is_sound(spill)); /* SP2 */
	spill->room++;
	spill->filled[0] ^= 1ull << 5;
	CHECK(!sea_spill_is_sound(spill)); /* SP1 */
	spill->filled[0] ^= 1ull << 5;
	sea_spill_enter_all(spill);
	CHECK(sea_spill_is_sound(spill));
	spill->bits[9][9] ^= 2;
	CHECK(!sea_spill_is_sound(spill)); /* SP1 */
}

/* --- caches that spill ------------------------------------------------------------------ */

static struct sea_stats stats(void)
{
	struct sea_stats stats;
	sea_account(&stats);
	return stats;
}

static const struct sea_spill *spill_of_64(void) { return sea_threads_own()->spill[64 / SEA_GRANULE]; }

static void check_spill(void) { CHECK(!spill_of_64() || sea_spill_is_sound(spill_of_64())); }

/* After this, everything that is used is a live block. */
static void settle(void)
{
	sea_cache_merge_all();
	CHECK(sea_engine_is_sound());
	CHECK_EQ(stats().cached, 0);
	CHECK_EQ(stats().live, 0);
}

#define MANY 120000

/* Allocates many blocks of 64 bytes and frees them, each so many behind the last, over and
 * over.  Returns what is cached then. */
static char *many[MANY];

static size_t cached_after_strides(size_t stride)
{
	for (int round = 0; round < 16; round++) {
		for (size_t i = 0; i < MANY; i++)
			CHECK(many[i] = sea_cache_alloc(64, sea_cache_alloc_slow));
		for (size_t i = 0; i < MANY; i++)
			sea_cache_free(many[i * stride % MANY]);
	}
	check_spill();
	return stats().cached;
}

/* Where each chunk of a large stack would lead far away (7919 is prime), they come back by
 * address. */
static void what_lies_scattered_is_spilled(void)
{
	size_t nr_ascending = 0;
	CHECK_AT_MOST(6 * MiB, cached_after_strides(7919));
	CHECK_AT_MOST(5 * MiB, sea_spill_length(spill_of_64()) * 64);
	for (size_t i = 0; i < MANY; i++) {
		CHECK(many[i] = sea_cache_alloc(64, sea_cache_alloc_slow));
		nr_ascending += i && many[i] > many[i - 1] && many[i] - many[i - 1] < 4096;
	}
	CHECK_AT_MOST(MANY * 3 / 4, nr_ascending);
	check_spill();
	for (size_t i = 0; i < MANY; i++)
		sea_cache_free(many[i * 7919 % MANY]);
	CHECK(sea_spill_length(spill_of_64()) > 0);
	sea_cache_send_all();
	CHECK_EQ(sea_spill_length(spill_of_64()), 0);
	settle();
}

static void what_lies_in_order_is_not(void)
{
	CHECK_AT_MOST(6 * MiB, cached_after_strides(1));
	CHECK(!spill_of_64());
}

/* More than a thread may leave to the next goes back; what is less goes over with the cache. */
static void *stride_and_end(void *nr)
{
	size_t many_now = *(size_t *)nr;
	for (int round = 0; round < 30; round++) {
		for (size_t i = 0; i < many_now; i++)
			CHECK(many[i] = sea_cache_alloc(64, sea_cache_alloc_slow));
		for (size_t i = 0; i < many_now; i++)
			sea_cache_free(many[i * 7919 % many_now]);
	}
	CHECK(spill_of_64() && sea_spill_length(spill_of_64()) > 0);
	return NULL;
}

static void a_thread_leaves_its_spill(void)
{
	for (size_t nr = 14000; nr <= MANY; nr += MANY - 14000) {
		pthread_join(start_thread(stride_and_end, &nr), NULL);
		CHECK(nr == MANY ? stats().cached <= MiB : stats().cached >= MiB / 2);
		for (size_t i = 0; i < nr; i++)
			CHECK(many[i] = sea_cache_alloc(64, sea_cache_alloc_slow));
		check_spill();
		for (size_t i = 0; i < nr; i++)
			sea_cache_free(many[i]);
		settle();
	}
}

/* Without memory for it the chunks go back to their zones. */
static void no_memory_for_a_spill(void)
{
	for (size_t i = 0; i < MANY; i++)
		CHECK(many[i] = sea_cache_alloc(64, sea_cache_alloc_slow));
	for (size_t i = 0; i < MANY; i++)
		sea_cache_free(many[i]);
	sim_fail(SIM_RESERVE, 1, true);
	while (sea_meta_alloc_pages(sizeof(struct sea_spill)))
		;
	cached_after_strides(7919);
	CHECK(!spill_of_64());
	CHECK(sea_engine_is_sound());
}

static void twice_in_a_spill(void)
{
	cached_after_strides(7919);
	for (size_t i = 0; i < MANY; i++)
		CHECK(many[i] = sea_cache_alloc(64, sea_cache_alloc_slow));
	for (size_t i = 0; i < MANY; i++)
		sea_cache_free(many[i * 7919 % MANY]);
	sea_cache_free(many[MANY / 2]);
	sea_cache_send_waiting();
}

/* As in the child of a fork that came in the middle of sea_spill_put(): SP4. */
static void what_is_counted_and_lost_is_passed_over(void)
{
	struct sea_link *list;
	start();
	put(0);
	size_t lost = sea_spill_number(chunk_at(0)) % SEA_SPILL_BUCKETS, other = lost ? 0 : 1;
	size_t first = 0;
	while (sea_spill_number(chunk_at(first)) % SEA_SPILL_BUCKETS != other)
		first++;
	put(first);
	spill->count[lost] += 3;
	spill->room -= 3;
	for (uint32_t nr = 0; nr < 2; nr++)
		CHECK_EQ(sea_spill_take(spill, CHUNKS, &list), 1);
	CHECK_EQ(sea_spill_take(spill, CHUNKS, &list), 0);
	CHECK(sea_spill_is_sound(spill));
	CHECK_EQ(spill->room, CHUNKS);
}

static const struct test_case cases[] = {
	PASSES(nothing_comes_of_nothing),
	PASSES(chunks_come_in_the_order_of_addresses),
	PASSES(a_region_has_its_bucket_alone),
	PASSES(random_operations),
	PASSES(only_an_empty_one_is_purged),
	ABORTS(twice_is_noticed_when_it_is_entered, "seamalloc: free of "),
	ABORTS(twice_is_noticed_when_others_are_taken, "seamalloc: free of "),
	PASSES(what_is_counted_and_lost_is_passed_over),
	PASSES(unsound_spills_are_noticed),
	PASSES(what_lies_scattered_is_spilled),
	PASSES(what_lies_in_order_is_not),
	PASSES(a_thread_leaves_its_spill),
	PASSES(no_memory_for_a_spill),
	ABORTS(twice_in_a_spill, "this block was freed already"),
};

HARNESS_MAIN(cases)
