/* SPDX-License-Identifier: MIT */
/* shard.c - chunks of a shard against a list of them, with a pattern in each */
#include "heap/shard.h"

#include "page/arena.h"
#include "base/options.h"
#include "page/page_alloc.h"
#include "unit.h"

#define MAX_CHUNKS 60000

static struct sea_shard *shard = &sea_shards[0];
static struct chunk {
	char *start;
	unsigned nr;
	uint64_t key;
} chunks[MAX_CHUNKS];
static size_t nr_chunks;
static uint64_t next_key;

/* --- the naive copy ------------------------------------------------------------------ */

static void add(char *start, unsigned nr)
{
	CHECK(nr_chunks < MAX_CHUNKS);
	CHECK(sim_is_committed((void *)sea_round_down((uintptr_t)start, 4096), 4096));
	struct sea_zone *zone = sea_zone_of(start);
	CHECK(zone && zone->shard == shard);
	CHECK_EQ(sea_zone_chunk_size(zone, sea_granule_of(start)), nr);
	chunks[nr_chunks++] = (struct chunk){start, nr, ++next_key};
	test_fill(start, nr * SEA_GRANULE, next_key);
}

static void check_chunk(size_t i) { CHECK(test_is_filled(chunks[i].start, chunks[i].nr * SEA_GRANULE, chunks[i].key)); }

static bool take(unsigned k, unsigned want)
{
	struct sea_batch batch;
	if (!sea_shard_take(shard, k, want, &batch))
		return false;
	unsigned nr = 0;
	CHECK(batch.nr_chunks >= 1 && batch.nr_chunks <= want && batch.nr_pieces <= SEA_BATCH_PIECES);
	for (unsigned p = 0; p < batch.nr_pieces; p++)
		for (unsigned i = 0; i < batch.piece[p].count; i++, nr++)
			add(batch.piece[p].start + (size_t)i * k * SEA_GRANULE, k);
	CHECK_EQ(nr, batch.nr_chunks);
	return true;
}

static bool take_aligned(unsigned k, unsigned want, size_t align)
{
	struct sea_batch batch;
	if (!sea_shard_take_aligned(shard, k, want, align, &batch))
		return false;
	CHECK(batch.nr_chunks >= 1 && batch.nr_chunks <= want && batch.nr_pieces <= SEA_BATCH_PIECES);
	for (unsigned p = 0; p < batch.nr_pieces; p++)
		for (unsigned i = 0; i < batch.piece[p].count; i++) {
			char *start = batch.piece[p].start + (size_t)i * k * SEA_GRANULE;
			CHECK_EQ((uintptr_t)start % align, 0);
			add(start, k);
		}
	return true;
}

static char *take_granule(void)
{
	struct sea_batch batch;
	CHECK(sea_shard_take_aligned(shard, 1, 1, 16, &batch));
	return batch.piece[0].start;
}

/* Marks the chunk (zone.c, Z7) and sends it back. */
static void send(char *start, unsigned nr)
{
	struct sea_zone *zone = sea_zone_of(start);
	unsigned g = sea_granule_of(start);
	((struct sea_hole *)start)->mark[1] = sea_mark_of(start, sea_seams);
	sea_shard_send(zone, g / 64, 1ull << g % 64, nr);
}

static void give(size_t i)
{
	check_chunk(i);
	send(chunks[i].start, chunks[i].nr);
	chunks[i] = chunks[--nr_chunks];
}

static void give_all(void)
{
	while (nr_chunks)
		give(0);
}

static size_t nr_granules(void)
{
	size_t nr = 0;
	for (size_t i = 0; i < nr_chunks; i++)
		nr += chunks[i].nr;
	return nr;
}

static struct sea_shard_stats stats(void)
{
	struct sea_shard_stats stats;
	sea_shard_stats(shard, &stats);
	return stats;
}

/* S1, S2 and all below; after a drain, what is used is what the naive copy has. */
static void check_shard(bool drained)
{
	CHECK(sea_shard_is_sound(shard));
	CHECK(sea_pages_are_sound());
	if (drained)
		CHECK_EQ(stats().used, nr_granules() * SEA_GRANULE);
}

/* --- single answers --------------------------------------------------------------------- */

