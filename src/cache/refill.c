/* SPDX-License-Identifier: MIT */
/* refill.c - how a bin gets its chunks
 *
 *    the stack is empty --> chunks from the spill, 64 at a time
 *                       --> else a batch from the shard: the last piece becomes the fresh run,
 *                           the other pieces go on the stack; a fresh run without memory is
 *                           populated
 *
 * If the thread has drawn more than its budget since the last look, or if that was long ago, a
 * refill looks over all bins; each 16th refill asks for the time.  A bin that has not changed
 * since the last look is emptied.  The counts of all bins (growth.c) are halved.
 */
#include "base/step.h"
#include "cache/bin.h"

#include "base/os.h"
#include "heap/reclaim.h"
#include "cache/send.h"
#include "page/page_alloc.h"

/* A refill brings a quarter of what the class has drawn so far, so that no more than that lies
 * unused; within these bounds, and at least one chunk. */
#define BATCH_SHARE 4
#define FIRST_BATCH_BYTES 128
#define LARGEST_BATCH_BYTES (32 * SEA_KIB)
/* Of a fresh run at most this part of what the class has drawn is populated before it is handed
 * out.  With a 64th lua takes 24,000 page faults, with a 32nd 13,800 (one run each). */
#define POPULATE_SHARE 32
/* Live bytes are measured once in so many refills (650 instructions, 40 for each refill). */
#define REFILLS_PER_SAMPLE 16
/* A thread that draws little looks at this interval.  A light load after a swing of 100 MiB kept
 * more than 10 % of it in 2 of 8 runs without, in none of 8 with. */
#define LOOK_MS 500

/* The low bits of the number of chunks that the stack and the spill can still take. */
static uint16_t room_in(const struct sea_cache *cache, unsigned c)
{
	const struct sea_spill *spill = sea_bin_spill(cache, c);
	return ((uint32_t)cache->room[c] + (spill ? spill->room : 0)) & SEA_BIN_ROOM_BITS;
}

/* Looks at one bin.  True: `most` chunks were sent, and there may be more. */
static bool look_at(struct sea_cache *cache, unsigned c, size_t *most)
{
	struct sea_bin *bin = &cache->bin[c];
	if (bin->seen_room == room_in(cache, c) && sea_bin_has_any(cache, c))
		*most -= sea_min(*most, sea_send_bin(cache, c, *most));
	if (!*most)
		return true;
	bin->left -= bin->left / 2;
	bin->credit /= 2;
	bin->is_shut = 0;
	bin->seen_room = room_in(cache, c);
	return false;
}

static void begin_look(struct sea_cache *cache, uint64_t now_ms)
{
	SEA_ASSERT(!cache->look_next);
	sea_usage_age(&cache->usage);
	sea_usage_sample(&cache->usage, sea_cache_bytes(cache));
	cache->looked_ms = now_ms;
	cache->look_next = 1;
}

/* A step; the next refills continue the look. */
static void look_over(struct sea_cache *cache)
{
	size_t most = SEA_STEP_LOOKS;
	if (!cache->look_next)
		begin_look(cache, sea_os_now_ms());
	while (cache->look_next < SEA_NR_CLASSES && !look_at(cache, cache->look_next, &most))
		cache->look_next++;
	sea_send_outbox(cache);
	if (cache->look_next < SEA_NR_CLASSES)
		return;
	cache->look_next = 0;
	sea_send_purge_spills(cache);
}

/* The last piece becomes the fresh run.  The others go on the stack, the lowest address on top. */
static void adopt(struct sea_cache *cache, unsigned c, const struct sea_batch *batch)
{
	SEA_ASSERT(batch->nr_pieces > 0);
	SEA_ASSERT(!cache->head[c]);
	SEA_ASSERT(cache->bin[c].cur == cache->bin[c].end);
	struct sea_bin *bin = &cache->bin[c];
	size_t size = sea_class_size(c);
	const struct sea_piece *last = &batch->piece[batch->nr_pieces - 1];
	sea_bin_set_fresh(bin, last->start, last->start + last->count * size);
	for (uint32_t i = batch->nr_pieces - 1; i-- > 0;)
		for (uint32_t j = batch->piece[i].count; j-- > 0;)
			sea_bin_push(cache, c, batch->piece[i].start + j * size);
}

static uint32_t next_batch(const struct sea_bin *bin, size_t size)
{
	SEA_ASSERT(size > 0);
	size_t share = sea_max(bin->drawn / BATCH_SHARE, FIRST_BATCH_BYTES / size);
	return (uint32_t)sea_max(sea_min(share, LARGEST_BATCH_BYTES / size), 1);
}

/* Chunks are handed out from the start of the fresh run on, so that part is populated. */
static void populate(const struct sea_bin *bin, const struct sea_batch *batch, size_t size)
{
	const struct sea_piece *last = &batch->piece[batch->nr_pieces - 1];
	sea_pages_populate(last->start, last->start + last->count * size, bin->drawn * size / POPULATE_SHARE);
}

