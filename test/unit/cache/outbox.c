/* SPDX-License-Identifier: MIT */
/* outbox.c - what goes in is sent once, marked, and together with what lies beside it
 *
 * Calls of sea_shard_send() pass through this file, which counts them.
 */
#include "cache/outbox.h"

#include "heap/shard.h"
#include "unit.h"

static struct sea_shard *shard = &sea_shards[0];
static struct sea_outbox box;
static size_t nr_sends;

void __real_sea_shard_send(struct sea_zone *zone, size_t word, uint64_t mask, unsigned nr_granules);
void __wrap_sea_shard_send(struct sea_zone *zone, size_t word, uint64_t mask, unsigned nr_granules);

void __wrap_sea_shard_send(struct sea_zone *zone, size_t word, uint64_t mask, unsigned nr_granules)
{
	CHECK(sea_outbox_is_sound(&box));
	nr_sends++;
	__real_sea_shard_send(zone, word, mask, nr_granules);
}

/* One chunk of k granules. */
static struct sea_link *draw(unsigned k)
{
	struct sea_batch batch;
	CHECK(sea_shard_take(shard, k, 1, &batch));
	struct sea_link *chunk = (struct sea_link *)batch.piece[0].start;
	chunk->mark = 0;
	return chunk;
}

static bool is_pending(const struct sea_link *chunk)
{
	return sea_bit_test(sea_zone_of(chunk)->pending, sea_granule_of(chunk));
}

static size_t bytes_pending(void)
{
	struct sea_shard_stats stats;
	sea_shard_stats(shard, &stats);
	return stats.pending;
}

static void an_empty_box_sends_nothing(void)
{
	CHECK(sea_outbox_is_sound(&box));
	CHECK_EQ(sea_outbox_send(&box), 0);
	CHECK_EQ(nr_sends, 0);
}

static void what_is_in_it_is_sent_once(void)
{
	struct sea_link *chunk[SEA_OUTBOX_CHUNKS];
	for (size_t i = 0; i < NR(chunk); i++) {
		CHECK_EQ(sea_outbox_mark_and_add(&box, chunk[i] = draw(5), 5), i + 1 == NR(chunk));
		CHECK(sea_outbox_is_sound(&box) && box.nr_marked == i + 1);
		CHECK(sea_link_is_marked(chunk[i]) && !is_pending(chunk[i]));
	}
	CHECK(sea_outbox_shard(&box) == shard);
	CHECK_EQ(sea_outbox_bytes(&box), NR(chunk) * 80);
	CHECK_EQ(sea_outbox_send(&box), NR(chunk) * 80);
	CHECK_EQ(box.nr + box.nr_marked + box.nr_granules, 0);
	for (size_t i = 0; i < NR(chunk); i++)
		CHECK(is_pending(chunk[i]));
	CHECK_EQ(bytes_pending(), NR(chunk) * 80);
	CHECK(sea_shard_is_sound(shard));
	CHECK_EQ(sea_outbox_send(&box), 0);
}

/* As a signal handler that frees finds it, or the child that it forks. */
static void a_full_box_takes_the_next_in_place_of_the_last(void)
{
	struct sea_link *last = NULL, *next;
	for (size_t i = 0; i < SEA_OUTBOX_CHUNKS; i++)
		sea_outbox_mark_and_add(&box, last = draw(5), 5);
	for (size_t i = 0; i < 4; i++) {
		next = draw(3 + i);
		CHECK(i >= 2 ? sea_outbox_fetch(&box, next, 3 + i) : sea_outbox_mark_and_add(&box, next, 3 + i));
		CHECK(box.nr == SEA_OUTBOX_CHUNKS && sea_outbox_is_sound(&box));
		CHECK_EQ(sea_outbox_bytes(&box), (SEA_OUTBOX_CHUNKS - 1) * 80 + (3 + i) * 16);
	}
	sea_outbox_send(&box);
	CHECK(is_pending(next) && !is_pending(last));
}

/* While the thread tears down, their memory is only fetched. */
static void fetched_chunks_are_marked_when_they_are_sent(void)
{
	struct sea_link *chunk[10];
	for (size_t i = 0; i < NR(chunk); i++) {
		CHECK(!sea_outbox_fetch(&box, chunk[i] = draw(3), 3));
		CHECK(sea_outbox_is_sound(&box) && box.nr_marked == 0 && !sea_link_is_marked(chunk[i]));
	}
	CHECK_EQ(sea_outbox_send(&box), NR(chunk) * 48);
	for (size_t i = 0; i < NR(chunk); i++)
		CHECK(sea_link_is_marked(chunk[i]) && is_pending(chunk[i]));
}

static void marked_ones_come_first(void)
{
	struct sea_link *first = draw(3), *second = draw(3);
	sea_outbox_mark_and_add(&box, first, 3);
	sea_outbox_fetch(&box, second, 3);
	CHECK(box.nr == 2 && box.nr_marked == 1 && sea_outbox_is_sound(&box));
	CHECK_EQ(sea_outbox_send(&box), 96);
	CHECK(sea_link_is_marked(first) && sea_link_is_marked(second));
}

/* Beside other threads.  64 chunks of a granule each lie in one word, or in two; in
 * the box they are mixed. */