static void every_size(void)
{
	for (unsigned k = 1; k <= SEA_SMALL_GRANULES; k++)
		CHECK(take(k, 3));
	for (unsigned k = 57; k <= SEA_ZONE_CHUNK_MAX; k += 1 + k / 7)
		CHECK(take(k, 1));
	check_shard(true);
	give_all();
	sea_shard_merge(shard);
	check_shard(true);
	CHECK_EQ(stats().nr_zones, 0);
}

static void every_alignment(void)
{
	for (size_t align = 16; align <= 256 * KiB; align *= 2)
		for (unsigned k = 1; k < 5000; k = 3 * k + 5)
			CHECK(take_aligned(k, 1, align));
	check_shard(true);
	give_all();
	sea_shard_merge(shard);
	check_shard(true);
}

static void a_batch_holds_no_more_than_was_asked_for(void)
{
	struct sea_batch batch;
	for (unsigned want = 1; want < 3000; want = 2 * want + 1) {
		CHECK(sea_shard_take(shard, 7, want, &batch));
		CHECK(batch.nr_chunks <= want);
	}
	check_shard(false);
}

/* What was sent back is found again before the heap grows. */
static void drains_before_it_grows(void)
{
	while (stats().nr_zones < 2)
		CHECK(take(20, 100));
	for (int round = 0; round < 5; round++) {
		give_all();
		for (int i = 0; i < 20; i++)
			CHECK(take(25, 100));
		CHECK_AT_MOST(stats().nr_zones, 2);
	}
	check_shard(false);
}

static void empty_zones_go_back(void)
{
	while (stats().nr_zones < 20)
		CHECK(take(50, 100));
	give_all();
	sea_shard_merge(shard);
	CHECK_EQ(stats().nr_zones, 0);
	CHECK_EQ(stats().used, 0);
	struct sea_page_stats pages;
	sea_pages_stats(&pages);
	CHECK_EQ(pages.in_use, 0);
	check_shard(true);
	CHECK(take(50, 100));
	check_shard(true);
}

/* Two threads that free a block at the very same moment: it is freed once. */
static void sending_twice_frees_once(void)
{
	CHECK(take(5, 2));
	send(chunks[0].start, 5);
	send(chunks[0].start, 5);
	chunks[0] = chunks[--nr_chunks];
	sea_shard_merge(shard);
	check_shard(true);
}

static void sending_what_is_free_is_noticed(void)
{
	CHECK(take(5, 2));
	send(chunks[0].start, 5);
	sea_shard_merge(shard);
	send(chunks[0].start, 5);
	sea_shard_merge(shard);
}

static void several_of_a_word_at_once(void)
{
	CHECK(take(2, 20));
	struct sea_zone *zone = sea_zone_of(chunks[0].start);
	unsigned g = sea_granule_of(chunks[0].start);
	CHECK_EQ(g % 64, 0);
	sea_shard_send(zone, g / 64, 0x15, 6);
	sea_shard_send(zone, g / 64, 0x40, 2);
	CHECK_EQ(zone->pending[g / 64], 0x55);
	CHECK_EQ(zone->nr_pending, 8);
}

static void help_drains_what_is_worth_it(void)
{
	while (nr_chunks < 2000)
		CHECK(take(10, 100));
	size_t used = stats().used;
	give(0);
	sea_shard_merge_some(shard);
	CHECK_EQ(stats().used, used);
	while (nr_chunks > 800)
		give(0);
	sea_shard_merge_some(shard);
	CHECK(stats().used < used);
	check_shard(false);
}

static void give_one_of(const struct sea_zone *zone)
{
	size_t i = 0;
	while (sea_zone_of(chunks[i].start) != zone)
		i++;
	give(i);
}

/* A 64th of a zone suffices in the first four, later an eighth of what is used. */
static void the_first_zones_are_merged_early(void)
{
	while (shard->nr_zones < 6)
		CHECK(take(200, 100));
	struct sea_zone *fourth = shard->zones[3], *fifth = shard->zones[4];
	give_one_of(fourth);
	give_one_of(fifth);
	sea_shard_merge(shard);
	CHECK_EQ(fourth->worth, SEA_ZONE_GRANULES / 64);
	CHECK_EQ(fifth->worth, fifth->nr_used / 8);
}

