/* SPDX-License-Identifier: MIT */
/* zone.c - a zone against an array that names the owner of each granule
 *
 * The naive copy knows nothing of bitmaps: owner[g] is 0 where granule g is free, else
 * the number of the chunk it belongs to, and a chunk that was sent back is on a list
 * until the next drain.  Merging is what the array does by itself.
 */
#include "heap/zone.h"

#include "page/arena.h"
#include "page/page_alloc.h"
#include "map/seam.h"
#include "unit.h"

#define GRANULES SEA_ZONE_GRANULES
#define MAX_CHUNKS 4096

static struct sea_holes holes;
static struct sea_zone zone_memory, *zone = &zone_memory;
static char shard_stands_in; /* zone.c only stores it */

static uint32_t owner[GRANULES];
static struct chunk {
	unsigned from, nr;
	uint32_t owner;
	bool sent;
} chunks[MAX_CHUNKS];
static size_t nr_chunks;
static uint32_t next_owner;

static void start(void)
{
	char *base = sea_pages_alloc(SEA_ZONE_SIZE, SEA_ZONE_SIZE, SEA_TOUCH_LATER, NULL);
	CHECK(base != NULL);
	CHECK(sea_seams_cover(base));
	sea_zone_init(zone, base, sea_seams_of(base), sea_seams_start_of(base), (struct sea_shard *)&shard_stands_in, &holes);
	sea_pagemap_set_zone(base, zone);
	CHECK(sea_zone_is_sound(zone));
}

/* --- the naive copy ------------------------------------------------------------------- */

static bool is_free(unsigned from, unsigned nr)
{
	for (unsigned g = from; g < from + nr; g++)
		if (g >= GRANULES || owner[g])
			return false;
	return true;
}

/* End of the free granules that start at `from`. */
static unsigned end_of_hole(unsigned from)
{
	while (from < GRANULES && !owner[from])
		from++;
	return from;
}

static unsigned start_of_hole(unsigned g)
{
	while (g > 0 && !owner[g - 1])
		g--;
	return g;
}

static void own(unsigned from, unsigned nr)
{
	CHECK(nr > 0 && is_free(from, nr));
	CHECK(nr_chunks < MAX_CHUNKS);
	next_owner++;
	for (unsigned g = from; g < from + nr; g++)
		owner[g] = next_owner;
	chunks[nr_chunks++] = (struct chunk){from, nr, next_owner, false};
}

static void disown(unsigned from, unsigned nr)
{
	memset(owner + from, 0, nr * sizeof(*owner));
}

/* What the drain does to the naive copy. */
static void forget_sent_chunks(void)
{
	for (size_t i = 0; i < nr_chunks;) {
		if (chunks[i].sent) {
			disown(chunks[i].from, chunks[i].nr);
			chunks[i] = chunks[--nr_chunks];
		} else {
			i++;
		}
	}
}

/* Z1, Z2, Z6 granule by granule; Z3 to Z5 are in the claim, checked apart. */
static void compare(void)
{
	unsigned nr_used = 0;
	for (unsigned g = 0; g < GRANULES; g++) {
		bool seam = g == 0 || owner[g] != owner[g - 1];
		if (sea_bit_test(zone->seam, g) != seam || sea_bit_test(zone->used, g) != (owner[g] != 0))
			test_fail(__FILE__, __LINE__, "granule %u: owner %u, seam %d, used %d", g, owner[g],
				  sea_bit_test(zone->seam, g), sea_bit_test(zone->used, g));
		nr_used += owner[g] != 0;
	}
	CHECK_EQ(zone->nr_used, nr_used);
}

static void check_zone(void)
{
	CHECK(sea_zone_is_sound(zone));
	CHECK(sea_holes_are_sound(&holes));
}

/* --- operations on both ------------------------------------------------------------------ */