static void chunks_of_one_word_go_together(void)
{
	struct sea_batch batch;
	size_t words = 0, nr = 0;
	uintptr_t last = 0;
	CHECK(sea_shard_take(shard, 1, SEA_OUTBOX_CHUNKS, &batch));
	CHECK(batch.nr_pieces == 1 && batch.nr_chunks == SEA_OUTBOX_CHUNKS);
	for (size_t i = 0; i < SEA_OUTBOX_CHUNKS; i++) {
		struct sea_link *chunk = (struct sea_link *)(batch.piece[0].start + i * 16);
		words += (uintptr_t)chunk / 1024 != last;
		last = (uintptr_t)chunk / 1024;
		chunk->mark = 0;
	}
	for (size_t i = 0; nr < SEA_OUTBOX_CHUNKS; i = (i + 37) % SEA_OUTBOX_CHUNKS, nr++)
		sea_outbox_mark_and_add(&box, (struct sea_link *)(batch.piece[0].start + i * 16), 1);
	__libc_single_threaded = 0;
	CHECK_EQ(sea_outbox_send(&box), SEA_OUTBOX_CHUNKS * 16);
	CHECK_EQ(nr_sends, words);
	CHECK(sea_shard_is_sound(shard));
}

#define MANY 3000

/* Chunks of any length, from several zones, in any order, beside other threads or not; all that
 * was sent comes back by merging. */
static void random_chunks(void)
{
	static struct sea_link *chunk[MANY];
	static unsigned length[MANY];
	uint64_t seed = test_seed();
	size_t bytes = 0, sent = 0;
	for (size_t i = 0; i < MANY; i++) {
		chunk[i] = draw(length[i] = 1 + (unsigned)below(&seed, below(&seed, 20) ? 40 : 2000));
		bytes += length[i] * SEA_GRANULE;
	}
	CHECK(shard->nr_zones > 2);
	for (size_t i = MANY; i-- > 0;) {
		size_t at = below(&seed, i + 1);
		bool waits = box.nr_marked < box.nr || below(&seed, 30) == 0;
		bool is_full = waits ? sea_outbox_fetch(&box, chunk[at], length[at])
				     : sea_outbox_mark_and_add(&box, chunk[at], length[at]);
		CHECK(sea_outbox_is_sound(&box));
		CHECK_EQ(is_full, box.nr == SEA_OUTBOX_CHUNKS);
		__libc_single_threaded = below(&seed, 2);
		if (is_full || below(&seed, 50) == 0)
			sent += sea_outbox_send(&box);
		chunk[at] = chunk[i];
		length[at] = length[i];
	}
	sent += sea_outbox_send(&box);
	CHECK_EQ(sent, bytes);
	CHECK(sea_shard_is_sound(shard));
	sea_shard_merge(shard);
	CHECK_EQ(shard->nr_zones, 0);
}

/* As a program does that copies old bytes back. */
static void a_mark_that_says_nothing_is_wiped(void)
{
	struct sea_link *chunk = draw(4);
	chunk->mark = sea_link_mark(chunk);
	sea_outbox_fetch(&box, chunk, 4);
	CHECK_EQ(sea_outbox_send(&box), 64);
	CHECK(is_pending(chunk) && sea_link_is_marked(chunk));
}

static void twice_in_the_box(void)
{
	struct sea_link *chunk = draw(4);
	sea_outbox_fetch(&box, chunk, 4);
	sea_outbox_fetch(&box, draw(4), 4);
	sea_outbox_fetch(&box, chunk, 4);
	sea_outbox_send(&box);
}

static void sent_and_put_in_again(void)
{
	struct sea_link *chunk = draw(4);
	draw(4);
	sea_outbox_fetch(&box, chunk, 4);
	sea_outbox_send(&box);
	sea_outbox_fetch(&box, chunk, 4);
	sea_outbox_send(&box);
}

static void unsound_boxes_are_noticed(void)
{
	struct sea_link *chunk = draw(4);
	sea_outbox_mark_and_add(&box, chunk, 4);
	sea_outbox_fetch(&box, draw(7), 7);
	CHECK(sea_outbox_is_sound(&box));
	chunk->mark = 0;
	CHECK(!sea_outbox_is_sound(&box)); /* X1 */
	chunk->mark = sea_link_mark(chunk);
	box.nr_marked = 3;
	CHECK(!sea_outbox_is_sound(&box)); /* X1 */
	box.nr_marked = 1;
	box.nr_granules++;
	CHECK(!sea_outbox_is_sound(&box)); /* X2 */
	box.length[1]++;
	CHECK(!sea_outbox_is_sound(&box)); /* X2: the sum is right, the chunk is not so long */
	box.nr_granules--;
	box.length[1]--;
	box.chunk[1]++;
	CHECK(!sea_outbox_is_sound(&box)); /* X2: no chunk starts there */
	box.chunk[1] = (struct sea_link *)&box;
	CHECK(!sea_outbox_is_sound(&box)); /* X2: no zone */
}

static const struct test_case cases[] = {
	PASSES(an_empty_box_sends_nothing),
	PASSES(what_is_in_it_is_sent_once),
	PASSES(a_full_box_takes_the_next_in_place_of_the_last),
	PASSES(fetched_chunks_are_marked_when_they_are_sent),
	PASSES(marked_ones_come_first),
	PASSES(chunks_of_one_word_go_together),
	PASSES(random_chunks),
	PASSES(a_mark_that_says_nothing_is_wiped),
	ABORTS(twice_in_the_box, "this block was freed already"),
	ABORTS(sent_and_put_in_again, "this block was freed already"),
	PASSES(unsound_boxes_are_noticed),
};

HARNESS_MAIN(cases)