static void help_does_not_wait(void)
{
	while (nr_chunks < 2000)
		CHECK(take(10, 100));
	give_all();
	size_t used = stats().used;
	sea_lock_take(&shard->lock);
	sea_shard_merge_some(shard);
	sea_lock_drop(&shard->lock);
	CHECK_EQ(stats().used, used);
}

static void grow_in_place(void)
{
	CHECK(take_aligned(100, 1, 16));
	struct chunk *chunk = &chunks[0];
	struct sea_zone *zone = sea_zone_of(chunk->start);
	unsigned g = sea_granule_of(chunk->start);
	CHECK(sea_shard_extend(zone, g, 100, 5000));
	check_shard(false);
	CHECK_EQ(sea_zone_chunk_size(zone, g), 5000);
	CHECK(!sea_shard_extend(zone, g, 5000, SEA_ZONE_GRANULES - g + 1));
	CHECK(sea_shard_extend(zone, g, 5000, SEA_ZONE_GRANULES - g));
	chunk->nr = SEA_ZONE_GRANULES - g;
	check_shard(true);
}

/* Aligned chunks, every second of which is given back: their places serve again, and so does a
 * place inside a hole that begins elsewhere. */
static void aligned_holes_between_neighbours(void)
{
	static const struct {
		unsigned k;
		size_t align;
	} kinds[] = {{4, 64}, {12, 64}, {5, 64}, {40, 128}, {256, 4096}, {60, 256}, {3, 4096}};
	for (size_t i = 0; i < NR(kinds); i++) {
		size_t nr_before = nr_chunks, nr_zones = shard->nr_zones;
		while (shard->nr_zones < nr_zones + 2)
			CHECK(take_aligned(kinds[i].k, 64, kinds[i].align));
		nr_zones = shard->nr_zones;
		size_t nr = nr_chunks - nr_before;
		for (size_t at = nr_chunks; at > nr_before + 1; at -= 2)
			give(at - 2);
		sea_shard_merge(shard);
		for (size_t taken = nr_chunks; nr_chunks < taken + nr / 2 - 64;)
			CHECK(take_aligned(kinds[i].k, 1 + (unsigned)(nr_chunks % 64), kinds[i].align));
		CHECK_AT_MOST(shard->nr_zones, nr_zones);
		check_shard(true);
		while (nr_chunks > nr_before)
			give(nr_chunks - 1);
	}
}

static void no_memory(void)
{
	struct sea_batch batch;
	CHECK(take(5, 1));
	for (int round = 0; round < 2; round++) {
		sim.max_committed = sim.committed + (round ? 3 * MiB : 0);
		while (take(2000, 1))
			;
		CHECK(!sea_shard_take(shard, 16000, 1, &batch));
		CHECK(!sea_shard_take_aligned(shard, 16000, 1, 4096, &batch));
		check_shard(true);
		sim.max_committed = 0;
		CHECK(take(2000, 1));
	}
}

/* With too little address space for an arena of the usual size, smaller ones do. */
static void little_address_space(void)
{
	CHECK(take(10, 1));
	sim.max_reserved = sim.reserved + 7 * MiB;
	sea_options.arena = 2 * MiB;
	size_t before = stats().nr_zones;
	while (take(2048, 1))
		;
	CHECK(stats().nr_zones > before);
	check_shard(true);
}

/* The same, in arenas of 1 MiB: a zone is all of one. */
static void zones_in_the_smallest_arenas(void)
{
	sea_options.arena = MiB;
	every_size();
	every_alignment();
	empty_zones_go_back();
}

/* --- idle pages ------------------------------------------------------------------------------ */

static void idle_pages_count_as_dirty(void)
{
	sea_options.dirty_max = GiB;
	while (stats().nr_zones < 4)
		CHECK(take(30, 100));
	for (size_t i = nr_chunks; i-- > 0;)
		if ((uintptr_t)chunks[i].start % (256 * KiB) > 4 * KiB)
			give(i);
	sea_shard_merge(shard);
	CHECK(sea_pages_dirty() > 2 * MiB);
	give_all();
	sea_shard_merge(shard);
	sea_pages_purge_free(0);
	CHECK_EQ(sea_pages_dirty(), 0);
}