static bool sweep(unsigned k, unsigned max, unsigned block)
{
	unsigned at = block, nr = 0;
	struct sea_batch batch;
	sea_batch_begin(&batch, max);
	bool is_complete = sea_zone_sweep(zone, k, &batch, &at, &(unsigned){SEA_ZONE_WORDS});
	CHECK(at >= block && (is_complete ? at < SEA_ZONE_HINTS : at == SEA_ZONE_HINTS));
	for (unsigned p = 0; p < batch.nr_pieces; p++) {
		struct sea_piece piece = batch.piece[p];
		unsigned g = sea_granule_of(piece.start);
		CHECK(piece.count > 0 && piece.start == sea_zone_address(zone, g));
		CHECK(p == 0 || piece.start > batch.piece[p - 1].start);
		for (unsigned i = 0; i < piece.count; i++)
			own(g + i * k, k);
		nr += piece.count;
		CHECK(nr == max || !is_free(g + piece.count * k, k)); /* as many as fit */
		CHECK(p + 1 == batch.nr_pieces || piece.count < SEA_LONG_PIECE);
	}
	CHECK_EQ(nr, batch.nr_chunks);
	CHECK_AT_MOST(nr, max);
	CHECK_EQ(is_complete, nr == max || batch.nr_pieces == SEA_BATCH_PIECES ||
				      (nr > 0 && batch.piece[batch.nr_pieces - 1].count >= SEA_LONG_PIECE));
	return nr > 0;
}

/* Takes from one hole. */
static struct sea_piece sweep_one(unsigned k, unsigned max, unsigned *block)
{
	struct sea_batch batch;
	sea_batch_begin(&batch, max);
	batch.nr_pieces = SEA_BATCH_PIECES - 1;
	if (!sea_zone_sweep(zone, k, &batch, block, &(unsigned){SEA_ZONE_WORDS}))
		return (struct sea_piece){NULL, 0};
	return batch.piece[SEA_BATCH_PIECES - 1];
}

static void carve(unsigned hole, unsigned at, unsigned k, unsigned count)
{
	struct sea_hole *start = (struct sea_hole *)sea_zone_address(zone, hole);
	char *from = sea_zone_address(zone, at), *to = from + (size_t)k * count * SEA_GRANULE;
	char *first = (char *)sea_round_down((uintptr_t)from, sim.page_size);
	char *end = (char *)sea_round_up((uintptr_t)to, sim.page_size);
	size_t nr_empty = (size_t)(end - first) / sim.page_size - sea_pages_count_touched(first, end);
	bool is_small = k * SEA_GRANULE <= sim.page_size;
	bool is_fresh = sea_zone_carve(zone, start, from, k, count);
	CHECK(!is_fresh || (is_small && nr_empty > 1));
	/* one page is not worth it, and the descriptors of two holes were written */
	CHECK(is_fresh || !is_small || nr_empty <= 3);
	CHECK_EQ(sea_pages_count_touched(first, end), (size_t)(end - first) / sim.page_size);
	for (unsigned i = 0; i < count; i++)
		own(at + i * k, k);
}

static void send_one(unsigned g, unsigned nr) { sea_zone_send(zone, g / 64, 1ull << g % 64, nr); }

/* Whoever sends a chunk back has marked it (Z7). */
static void mark(unsigned g)
{
	struct sea_hole *chunk = (struct sea_hole *)sea_zone_address(zone, g);
	chunk->mark[1] = sea_mark_of(chunk, sea_seams);
}

static void send(size_t i)
{
	mark(chunks[i].from);
	send_one(chunks[i].from, chunks[i].nr);
	chunks[i].sent = true;
}

static void drain(void)
{
	sea_zone_merge(zone, SEA_ZONE_WORDS);
	for (size_t word = 0; word < SEA_ZONE_WORDS; word++)
		CHECK_EQ(zone->pending[word], 0);
	forget_sent_chunks();
}

/* In steps: none does much more than it may, and something is left until the last. */
static unsigned drain_in_steps(unsigned most)
{
	unsigned nr_steps = 0;
	for (; sea_load_relaxed(&zone->nr_pending); nr_steps++) {
		CHECK(nr_steps < SEA_ZONE_WORDS);
		CHECK_AT_MOST(sea_zone_merge(zone, most), most + 2 * SEA_LINE_WORDS);
		CHECK(sea_zone_is_sound(zone));
	}
	drain();
	return nr_steps;
}

