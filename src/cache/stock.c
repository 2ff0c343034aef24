/* SPDX-License-Identifier: MIT */
/* stock.c - how much each class may keep, and what it is filled with
 *
 * A stack grows only by proven recurrence.  A chunk for which there is no
 * room leaves; it is counted.  A refill of n chunks then earns min(n, left) of
 * credit: the program wanted back what it had given away.  The next overflow spends
 * credit on a larger limit instead of sending the chunk.  So a mass of frees goes to
 * the bitmaps untouched, and only a pattern that comes back builds a large stack.
 *
 * A class of which the thread has drawn nothing keeps nothing: what it frees was drawn by others,
 * and may share a line of the processor's cache with what they still hold (passive false
 * sharing: Berger et al., Hoard).
 *
 * And a stack grows only while the thread holds little more, caches included, than was live
 * at most of late.  Where the chunks of a large one lie scattered, a spill grows in its place
 * (spill.h).
 *
 * Each time a thread has drawn as much as its budget, it looks its classes over:
 * those that did not move since are emptied, and what the others have counted is
 * halved.  The budget, which also bounds what all limits together may hold, is the
 * option `cache` or the bytes that the thread held at most of late, whichever is more, up
 * to SEA_BUDGET_GROWTH times the option; and all threads together keep within a limit.
 */
#include "cache/stock.h"

#include "map/map.h"
#include "page/page_alloc.h"
#include "heap/reclaim.h"
#include "cache/flush.h"

/* A class starts with room for 4 KiB, within these counts; a larger one with one chunk. */
#define FIRST_LIMIT_BYTES (4 * SEA_KIB)
#define FIRST_LIMIT_MAX 64
/* A refill brings a quarter of what the class has drawn so far, so that not more than
 * that lies unused; within these bounds, and one chunk at least. */
#define BATCH_SHARE 4
#define FIRST_BATCH_BYTES 128
#define LARGEST_BATCH_BYTES (32 * SEA_KIB)
/* No room that could be: the class has moved since it was looked at. */
#define HAS_MOVED INT32_MAX
/* What is live is measured each so many refills (650 instructions, 40 a refill). */
#define REFILLS_PER_SAMPLE 16

/* In the stack and beside it. */
static int32_t room_in(const struct sea_cache *cache, unsigned c)
{
	const struct sea_spill *spill = sea_stack_spill(cache, c);
	return cache->room[c] + (spill ? (int32_t)spill->room : 0);
}

/* Chunks that leave in one look; at the next refills the look goes on.  20 to 60 ns each. */
#define LOOK_CHUNKS 1024

/* True: up to `most` chunks left, and there may be more. */
static bool look_at(struct sea_cache *cache, unsigned c, size_t *most)
{
	struct sea_stock *stock = &cache->stock[c];
	if (stock->seen_room == room_in(cache, c) && sea_flush_has(cache, c))
		*most -= sea_min(*most, sea_flush_class(cache, c, *most));
	if (!*most)
		return true;
	stock->left -= stock->left / 2;
	stock->credit /= 2;
	stock->is_shut = 0;
	stock->seen_room = room_in(cache, c);
	return false;
}

static void look_over(struct sea_cache *cache)
{
	size_t most = LOOK_CHUNKS;
	if (!cache->look_next) {
		sea_ledger_age(&cache->ledger);
		sea_ledger_sample(&cache->ledger, sea_flush_bytes(cache));
		cache->look_next = 1;
	}
	while (cache->look_next < SEA_NR_CLASSES && !look_at(cache, cache->look_next, &most))
		cache->look_next++;
	sea_flush_outbox(cache);
	if (cache->look_next < SEA_NR_CLASSES)
		return;
	cache->look_next = 0;
	sea_flush_purge(cache);
}

/* The longest piece becomes the stock's watermark, the others go on the stack, lowest
 * address on top. */
static void adopt(struct sea_cache *cache, unsigned c, const struct sea_batch *batch)
{
	SEA_ASSERT(batch->nr_pieces > 0);
	SEA_ASSERT(!cache->head[c]);
	SEA_ASSERT(cache->stock[c].cur == cache->stock[c].end);
	struct sea_stock *stock = &cache->stock[c];
	size_t size = sea_class_size(c);
	const struct sea_piece *last = &batch->piece[batch->nr_pieces - 1];
	stock->cur = last->start;
	stock->end = last->start + last->count * size;
	SEA_ASSERT(stock->cur < stock->end);
	for (uint32_t i = batch->nr_pieces - 1; i-- > 0;)
		for (uint32_t j = batch->piece[i].count; j-- > 0;)
			sea_stack_push(cache, c, batch->piece[i].start + j * size);
}