/* Pages that have come into use again are not counted any more. */
static void idle_pages_in_use_again(void)
{
	sea_options.dirty_max = GiB;
	while (stats().nr_zones < 4)
		CHECK(take(30, 100));
	for (size_t i = nr_chunks; i-- > 0;)
		if ((uintptr_t)chunks[i].start % (256 * KiB) > 4 * KiB)
			give(i);
	sea_shard_merge(shard);
	size_t idle = sea_pages_dirty();
	while (stats().nr_zones < 5)
		CHECK(take(30, 100));
	CHECK_AT_MOST(sea_pages_dirty(), idle / 8);
}

/* --- threads --------------------------------------------------------------------------------- */

static struct sea_shard *join(void)
{
	if (!sea_shard_may_join())
		sea_shard_learn_limit();
	return sea_shard_join();
}

static void threads_are_spread(void)
{
	sim.nr_cpus = 2;
	struct sea_shard *joined[12];
	for (size_t i = 0; i < NR(joined); i++)
		joined[i] = join();
	CHECK_EQ(sea_shard_count(), 4);
	for (size_t i = 0; i < 4; i++)
		CHECK_EQ(sea_shards[i].nr_threads, 3);
	sea_shard_leave(joined[2]);
	CHECK(join() == joined[2]);
}

static void one_processor_has_one_shard(void)
{
	sim.nr_cpus = 1;
	for (int i = 0; i < 5; i++)
		CHECK(join() == &sea_shards[0]);
	CHECK_EQ(sea_shard_count(), 1);
}

static void a_control_group_bounds_shards(void)
{
	sim.nr_cpus = 16;
	sim.files[0] = (struct sim_file){"/proc/self/cgroup", "0::/a\n"};
	sim.files[1] = (struct sim_file){"/sys/fs/cgroup/a/cpu.max", "150000 100000\n"};
	for (int i = 0; i < 10; i++)
		join();
	CHECK_EQ(sea_shard_count(), 4);
}

/* The first thread does not ask the system, the second does, once for all. */
static void the_limit_is_learnt_once(void)
{
	join();
	CHECK_EQ(sim.nr_calls[SIM_READ], 0);
	join();
	size_t nr_reads = sim.nr_calls[SIM_READ];
	CHECK(nr_reads > 0);
	for (int i = 0; i < 10; i++)
		join();
	CHECK_EQ(sim.nr_calls[SIM_READ], nr_reads);
}

static void the_option_bounds_shards(void)
{
	sea_options.shards = 1;
	for (int i = 0; i < 5; i++)
		CHECK(join() == &sea_shards[0]);
	CHECK_EQ(sea_shard_count(), 1);
	CHECK_EQ(sim.nr_calls[SIM_READ], 0);
}

/* mallopt() may take the option back before the limit is known. */
static void the_option_is_taken_back(void)
{
	sea_options.shards = 3;
	for (int i = 0; i < 3; i++)
		join();
	sea_options.shards = 0;
	sim.nr_cpus = 2;
	for (int i = 0; i < 5; i++)
		join();
	CHECK_EQ(sea_shard_count(), 4);
	for (size_t i = 0; i < 4; i++)
		CHECK_EQ(sea_shards[i].nr_threads, 2);
}

static void no_more_shards_than_there_are(void)
{
	sim.nr_cpus = 100000;
	for (int i = 0; i < 300; i++)
		join();
	CHECK_EQ(sea_shard_count(), SEA_MAX_SHARDS);
}

static void *churn(void *argument)
{
	uint64_t seed = *(uint64_t *)argument;
	for (size_t i = 0; i < rounds(4000); i++) {
		struct sea_batch batch;
		unsigned k = 1 + (unsigned)test_random_size(&seed, 300);
		CHECK(sea_shard_take(shard, k, 8, &batch));
		for (unsigned p = 0; p < batch.nr_pieces; p++)
			for (unsigned j = 0; j < batch.piece[p].count; j++) {
				char *chunk = batch.piece[p].start + (size_t)j * k * SEA_GRANULE;
				memset(chunk, 1, k * SEA_GRANULE);
				send(chunk, k);
			}
		if (below(&seed, 8) == 0)
			sea_shard_merge_some(shard);
		if (below(&seed, 100) == 0)
			sea_shard_merge(shard);
	}
	return NULL;
}