static bool grow(size_t i, unsigned to)
{
	unsigned from = chunks[i].nr, end = chunks[i].from + from;
	bool want = end < GRANULES && is_free(end, to - from);
	CHECK_EQ(sea_zone_extend(zone, chunks[i].from, from, to), want);
	for (unsigned g = end; want && g < chunks[i].from + to; g++)
		owner[g] = chunks[i].owner;
	chunks[i].nr = want ? to : from;
	return want;
}

/* --- single answers -------------------------------------------------------------------------- */

static void a_new_zone_is_one_hole(void)
{
	start();
	compare();
	CHECK_EQ(sea_zone_chunk_size(zone, 0), GRANULES);
	CHECK_EQ(sea_zone_chunk_start(zone, GRANULES - 1), 0);
	CHECK((char *)sea_hole_find(&holes, GRANULES) == zone->base);
	CHECK_EQ(zone->nr_idle, 0);
	sea_zone_measure_idle(zone);
	CHECK_EQ(zone->longest_idle, 0);
}

static void all_of_it_as_one_chunk(void)
{
	start();
	carve(0, 0, GRANULES, 1);
	check_zone();
	compare();
	CHECK(!sea_hole_find(&holes, 64));
	CHECK(!sweep(1, 1, 0));
	send(0);
	drain();
	check_zone();
	compare();
}

static void chunk_sizes_and_starts(void)
{
	uint64_t seed = test_seed();
	start();
	for (unsigned at = 0; at < GRANULES - 300;) {
		unsigned k = 1 + (unsigned)below(&seed, 200);
		carve(at, at, k, 1);
		at += k;
	}
	for (size_t i = 0; i < nr_chunks; i++) {
		CHECK_EQ(sea_zone_chunk_size(zone, chunks[i].from), chunks[i].nr);
		for (unsigned g = chunks[i].from; g < chunks[i].from + chunks[i].nr; g++)
			CHECK_EQ(sea_zone_chunk_start(zone, g), chunks[i].from);
		CHECK(chunks[i].nr == 1 || !sea_zone_chunk_size(zone, chunks[i].from + 1));
	}
}

static void fill_with_chunks_of(unsigned k)
{
	while (sweep(k, 100, 0))
		;
	CHECK_EQ(nr_chunks, GRANULES / k);
}

static void sweeps_leave_nothing_that_fits(void)
{
	for (unsigned k = 17; k < 64; k += 5) {
		start();
		memset(owner, 0, sizeof(owner));
		nr_chunks = 0;
		fill_with_chunks_of(k);
		check_zone();
		compare();
		memset(zone, 0, sizeof(*zone));
		memset(&holes, 0, sizeof(holes));
	}
}

static void sweeps_go_on_from_the_cursor(void)
{
	unsigned block = 0;
	start();
	struct sea_piece first = sweep_one(10, 3, &block);
	CHECK(first.start == zone->base && first.count == 3 && block == 0);
	block = 5; /* nothing starts there or behind it: the hole began earlier */
	CHECK_EQ(sweep_one(10, 1, &block).count, 0);
	CHECK_EQ(block, SEA_ZONE_HINTS);
	block = 0;
	struct sea_piece second = sweep_one(10, 1, &block);
	CHECK(second.start == zone->base + 30 * SEA_GRANULE);
	CHECK_EQ(block, 0);
	check_zone();
}

static void drained_in_steps(void)
{
	start();
	for (unsigned i = 0; i < GRANULES / 40 && i < MAX_CHUNKS; i++)
		carve(i * 40, i * 40, 40, 1);
	for (size_t i = 0; i < nr_chunks; i += 3)
		send(i);
	CHECK(drain_in_steps(50) > 2);
	check_zone();
	for (size_t i = 0; i < nr_chunks; i++)
		send(i);
	CHECK(drain_in_steps(50) > 2);
	check_zone();
}