/* Looking over the bins may empty the class that is about to be refilled, but never fills it. */
static void before_refill(struct sea_cache *cache)
{
	sea_send_outbox(cache);
	if (cache->look_next || cache->usage.drawn > sea_usage_budget(&cache->usage))
		look_over(cache);
}

/* What a refill does once in REFILLS_PER_SAMPLE.  The beginning of a look is a sample, too. */
static void take_sample(struct sea_cache *cache)
{
	uint64_t now = sea_os_now_ms();
	if (!cache->look_next && now - cache->looked_ms >= LOOK_MS)
		begin_look(cache, now);
	else
		sea_usage_sample(&cache->usage, sea_cache_bytes(cache));
	sea_parked_tick(&cache->parked);
	sea_reclaim(SEA_NOW_AND_THEN);
}

static void account_refill(struct sea_cache *cache, struct sea_bin *bin, uint32_t nr_chunks, size_t size)
{
	uint32_t earned = (uint32_t)sea_min(nr_chunks, bin->left);
	bin->left -= earned;
	bin->credit += earned;
	bin->is_shut = 0;
	bin->seen_room = SEA_BIN_HAS_MOVED;
	bin->drawn = (uint16_t)sea_min(bin->drawn + nr_chunks, SEA_BIN_DRAWN_MOST) & SEA_BIN_DRAWN_MOST;
	sea_usage_draw(&cache->usage, nr_chunks * size);
	if (cache->usage.nr_refills++ % REFILLS_PER_SAMPLE == 0) {
		take_sample(cache);
	} else if (unlikely(sea_reclaim_goes_on())) {
		/* a step: there may be no other slow path for long */
		sea_reclaim(SEA_NOW_AND_THEN);
	}
}

bool sea_bin_unspill(struct sea_cache *cache, unsigned c)
{
	SEA_ASSERT(!cache->head[c]);
	struct sea_spill *spill = sea_bin_spill(cache, c);
	struct sea_link *list = NULL;
	uint32_t nr = spill ? sea_spill_take(spill, SEA_OUTBOX_CHUNKS, &list) : 0;
	cache->room[c] -= (int32_t)nr;
	sea_before_a_signal(); /* K7 */
	cache->head[c] = list;
	if (list)
		cache->bin[c].is_shut = 0; /* the spill has room */
	return list;
}

bool sea_bin_refill(struct sea_cache *cache, unsigned c)
{
	SEA_ASSERT(cache->shard);
	SEA_ASSERT(sea_class_granules(c));
	struct sea_bin *bin = &cache->bin[c];
	struct sea_batch batch;
	size_t size = sea_class_size(c);
	if (sea_bin_unspill(cache, c)) {
		cache->to_guard -= SEA_OUTBOX_CHUNKS;
		return true;
	}
	before_refill(cache);
	if (!sea_shard_take(cache->shard, sea_class_granules(c), next_batch(bin, size), &batch))
		return false;
	account_refill(cache, bin, batch.nr_chunks, size);
	cache->to_guard -= batch.nr_chunks;
	adopt(cache, c, &batch);
	/* afterwards: a fork during the system call must not lose the chunks */
	if (unlikely(batch.is_fresh))
		populate(bin, &batch, size);
	SEA_ASSERT(sea_bins_seem_sound(cache));
	return true;
}

/* Puts the chunks on the stack, lowest address on top.  If the fresh run is empty, a piece keeps
 * one chunk for the stack and its rest becomes the fresh run. */
static void adopt_aligned(struct sea_cache *cache, unsigned c, const struct sea_batch *batch)
{
	struct sea_bin *bin = &cache->bin[c];
	size_t size = sea_class_size(c);
	for (uint32_t i = batch->nr_pieces; i-- > 0;) {
		const struct sea_piece *piece = &batch->piece[i];
		uint32_t nr = piece->count;
		if (nr > 1 && bin->cur == bin->end) {
			((struct sea_link *)(piece->start + size))->mark = sea_link_mark(piece->start + size);
			sea_bin_set_fresh(bin, piece->start + size, piece->start + nr * size);
			nr = 1;
		}
		while (nr-- > 0)
			sea_bin_push(cache, c, piece->start + nr * size);
	}
}

bool sea_bin_refill_aligned(struct sea_cache *cache, unsigned c, size_t align)
{
	struct sea_bin *bin = &cache->bin[c];
	struct sea_batch batch;
	size_t size = sea_class_size(c);
	before_refill(cache);
	if (!sea_shard_take_aligned(cache->shard, sea_class_granules(c), next_batch(bin, size), align, &batch))
		return false;
	account_refill(cache, bin, batch.nr_chunks, size);
	adopt_aligned(cache, c, &batch);
	SEA_ASSERT(cache->head[c]);
	SEA_ASSERT(sea_bins_seem_sound(cache));
	return true;
}