static void threads_share_a_shard(void)
{
	pthread_t threads[3];
	uint64_t seeds[NR(threads)];
	for (size_t i = 0; i < NR(threads); i++) {
		seeds[i] = test_seed() + 2 * i;
		threads[i] = start_thread(churn, &seeds[i]);
	}
	for (size_t i = 0; i < NR(threads); i++)
		pthread_join(threads[i], NULL);
	sea_shard_merge(shard);
	sea_shard_merge(shard);
	check_shard(true);
	CHECK_EQ(stats().used, 0);
}

/* --- a send and a drain at the same moment ---------------------------------------------- */

static struct {
	uint32_t turn; /* even: the drainer waits; odd: both go */
	bool stop;
} meeting;

static void *drain_at_once(void *unused)
{
	size_t nr_looks = 0;
	for (uint32_t turn = 1;; turn += 2) {
		while (__atomic_load_n(&meeting.turn, __ATOMIC_ACQUIRE) < turn)
			if (__atomic_load_n(&meeting.stop, __ATOMIC_RELAXED))
				return unused;
			else if (++nr_looks % 4096 == 0)
				sched_yield();
		sea_shard_merge(shard);
		__atomic_store_n(&meeting.turn, turn + 1, __ATOMIC_RELEASE);
	}
}

/* The count of what is pending may be wrong, but it is not zero while anything is. */
static void a_send_is_not_lost(void)
{
	CHECK(take(1, 1)); /* keeps the zone */
	struct sea_zone *zone = sea_zone_of(chunks[0].start);
	pthread_t drainer = start_thread(drain_at_once, NULL);
	for (uint32_t turn = 0; turn < 2 * rounds(2000); turn += 2) {
		char *first = take_granule(), *second = take_granule();
		send(first, 1);
		__atomic_store_n(&meeting.turn, turn + 1, __ATOMIC_RELEASE);
		for (uint32_t i = 0; i < turn % 97; i++)
			__asm__ volatile("");
		send(second, 1);
		for (size_t i = 1; __atomic_load_n(&meeting.turn, __ATOMIC_ACQUIRE) == turn + 1; i++)
			if (i % 4096 == 0)
				sched_yield();
		unsigned g = sea_granule_of(second);
		CHECK(!sea_bit_test(zone->pending, g) || zone->nr_pending);
		sea_shard_merge(shard);
		CHECK_EQ(zone->nr_used, 1);
	}
	__atomic_store_n(&meeting.stop, true, __ATOMIC_RELAXED);
	pthread_join(drainer, NULL);
}

/* --- random operations ----------------------------------------------------------------------- */

/* A thread that has sent and seen that the zone is queued may still have its count in its
 * processor: who pops the zone finds 0. */
static void a_late_count_hides_nothing(void)
{
	CHECK(take(1, 60));
	struct sea_zone *zone = sea_zone_of(chunks[0].start);
	unsigned used = zone->nr_used;
	give(nr_chunks - 1);
	give(nr_chunks - 1);
	zone->nr_pending = 0;
	sea_shard_merge(shard);
	CHECK_EQ(zone->nr_used, used - 2);
	check_shard(true);
}

static void step_randomly(uint64_t *seed)
{
	size_t action = below(seed, 100), i = nr_chunks ? below(seed, nr_chunks) : 0;
	bool room = nr_chunks < 6000;
	if (!nr_chunks || (action < 30 && room))
		take(1 + (unsigned)below(seed, 56), 1 + (unsigned)below(seed, 90));
	else if (action < 40 && room)
		take(57 + (unsigned)test_random_size(seed, 4000), 1 + (unsigned)below(seed, 4));
	else if (action < 50 && room)
		take_aligned(1 + (unsigned)test_random_size(seed, 2000), 1 + (unsigned)below(seed, 8),
			     (size_t)16 << below(seed, 13));
	else if (action < 90)
		for (size_t n = below(seed, 60); n > 0 && nr_chunks; n--)
			give(below(seed, 2) ? below(seed, nr_chunks) : i % nr_chunks);
	else if (action < 97)
		sea_shard_merge_some(shard);
	else
		sea_shard_merge(shard);
}