/* A mark on what is no used chunk: found when it is merged. */
static void sending_a_free_chunk(void)
{
	start();
	carve(0, 0, 5, 2);
	send(0);
	drain();
	send_one(0, 5);
	sea_zone_merge(zone, SEA_ZONE_WORDS);
}

static void sending_the_inside_of_a_chunk(void)
{
	start();
	carve(0, 0, 5, 2);
	send_one(2, 5);
	sea_zone_merge(zone, SEA_ZONE_WORDS);
}

static void a_descriptor_written_over(void)
{
	start();
	carve(0, 0, 5, 2);
	send(1);
	((struct sea_hole *)sea_zone_address(zone, 10))->nr_granules = 70;
	drain();
}

/* A drain touches bitmaps only: what came of it is in no list until it is asked for. */
static void large_holes_are_listed_on_request(void)
{
	start();
	carve(0, 0, 300, 10);
	carve(3000, 3000, GRANULES - 3000, 1);
	send(2);
	send(3);
	send(7);
	drain();
	check_zone();
	CHECK(!sea_hole_find(&holes, 64));
	sea_zone_list(zone);
	check_zone();
	CHECK(sea_hole_find(&holes, 600) == (struct sea_hole *)sea_zone_address(zone, 600));
	CHECK(sea_hole_find(&holes, 300) == (struct sea_hole *)sea_zone_address(zone, 2100));
	compare();
}

static void carving_beyond_the_hole(void)
{
	start();
	carve(0, 100, 5, 1);
	sea_zone_carve(zone, (struct sea_hole *)zone->base, zone->base, 101, 1);
}

static void retiring_a_zone_in_use(void)
{
	start();
	carve(0, 100, 5, 1);
	sea_zone_retire(zone);
}

static void retired_and_used_again(void)
{
	start();
	carve(0, 100, 300, 7);
	for (size_t i = 0; i < 7; i++)
		send(i);
	drain();
	sea_zone_retire(zone);
	CHECK(sea_holes_are_sound(&holes));
	CHECK(!sea_hole_find(&holes, 64));
	CHECK(sea_bits_find(sea_seams_of(zone->base), 0, GRANULES, true) == GRANULES);
	sea_zone_init(zone, zone->base, sea_seams_of(zone->base), sea_seams_start_of(zone->base),
		      (struct sea_shard *)&shard_stands_in, &holes);
	check_zone();
	compare();
}

/* By the byte of its word, or by the seams, wherever in the word it starts. */
static void classes_of_long_chunks_are_known(void)
{
	start();
	for (unsigned g = 0; g < 64; g++) {
		for (unsigned c = SEA_CLASS_MEDIUM; c < SEA_CLASS_MEDIUM + 12; c++) {
			unsigned k = sea_class_granules(c);
			carve(0, 640 + g, k, 1);
			size_t seen = sea_seam_distance((const char *)zone->seam, 640 + g);
			unsigned named = sea_zone_long_class(zone, 640 + g);
			CHECK(seen == k ? named == 0 || named == c : seen == SEA_UNSEEN && named == c);
			CHECK(k > 60 || (seen == k) == (g % 8 < 4));
			send(nr_chunks - 1);
			drain();
			CHECK_EQ(sea_zone_long_class(zone, 0), 0);
		}
	}
}