static uint32_t next_batch(const struct sea_stock *stock, size_t size)
{
	SEA_ASSERT(size > 0);
	size_t share = sea_max(stock->drawn / BATCH_SHARE, FIRST_BATCH_BYTES / size);
	return (uint32_t)sea_max(sea_min(share, LARGEST_BATCH_BYTES / size), 1);
}

/* Looking over may empty the class that is to be refilled, but not fill it. */
static void before_refill(struct sea_cache *cache)
{
	sea_flush_outbox(cache);
	if (cache->look_next || cache->ledger.drawn > sea_ledger_budget(&cache->ledger))
		look_over(cache);
}

static void account_refill(struct sea_cache *cache, struct sea_stock *stock, uint32_t nr_chunks, size_t size)
{
	uint32_t earned = (uint32_t)sea_min(nr_chunks, stock->left);
	stock->left -= earned;
	stock->credit += earned;
	stock->is_shut = 0;
	stock->seen_room = HAS_MOVED;
	stock->drawn += nr_chunks;
	sea_ledger_draw(&cache->ledger, nr_chunks * size);
	if (cache->ledger.nr_refills++ % REFILLS_PER_SAMPLE == 0) {
		sea_ledger_sample(&cache->ledger, sea_flush_bytes(cache));
		sea_shelf_tick(&cache->shelf);
		sea_reclaim(SEA_NOW_AND_THEN);
	} else if (unlikely(sea_reclaim_goes_on())) {
		sea_reclaim(SEA_NOW_AND_THEN); /* a step: refills may be all that happens for long */
	}
}

/* A line each; half of what the processor's first cache has. */
#define SPILL_BATCH 64

bool sea_stock_unspill(struct sea_cache *cache, unsigned c)
{
	SEA_ASSERT(!cache->head[c]);
	struct sea_spill *spill = sea_stack_spill(cache, c);
	uint32_t nr = spill ? sea_spill_take(spill, SPILL_BATCH, &cache->head[c]) : 0;
	cache->room[c] -= (int32_t)nr;
	return nr > 0;
}

bool sea_stock_refill(struct sea_cache *cache, unsigned c)
{
	SEA_ASSERT(cache->shard);
	SEA_ASSERT(sea_class_granules(c));
	struct sea_stock *stock = &cache->stock[c];
	struct sea_batch batch;
	size_t size = sea_class_size(c);
	if (sea_stock_unspill(cache, c))
		return true;
	before_refill(cache);
	if (!sea_shard_take(cache->shard, sea_class_granules(c), next_batch(stock, size), &batch))
		return false;
	account_refill(cache, stock, batch.nr_chunks, size);
	adopt(cache, c, &batch);
	return true;
}

/* On top of the stack, lowest address first.  A long piece becomes the stock but for its first chunk, if
 * that is empty. */
static void adopt_aligned(struct sea_cache *cache, unsigned c, const struct sea_batch *batch)
{
	struct sea_stock *stock = &cache->stock[c];
	size_t size = sea_class_size(c);
	for (uint32_t i = batch->nr_pieces; i-- > 0;) {
		const struct sea_piece *piece = &batch->piece[i];
		uint32_t nr = piece->count;
		if (nr > 1 && stock->cur == stock->end) {
			stock->cur = piece->start + size;
			stock->end = piece->start + nr * size;
			((struct sea_link *)stock->cur)->mark = sea_link_mark(stock->cur);
			nr = 1;
		}
		while (nr-- > 0)
			sea_stack_push(cache, c, piece->start + nr * size);
	}
}

bool sea_stock_refill_aligned(struct sea_cache *cache, unsigned c, size_t align)
{
	struct sea_stock *stock = &cache->stock[c];
	struct sea_batch batch;
	size_t size = sea_class_size(c);
	before_refill(cache);
	if (!sea_shard_take_aligned(cache->shard, sea_class_granules(c), next_batch(stock, size), align, &batch))
		return false;
	account_refill(cache, stock, batch.nr_chunks, size);
	adopt_aligned(cache, c, &batch);
	return true;
}

/* The caches of all threads together grow up to a quarter of what is in use, or this: 8
 * threads at the end of their budget. */
#define ALL_SHARE 4
#define ALL_LEAST (64 * SEA_MIB)

static size_t room_for_all(void)
{
	size_t most = sea_max(sea_pages_in_use() / ALL_SHARE, ALL_LEAST);
	return most - sea_min(most, sea_load_relaxed(&sea_ledger_granted));
}

/* Bytes by which the limits may grow. */
static size_t grantable(const struct sea_ledger *ledger)
{
	size_t most = sea_ledger_budget(ledger);
	if (sea_ledger_net(ledger) > sea_ledger_may_hold(ledger))
		return 0;
	return sea_min(most - sea_min(most, ledger->granted), room_for_all());
}