static void random_operations(void)
{
	uint64_t seed = test_seed();
	for (size_t step = 0; step < rounds(3000); step++) {
		step_randomly(&seed);
		if (step % 8 == 0)
			check_shard(false);
	}
	for (size_t i = 0; i < nr_chunks; i++)
		check_chunk(i);
	sea_shard_merge(shard);
	check_shard(true);
	give_all();
	sea_shard_merge(shard);
	check_shard(true);
	CHECK_EQ(stats().nr_zones, 0);
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
	for (size_t step = 0; step < rounds(2000); step++) {
		if (below(&seed, 3) == 0)
			sim_fail((enum sim_call)below(&seed, SIM_NR_CALLS + 1), 1 + below(&seed, 3), below(&seed, 2));
		step_randomly(&seed);
		sim_heal();
		if (step % 8 == 0)
			check_shard(false);
	}
	give_all();
	sea_shard_merge(shard);
	check_shard(true);
}

/* A quarter of a shard of 512 GiB is 2^33 granules. */
static void the_epoch_of_a_large_shard_ends(void)
{
	CHECK(take(5, 2));
	struct sea_zone *zone = shard->zones[0];
	uint32_t nr_zones = shard->nr_zones, epoch = shard->epoch, freed = 5;
	size_t quarter = (size_t)1 << 33;
	give(0);
	sea_lock_take(&shard->lock);
	shard->nr_zones = 1 << 19;
	shard->nr_freed = quarter - freed - 1;
	sea_shard_merge_zone(shard, zone, SEA_ZONE_WORDS);
	CHECK_EQ(shard->epoch, epoch);
	CHECK_EQ(shard->nr_freed, quarter - 1);
	shard->nr_freed = quarter - freed;
	shard->nr_zones = nr_zones;
	sea_lock_drop(&shard->lock);
}

static void unsound_shards_are_noticed(void)
{
	CHECK(take(5, 1));
	CHECK(sea_shard_is_sound(shard));
	shard->zone_hint[0] = 7;
	CHECK(!sea_shard_is_sound(shard)); /* S2 */
	shard->zone_hint[0] = SEA_HINT_UNKNOWN;
	shard->zones[0]->index = 1;
	CHECK(!sea_shard_is_sound(shard)); /* S1 */
	shard->zones[0]->index = 0;
	CHECK(sea_shard_is_sound(shard));
}

static const struct test_case cases[] = {
	PASSES(every_size), PASSES(every_alignment), PASSES(a_batch_holds_no_more_than_was_asked_for),
	PASSES(drains_before_it_grows), PASSES(empty_zones_go_back), PASSES(sending_twice_frees_once),
	ABORTS(sending_what_is_free_is_noticed, "freed already"),
	PASSES(several_of_a_word_at_once), PASSES(help_drains_what_is_worth_it), PASSES(the_first_zones_are_merged_early),
	PASSES(help_does_not_wait),
	PASSES(grow_in_place), PASSES(aligned_holes_between_neighbours), PASSES(no_memory), PASSES(little_address_space), PASSES(zones_in_the_smallest_arenas),
	PASSES(idle_pages_count_as_dirty), PASSES(idle_pages_in_use_again), PASSES(threads_are_spread),
	PASSES(one_processor_has_one_shard), PASSES(a_control_group_bounds_shards), PASSES(the_limit_is_learnt_once),
	PASSES(the_option_bounds_shards), PASSES(the_option_is_taken_back), PASSES(no_more_shards_than_there_are), PASSES(threads_share_a_shard), PASSES(a_send_is_not_lost),
	PASSES(a_late_count_hides_nothing),
	PASSES(random_operations), PASSES(outside_of_the_seam_map), PASSES(with_random_faults), PASSES(the_epoch_of_a_large_shard_ends),
	PASSES(random_operations), PASSES(outside_of_the_seam_map), PASSES(with_random_faults), PASSES(unsound_shards_are_noticed),
};

HARNESS_MAIN(cases)