static void unsound_zones_are_noticed(void)
{
	start();
	carve(0, 70, 10, 2);
	check_zone();
	zone->nr_used++;
	CHECK(!sea_zone_is_sound(zone)); /* Z6 */
	zone->nr_used--;
	sea_bit_set(zone->seam, 30);
	CHECK(!sea_zone_is_sound(zone)); /* Z3 */
	sea_bit_clear(zone->seam, 30);
	sea_bit_clear(zone->used, 75);
	CHECK(!sea_zone_is_sound(zone)); /* Z2 */
	sea_bit_set(zone->used, 75);
	zone->start[2] = 5;
	CHECK(!sea_zone_is_sound(zone)); /* Z4 */
	zone->start[2] = 0;
	carve(90, 90, 1000, 1);
	zone->start[1] = (uint8_t)sea_class_for(80);
	CHECK(!sea_zone_is_sound(zone)); /* Z8 */
	zone->start[1] = 0;
	zone->hint[0] = 69;
	CHECK(!sea_zone_is_sound(zone)); /* Z5 */
	zone->hint[0] = 70;
	CHECK(sea_zone_is_sound(zone));
	((struct sea_hole *)zone->base)->mark[1] = 0;
	CHECK(!sea_zone_is_sound(zone)); /* Z7 */
}

/* --- pages in holes -------------------------------------------------------------------------- */

static bool naive_page_is_idle(unsigned page, unsigned granules)
{
	unsigned from = page * granules;
	return from >= 3 && is_free(from - 3, granules + 3);
}

/* Counts them, and the longest row of them. */
static unsigned naive_idle(unsigned granules, unsigned *longest)
{
	unsigned nr = 0, row = 0;
	*longest = 0;
	for (unsigned page = 0; page < GRANULES / granules; page++) {
		bool idle = naive_page_is_idle(page, granules);
		row = idle ? row + 1 : 0;
		nr += idle;
		*longest = row > *longest ? row : *longest;
	}
	return nr;
}

static void count_idle_pages(size_t page_size)
{
	uint64_t seed = test_seed();
	sim.page_size = page_size;
	start();
	unsigned granules = (unsigned)(page_size / SEA_GRANULE);
	for (unsigned at = 0, k; at < GRANULES; at += k) {
		k = sea_min(1 + (unsigned)test_random_size(&seed, 2000), GRANULES - at);
		carve(at, at, k, 1);
	}
	for (size_t i = 0; i < nr_chunks; i++)
		if (below(&seed, 30))
			send(i);
	drain();
	unsigned naive_longest, nr = naive_idle(granules, &naive_longest);
	CHECK(nr > 0);
	CHECK_EQ(zone->nr_idle, nr);
	CHECK_AT_MOST(naive_longest, zone->longest_idle);
	sea_zone_measure_idle(zone);
	CHECK_EQ(zone->longest_idle, naive_longest);
}

static void idle_pages_of_4k(void) { count_idle_pages(4 * KiB); }
static void idle_pages_of_16k(void) { count_idle_pages(16 * KiB); }
static void idle_pages_of_64k(void) { count_idle_pages(64 * KiB); }

static void visit(const struct sea_zone *z, size_t from, size_t to, void *last)
{
	size_t granules = sim.page_size / SEA_GRANULE;
	CHECK(z == zone);
	CHECK(from < to && from % granules == 0 && to % granules == 0);
	CHECK(is_free((unsigned)from - 3, (unsigned)(to - from) + 3));
	CHECK(from > *(size_t *)last);
	CHECK(sea_zone_hole_of(zone, sea_zone_address(zone, from)) ==
	      sea_zone_address(zone, start_of_hole((unsigned)from)));
	*(size_t *)last = to;
}

static void check_walk(void)
{
	size_t last = 0;
	sea_zone_walk_idle(zone, visit, &last);
}

/* --- the arithmetic of merging --------------------------------------------------------------- */

/* Chunks of these lengths side by side, a used one in front and one behind, around the
 * place where the first of them starts.  Every subset is sent and drained, and then the
 * rest of them. */
static void drain_every_subset(unsigned at, const unsigned *lengths, unsigned nr)
{
	for (unsigned subset = 0; subset < 1u << nr; subset++) {
		unsigned g = at, i;
		for (i = 0; i < nr; g += lengths[i++])
			carve(g, g, lengths[i], 1);
		size_t first = nr_chunks - nr;
		for (i = 0; i < nr; i++)
			if (subset >> i & 1)
				send(first + i);
		drain();
		CHECK(sea_zone_is_sound(zone));
		for (g = at ? at - 1 : 0; g <= at + 700 && g < GRANULES; g++)
			CHECK(sea_bit_test(zone->used, g) == (owner[g] != 0) &&
			      sea_bit_test(zone->seam, g) == (g == 0 || owner[g] != owner[g - 1]));
		for (i = 0; i < nr_chunks; i++)
			if (chunks[i].from >= at && chunks[i].from < at + 700 && chunks[i].nr < 200)
				send(i);
		drain();
	}
}