/* A stack of this size is half or more of what a processor has of its own caches.  It is looked at
 * when it is to grow, to twice its size at most. */
#define SCATTERED_LEAST (512 * SEA_KIB)
/* Chunks on top of a stack that are looked at. */
#define SCATTERED_DEPTH 8
/* Two that are so far apart share no page. */
#define SCATTERED_STEP (4 * SEA_KIB)

/* Claim: the stack is large, and most chunks on its top are far from the next.  Each that is
 * taken makes malloc() wait until memory tells which is next. */
static bool is_scattered(const struct sea_cache *cache, unsigned c)
{
	unsigned nr_far = 0;
	if (c >= SEA_SPILL_CLASSES || cache->stock[c].limit * sea_class_size(c) < SCATTERED_LEAST)
		return false;
	const struct sea_link *chunk = sea_stack_expect(cache->head[c], NULL);
	for (unsigned i = 0; i < SCATTERED_DEPTH && chunk; i++) {
		const struct sea_link *below = sea_stack_below(chunk);
		nr_far += below && (uintptr_t)chunk - (uintptr_t)below + SCATTERED_STEP > 2 * SCATTERED_STEP;
		chunk = below;
	}
	return nr_far > SCATTERED_DEPTH / 2;
}

/* By how many chunks, of those that are left to grant, a class that may hold so many may hold
 * more.  Credit that buys nothing is void. */
static uint32_t spend_credit(struct sea_stock *stock, size_t limit, size_t left)
{
	uint32_t grant = (uint32_t)sea_min(sea_min(stock->credit, limit), left);
	stock->credit = grant ? stock->credit - grant : 0;
	return grant;
}

/* The limit of a class that has none, in chunks: small ones are not counted against what is
 * left, and the first large one that comes may have been the last. */
static uint32_t first_limit(const struct sea_stock *stock, size_t size, size_t left)
{
	if (size > FIRST_LIMIT_BYTES)
		return (stock->drawn > 1 || stock->left > 0) && left > 0;
	return (uint32_t)sea_min(FIRST_LIMIT_BYTES / size, FIRST_LIMIT_MAX);
}

/* So many chunks more may lie beside the stack; false: no memory. */
static bool widen_spill(struct sea_cache *cache, unsigned c, uint32_t grant)
{
	SEA_ASSERT(c < SEA_SPILL_CLASSES);
	struct sea_spill *spill = cache->spill[c];
	if (!spill)
		cache->spill[c] = spill = sea_meta_alloc_pages(sizeof(*spill));
	if (!spill)
		return false;
	sea_spill_widen(spill, grant);
	return true;
}

bool sea_stock_grow(struct sea_cache *cache, unsigned c)
{
	struct sea_stock *stock = &cache->stock[c];
	struct sea_ledger *ledger = &cache->ledger;
	SEA_ASSERT(cache->shard && sea_class_granules(c));
	SEA_ASSERT(cache->room[c] <= 0);
	stock->seen_room = HAS_MOVED;
	stock->is_shut = stock->limit || !stock->drawn || sea_ledger_is_clearing(ledger);
	if (!stock->limit && stock->is_shut)
		return false;
	size_t size = sea_class_size(c);
	size_t left = grantable(ledger) / size;
	const struct sea_spill *spill = sea_stack_spill(cache, c);
	size_t limit = stock->limit + (spill ? spill->limit : 0);
	uint32_t grant = stock->limit ? spend_credit(stock, limit, left) : first_limit(stock, size, left);
	bool spills = is_scattered(cache, c);
	if (!grant || (spills && !widen_spill(cache, c, grant)))
		return false;
	stock->is_shut = 0;
	sea_ledger_grant(ledger, grant * size);
	if (spills)
		return false;
	stock->limit += grant;
	cache->room[c] += (int32_t)grant;
	return cache->room[c] > 0;
}

void sea_stock_tighten(struct sea_cache *cache)
{
	for (unsigned c = 1; c < SEA_NR_CLASSES; c++) {
		struct sea_spill *spill = sea_stack_spill(cache, c);
		if (spill)
			sea_ledger_revoke(&cache->ledger, sea_spill_tighten(spill) * sea_class_size(c));
		if (cache->room[c] <= 0)
			continue;
		cache->stock[c].limit -= (uint32_t)cache->room[c];
		sea_ledger_revoke(&cache->ledger, (uint32_t)cache->room[c] * sea_class_size(c));
		cache->room[c] = 0;
		cache->stock[c].is_shut = 0;
	}
}