static void drain_every_length(unsigned at, unsigned stride)
{
	static const unsigned lengths[] = {1, 2, 63, 64, 65, 130};
	unsigned digits[4], nr = 0;
	for (unsigned code = 0; code < 6 * 6 * 6 * 6; code++) {
		unsigned rest = code;
		for (unsigned i = 0; i < 4; i++, rest /= 6)
			digits[i] = lengths[rest % 6];
		if (nr++ % stride == 0)
			drain_every_subset(at, digits, 4);
	}
	CHECK(sea_zone_is_sound(zone));
}

static unsigned stride(void) { return IS_DEBUG ? 17 : (unsigned)test_pick(17, 1, 1); }

/* In the middle of a zone, at each kind of place in a word; a hole follows. */
static void merging_in_the_middle(void)
{
	static const unsigned places[] = {64 * 20, 64 * 20 + 1, 64 * 20 + 62, 64 * 20 + 63};
	for (size_t i = 0; i < NR(places); i++) {
		start();
		memset(owner, 0, sizeof(owner));
		nr_chunks = 0;
		carve(0, 0, places[i], 1);
		drain_every_length(places[i], stride());
		memset(zone, 0, sizeof(*zone));
		memset(&holes, 0, sizeof(holes));
	}
}

static void merging_at_the_start(void)
{
	start();
	drain_every_length(0, stride());
}

/* Nothing but a hole in front, and the end of the zone behind. */
static void merging_at_the_end(void)
{
	static const unsigned tails[] = {1, 5, 64, 100};
	for (size_t i = 0; i < NR(tails); i++) {
		start();
		memset(owner, 0, sizeof(owner));
		nr_chunks = 0;
		unsigned at = GRANULES - 520 - tails[i];
		carve(0, GRANULES - tails[i], tails[i], 1); /* a used chunk to the very end */
		carve(0, at - 3, 3, 1);
		drain_every_length(at, 2 * stride());
		memset(zone, 0, sizeof(*zone));
		memset(&holes, 0, sizeof(holes));
	}
}

/* Chunks that end exactly with the zone. */
static void merging_into_the_end(void)
{
	for (unsigned nr = 1; nr < 200; nr++) {
		start();
		memset(owner, 0, sizeof(owner));
		nr_chunks = 0;
		carve(0, 0, GRANULES - nr, 1);
		if (nr >= 64) {
			carve(GRANULES - nr, GRANULES - nr, nr, 1);
			send(1);
			drain();
		}
		check_zone();
		send(0);
		drain();
		check_zone();
		compare();
		memset(zone, 0, sizeof(*zone));
		memset(&holes, 0, sizeof(holes));
	}
}

/* One granule each, all patterns of two neighbouring words that bits can make at
 * random, and what the drain leaves drained once more. */
static void merging_single_granules(void)
{
	uint64_t seed = test_seed();
	start();
	carve(0, 0, 1, 192);
	carve(192, 192, 64, 1);
	for (size_t round = 0; round < rounds(4000); round++) {
		uint64_t dense = test_random(&seed) | test_random(&seed), sparse = ~dense;
		uint64_t kinds[] = {dense, sparse, test_random(&seed), ~0ull, 0};
		uint64_t words[3];
		for (int w = 0; w < 3; w++)
			words[w] = kinds[below(&seed, NR(kinds))];
		for (size_t i = 0; i < nr_chunks; i++)
			if (chunks[i].from < 192 && words[chunks[i].from / 64] >> chunks[i].from % 64 & 1)
				send(i);
		drain();
		CHECK(sea_zone_is_sound(zone));
		for (unsigned g = 0; g < 192; g++)
			CHECK(sea_bit_test(zone->used, g) == (owner[g] != 0));
		while (sweep(1, 64, 0) && chunks[nr_chunks - 1].from < 192)
			;
		for (size_t i = 0; i < nr_chunks; i++)
			if (chunks[i].from >= 256)
				send(i);
		drain();
	}
}

/* --- random operations ----------------------------------------------------------------------- */

static void carve_randomly(uint64_t *seed)
{
	unsigned k = 64 + (unsigned)test_random_size(seed, 6000);
	struct sea_hole *hole = sea_hole_find(&holes, k);
	if (!hole)
		return;
	unsigned from = sea_granule_of(hole), to = end_of_hole(from);
	CHECK_EQ(from, start_of_hole(from));
	CHECK_EQ(hole->nr_granules, to - from);
	unsigned slack = to - from - k;
	unsigned at = from + (below(seed, 2) ? 0 : (unsigned)below(seed, slack + 1));
	unsigned size = below(seed, 4) ? k : 1 + (unsigned)below(seed, k);
	carve(from, at, size, 1 + (unsigned)below(seed, (to - at) / size > 8 ? 8 : (to - at) / size));
}

static void step_randomly(uint64_t *seed)
{
	size_t action = below(seed, 100), i = nr_chunks ? below(seed, nr_chunks) : 0;
	bool room = nr_chunks < MAX_CHUNKS - 64;
	if (!nr_chunks || (action < 25 && room)) {
		sweep(1 + (unsigned)below(seed, 56), 1 + (unsigned)below(seed, 30), (unsigned)below(seed, 128));
	} else if (action < 35 && room) {
		carve_randomly(seed);
	} else if (action < 75) {
		for (size_t n = below(seed, 20); n > 0 && i < nr_chunks; n--, i++)
			if (!chunks[i].sent)
				send(i);
	} else if (action < 85) {
		drain();
	} else if (action < 90) {
		sea_zone_list(zone);
	} else if (!chunks[i].sent) {
		grow(i, chunks[i].nr + 1 + (unsigned)test_random_size(seed, 300));
	}
}

static void random_operations(void)
{
	uint64_t seed = test_seed();
	start();
	for (size_t step = 0; step < rounds(8000); step++) {
		step_randomly(&seed);
		check_zone();
		if (step % 32 == 0) {
			compare();
			check_walk();
		}
	}
	for (size_t i = 0; i < nr_chunks; i++)
		if (!chunks[i].sent)
			send(i);
	drain();
	compare();
	CHECK_EQ(zone->nr_used, 0);
}

static const struct test_case cases[] = {
	PASSES(a_new_zone_is_one_hole),
	PASSES(all_of_it_as_one_chunk),
	PASSES(chunk_sizes_and_starts),
	PASSES(drained_in_steps),
	PASSES(sweeps_leave_nothing_that_fits),
	PASSES(sweeps_go_on_from_the_cursor),
	ABORTS(sending_a_free_chunk, "freed already (found while merging)"),
	ABORTS(sending_the_inside_of_a_chunk, "seamalloc: free of 0x"),
	ABORTS(a_descriptor_written_over, ": the free memory here was written to"),
	PASSES(large_holes_are_listed_on_request),
	ABORTS(carving_beyond_the_hole, "heap corrupted: "),
	ABORTS(retiring_a_zone_in_use, "heap corrupted: zone->nr_used == 0"),
	PASSES(retired_and_used_again),
	PASSES(classes_of_long_chunks_are_known),
	PASSES(unsound_zones_are_noticed),
	PASSES(idle_pages_of_4k),
	PASSES(idle_pages_of_16k),
	PASSES(idle_pages_of_64k),
	PASSES(merging_in_the_middle),
	PASSES(merging_at_the_start),
	PASSES(merging_at_the_end),
	PASSES(merging_into_the_end),
	PASSES(merging_single_granules),
	PASSES(random_operations),
};

HARNESS_MAIN(cases)
