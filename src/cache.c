/* SPDX-License-Identifier: MIT */
/* cache.c - what the fast paths leave over (layer 8)
 *
 * K1  room[c] + length of stack c == stock[c].limit.  (room is below 0 after a refill
 *     that brought more than the limit.)
 * K2  Every chunk in stack c is sea_class_granules(c) long, used to its zone, and
 *     carries its mark.
 * K3  [cur, end) of a stock is cut into chunks of the class, used to their zone; the
 *     chunk at cur carries its mark once the first has been handed out.
 * K4  Every chunk that is sent back carries its mark before its bit is set; in the outbox it
 *     may not yet (X1).
 *
 * Stock: a stack grows only by proven recurrence.  A chunk for which there is no
 * room leaves; it is counted.  A refill of n chunks then earns min(n, left) of
 * credit: the program wanted back what it had given away.  The next overflow spends
 * credit on a larger limit instead of sending the chunk.  So a mass of frees goes to
 * the bitmaps untouched, and only a pattern that comes back builds a large stack.
 *
 * And it grows only while the thread holds little more, caches included, than was live
 * at most of late.
 *
 * Each time a thread has drawn as much as its budget, it looks its classes over:
 * those that did not move since are emptied, and what the others have counted is
 * halved.  The budget, which also bounds what all limits together may hold, is the
 * option `cache` or the bytes that the thread held at most of late, whichever is more, up
 * to BUDGET_GROWTH times the option.
 */
#include "cache.h"

#include "atomic.h"
#include "check.h"
#include "meta.h"
#include "mistake.h"
#include "options.h"
#include "os.h"
#include "page_alloc.h"
#include "reclaim.h"
#include "refault.h"

/* A class starts with room for 4 KiB, within these counts. */
#define FIRST_LIMIT_BYTES (4 * SEA_KIB)
#define FIRST_LIMIT_MAX 64
/* A refill brings a quarter of what the class has drawn so far, so that not more than
 * that lies unused; within these bounds, and one chunk at least. */
#define BATCH_SHARE 4
#define FIRST_BATCH_BYTES 128
#define LARGEST_BATCH_BYTES (32 * SEA_KIB)
/* The budget grows with what the thread holds up to so many times the option: 8 MiB
 * by default. */
#define BUDGET_GROWTH 16
/* Caches hold at most this part of what is live, or the option `cache`: measured as net,
 * each so many refills (650 instructions, 40 a refill). */
#define CACHED_SHARE 4
#define REFILLS_PER_SAMPLE 16
/* A thread that sent this much back without one refill, and most of what it held, is
 * clearing up: its stacks are emptied as well, and stay so until it allocates again. */
#define CLEARING_BYTES SEA_MIB
/* A thread that sent this much back sees whether there is a zone to drain. */
#define HELP_BYTES (256 * SEA_KIB)
/* The same for one that is clearing up and has less than that left. */
#define LAST_HELP_BYTES (32 * SEA_KIB)

/* A thread that sent this much back without one refill tears something down. */
#define TEARDOWN_BYTES (64 * SEA_KIB)

/* A larger chunk does not wait in the outbox for others. */
#define LETTER_MAX (HELP_BYTES / SEA_OUTBOX_LETTERS)

struct sea_cache sea_cache_nobody; /* of a thread that has not allocated yet */
static struct sea_cache departed;  /* of a thread whose exit hook has run */

SEA_THREAD_LOCAL struct sea_own sea_own = {.cache = &sea_cache_nobody};

static struct {
	struct sea_lock lock;
	struct sea_cache *first; /* all caches */
	struct sea_cache *spare; /* structs */
	size_t nr;
	size_t lost;		 /* bytes in caches of threads that a fork left behind */
} threads = {.lock = SEA_LOCK_INIT(SEA_RANK_THREADS)};

static uintptr_t mark_of(const void *block) { return sea_mark_of(block, sea_load_relaxed(&sea_seams)); }

static size_t size_of_class(unsigned c) { return sea_class_granules(c) * SEA_GRANULE; }

static size_t net_bytes(const struct sea_cache *cache)
{
	return (intptr_t)cache->net > 0 ? cache->net : 0;
}

/* Bytes that the thread may hold, caches included, for a stack to grow.  A program that
 * frees all and allocates it anew never holds more than at its peak; one that replaces
 * blocks at random would fill its caches beside what is live. */
static size_t may_hold(const struct sea_cache *cache)
{
	return cache->peak_live + sea_max(cache->peak_live / CACHED_SHARE, sea_options.cache);
}

static size_t budget(const struct sea_cache *cache)
{
	return sea_max(sea_options.cache, sea_min(cache->peak, sea_options.cache * BUDGET_GROWTH));
}

/* Reads what other threads write: a moment's view of each class. */
SEA_RACE_BY_DESIGN static size_t cached_bytes(const struct sea_cache *cache)
{
	size_t bytes = sea_outbox_bytes(&cache->outbox) + sea_shelf_bytes(&cache->shelf);
	for (unsigned c = 1; c < SEA_NR_CLASSES; c++) {
		const struct sea_stock *stock = &cache->stock[c];
		int64_t nr = (int64_t)stock->limit - cache->room[c];
		bytes += nr > 0 ? (size_t)nr * size_of_class(c) : 0;
		bytes += stock->end > stock->cur ? (size_t)(stock->end - stock->cur) : 0;
	}
	return bytes;
}

/* --- sending back ---------------------------------------------------------------- */

static bool is_clearing(const struct sea_cache *cache)
{
	return cache->returned >= sea_max(CLEARING_BYTES, cache->peak / 4 * 3);
}

/* A thread that only frees what others allocated clears up for ever, and had nothing. */
static bool held_much(const struct sea_cache *cache) { return cache->peak >= CLEARING_BYTES; }

static void empty_outbox(struct sea_cache *cache)
{
	size_t bytes = sea_outbox_bytes(&cache->outbox);
	sea_outbox_deliver(&cache->outbox);
	cache->net -= bytes;
	cache->sent += bytes;
	cache->returned += bytes;
}

/* A free chunk leaves (K4). */
static void send(struct sea_cache *cache, void *chunk, size_t nr_granules)
{
	((struct sea_link *)chunk)->mark = 0;
	if (sea_outbox_post(&cache->outbox, chunk, nr_granules, 0))
		empty_outbox(cache);
}

/* Empties one class: its stack, and what was never handed out.  What it has learnt of
 * recurrence stays. */
static void flush_class(struct sea_cache *cache, unsigned c)
{
	struct sea_stock *stock = &cache->stock[c];
	size_t size = size_of_class(c);
	while (cache->head[c]) {
		struct sea_link *chunk = cache->head[c];
		cache->head[c] = chunk->next;
		send(cache, chunk, sea_class_granules(c));
	}
	for (; stock->cur < stock->end; stock->cur += size)
		send(cache, stock->cur, sea_class_granules(c));
	cache->granted -= stock->limit * size;
	cache->room[c] = 0;
	stock->limit = 0;
	stock->drawn = 0;
}

static void flush_all(struct sea_cache *cache)
{
	for (unsigned c = 1; c < SEA_NR_CLASSES; c++)
		if (cache->head[c] || cache->stock[c].limit || cache->stock[c].cur)
			flush_class(cache, c);
	empty_outbox(cache);
	sea_shelf_clear(&cache->shelf);
}

static void sample_live(struct sea_cache *cache)
{
	size_t net = net_bytes(cache);
	cache->peak_live = sea_max(cache->peak_live, net - sea_min(net, cached_bytes(cache)));
}

static void look_over(struct sea_cache *cache)
{
	cache->drawn = 0;
	cache->peak = sea_max(net_bytes(cache), cache->peak / 2);
	cache->peak_live /= 2;
	sample_live(cache);
	for (unsigned c = 1; c < SEA_NR_CLASSES; c++) {
		struct sea_stock *stock = &cache->stock[c];
		bool moved = stock->left != stock->seen_left || stock->seen_room != cache->room[c];
		if (!moved && (stock->limit || cache->head[c] || stock->cur < stock->end))
			flush_class(cache, c);
		stock->left /= 2;
		stock->credit /= 2;
		stock->seen_left = stock->left;
		stock->seen_room = cache->room[c];
	}
}

/* The thread may be giving back all it has, and do nothing for long after: merges what it
 * sent, and gives more back than would go otherwise.  Again when it has sent half of what
 * it held still. */
static void tidy_up(struct sea_cache *cache)
{
	flush_all(cache);
	if (cache->returned < cache->tidied)
		return;
	cache->tidied = cache->returned + sea_max(net_bytes(cache) / 2, held_much(cache) ? LAST_HELP_BYTES : CLEARING_BYTES / 2);
	sea_shard_drain_worth(cache->shard);
	sea_reclaim(SEA_THREAD_CLEARS);
}

/* Now and then after sending: merges what has come together. */
static void help(struct sea_cache *cache, struct sea_shard *shard)
{
	cache->sent = 0;
	sea_shard_help(shard);
	if (is_clearing(cache))
		tidy_up(cache);
	else
		sea_reclaim(SEA_NOW_AND_THEN);
}

static bool is_worth_help(const struct sea_cache *cache)
{
	if (likely(cache->sent < LAST_HELP_BYTES))
		return false;
	return cache->sent >= HELP_BYTES ||
	       (held_much(cache) && is_clearing(cache) && net_bytes(cache) < HELP_BYTES);
}

/* The outbox is full.  The shard that the last letter goes to gets the help: its zone may
 * be gone once it has the chunk. */
static SEA_NOINLINE void deliver_all(struct sea_cache *cache)
{
	struct sea_shard *shard = sea_outbox_shard(&cache->outbox);
	empty_outbox(cache);
	if (unlikely(is_worth_help(cache)))
		help(cache, shard);
}

/* --- threads ----------------------------------------------------------------------- */

/* Threads lock held, or no other thread there. */
static void unlink_cache(struct sea_cache *cache)
{
	*cache->link = cache->next;
	if (cache->next)
		cache->next->link = cache->link;
	threads.nr--;
}

static void leave(void *argument)
{
	SEA_ASSERT(argument == sea_cache_own());
	struct sea_cache *cache = argument;
	sea_own = (struct sea_own){.cache = &departed};
	flush_all(cache);
	struct sea_shard *shard = cache->shard;
	sea_lock_take(&threads.lock);
	unlink_cache(cache);
	sea_shard_leave(shard);
	cache->next = threads.spare;
	threads.spare = cache;
	bool is_alone = threads.nr <= 1;
	sea_lock_drop(&threads.lock);
	sea_shard_drain_worth(shard);
	if (is_alone)
		sea_refault_forget();
	sea_reclaim(SEA_THREAD_ENDS);
}

static struct sea_cache *take_struct(void)
{
	struct sea_cache *cache = threads.spare;
	if (!cache)
		return sea_meta_alloc_aligned(sizeof(*cache), SEA_CACHE_ALIGN);
	threads.spare = cache->next;
	memset(cache, 0, sizeof(*cache));
	return cache;
}

/* Threads lock held, but while the system is asked how many shards there may be. */
static struct sea_shard *join(void)
{
	if (!sea_shard_may_join()) {
		sea_lock_drop(&threads.lock);
		sea_shard_learn_limit();
		sea_lock_take(&threads.lock);
	}
	return sea_shard_join();
}

/* Gives the calling thread its cache; NULL if it has departed or there is no memory. */
static struct sea_cache *enter(void)
{
	if (sea_cache_own() == &departed)
		return NULL;
	sea_options_load();
	sea_lock_take(&threads.lock);
	struct sea_cache *cache = take_struct();
	if (cache) {
		cache->shard = join();
		cache->next = threads.first;
		cache->link = &threads.first;
		if (cache->next)
			cache->next->link = &cache->next;
		threads.first = cache;
		threads.nr++;
	}
	sea_lock_drop(&threads.lock);
	if (!cache)
		return NULL;
	sea_own = (struct sea_own){cache, SEA_SMALL_GRANULES + 1};
	sea_os_at_thread_exit(leave, cache);
	return cache;
}

static struct sea_cache *own(void)
{
	struct sea_cache *cache = sea_cache_own();
	return likely(cache->shard) ? cache : enter();
}

/* --- refill ------------------------------------------------------------------------ */

static void push(struct sea_cache *cache, unsigned c, void *block)
{
	SEA_ASSERT(sea_class_granules(c));
	SEA_ASSERT(sea_zone_of(block));
	struct sea_link *chunk = block;
	chunk->next = cache->head[c];
	chunk->mark = mark_of(chunk);
	cache->head[c] = chunk;
	cache->room[c]--;
}

static void *pop(struct sea_cache *cache, unsigned c)
{
	SEA_ASSERT(cache->head[c]);
	SEA_ASSERT(cache->head[c]->mark == mark_of(cache->head[c]));
	struct sea_link *chunk = cache->head[c];
	cache->head[c] = chunk->next;
	cache->room[c]++;
	chunk->mark = 0;
	return chunk;
}

/* Hands out the lowest chunk, and marks the next: freeing what lies behind a block is
 * the likeliest way to meet it. */
static void *pop_stock(struct sea_stock *stock, size_t size)
{
	SEA_ASSERT(stock->cur < stock->end);
	SEA_ASSERT(size > 0);
	struct sea_link *chunk = (struct sea_link *)stock->cur;
	stock->cur += size;
	if (stock->cur < stock->end)
		((struct sea_link *)stock->cur)->mark = mark_of(stock->cur);
	chunk->mark = 0;
	return chunk;
}

/* The longest piece becomes the stock's watermark, the others go on the stack, lowest
 * address on top. */
static void adopt(struct sea_cache *cache, unsigned c, const struct sea_batch *batch)
{
	SEA_ASSERT(batch->nr_pieces > 0);
	SEA_ASSERT(!cache->head[c]);
	struct sea_stock *stock = &cache->stock[c];
	size_t size = size_of_class(c);
	const struct sea_piece *last = &batch->piece[batch->nr_pieces - 1];
	stock->cur = last->start;
	stock->end = last->start + last->count * size;
	for (uint32_t i = batch->nr_pieces - 1; i-- > 0;)
		for (uint32_t j = batch->piece[i].count; j-- > 0;)
			push(cache, c, batch->piece[i].start + j * size);
}

static uint32_t next_batch(const struct sea_stock *stock, size_t size)
{
	size_t share = sea_max(stock->drawn / BATCH_SHARE, FIRST_BATCH_BYTES / size);
	return (uint32_t)sea_max(sea_min(share, LARGEST_BATCH_BYTES / size), 1);
}

/* Looking over may empty the class that is to be refilled, but not fill it. */
static void before_refill(struct sea_cache *cache)
{
	if (cache->drawn > budget(cache))
		look_over(cache);
	empty_outbox(cache);
}

static void account_refill(struct sea_cache *cache, struct sea_stock *stock, uint32_t nr_chunks, size_t size)
{
	uint32_t earned = (uint32_t)sea_min(nr_chunks, stock->left);
	stock->left -= earned;
	stock->credit += earned;
	stock->seen_room = INT32_MAX;
	stock->drawn += nr_chunks;
	cache->returned = 0;
	cache->tidied = 0;
	cache->drawn += nr_chunks * size;
	cache->net += nr_chunks * size;
	cache->peak = sea_max(cache->peak, net_bytes(cache));
	if (cache->nr_refills++ % REFILLS_PER_SAMPLE == 0) {
		sample_live(cache);
		sea_shelf_tick(&cache->shelf);
	}
}

static bool refill(struct sea_cache *cache, unsigned c)
{
	SEA_ASSERT(sea_class_granules(c));
	struct sea_stock *stock = &cache->stock[c];
	struct sea_batch batch;
	size_t size = size_of_class(c);
	before_refill(cache);
	if (!sea_shard_take(cache->shard, sea_class_granules(c), next_batch(stock, size), &batch))
		return false;
	account_refill(cache, stock, batch.nr_chunks, size);
	adopt(cache, c, &batch);
	return true;
}

/* From the stack, else from the stock; NULL: both are empty. */
SEA_INLINE void *alloc_stocked(struct sea_cache *cache, unsigned c)
{
	struct sea_stock *stock = &cache->stock[c];
	if (cache->head[c])
		return pop(cache, c);
	return stock->cur < stock->end ? pop_stock(stock, size_of_class(c)) : NULL;
}

/* One chunk for a thread without cache. */
static void *alloc_alone(unsigned nr_granules, size_t align)
{
	struct sea_link *chunk = sea_shard_take_aligned(&sea_shards[0], nr_granules, 1, align);
	if (chunk)
		chunk->mark = 0;
	return chunk;
}

void *sea_cache_alloc_run(size_t size, bool *zeroed)
{
	struct sea_cache *cache = own();
	void *run = likely(cache) ? sea_shelf_take(&cache->shelf, size) : NULL;
	return run ? run : sea_pages_alloc(size, 1, SEA_TOUCH_NOW, zeroed);
}

static void *alloc_anew(size_t size)
{
	if (size > SEA_MEDIUM_MAX)
		return sea_cache_alloc_run(size, NULL);
	struct sea_cache *cache = own();
	unsigned n = size ? sea_granules_for(size) : 1, c = sea_class_for(n);
	if (unlikely(!cache))
		return alloc_alone(n, SEA_GRANULE);
	void *block = alloc_stocked(cache, c);
	return block || !refill(cache, c) ? block : alloc_stocked(cache, c);
}

static SEA_NOINLINE void *alloc_or_scavenge(size_t size);

static SEA_NOINLINE void *alloc_medium(struct sea_cache *cache, size_t size)
{
	if (unlikely(size - 1 >= SEA_MEDIUM_MAX))
		return alloc_or_scavenge(size);
	void *block = alloc_stocked(cache, sea_class_for(sea_granules_for(size)));
	return likely(block) ? block : alloc_or_scavenge(size);
}

static SEA_NOINLINE void *alloc_or_scavenge(size_t size)
{
	if (size > PTRDIFF_MAX)
		return NULL;
	void *block = alloc_anew(size);
	if (likely(block))
		return block;
	sea_cache_scavenge();
	return alloc_anew(size);
}

/* A thread without cache has empty stocks. */
void *sea_cache_alloc_slow(size_t size)
{
	struct sea_cache *cache = sea_cache_own();
	size_t c = (size + SEA_GRANULE - 1) / SEA_GRANULE;
	if (unlikely(c - 1 >= SEA_SMALL_GRANULES))
		return alloc_medium(cache, size);
	struct sea_stock *stock = &cache->stock[c];
	if (unlikely(stock->cur >= stock->end))
		return alloc_or_scavenge(size);
	return pop_stock(stock, c * SEA_GRANULE);
}

/* Chunks of a stack that are looked at for one that is aligned by chance, or because it
 * was asked for before. */
#define ALIGNED_DEPTH 4

static bool is_aligned(const void *chunk, size_t align) { return ((uintptr_t)chunk & (align - 1)) == 0; }

/* Takes an aligned chunk from the top of a stack; NULL: there is none. */
static void *pop_aligned(struct sea_cache *cache, unsigned c, size_t align)
{
	struct sea_link **link = &cache->head[c];
	for (int i = 0; *link && i < ALIGNED_DEPTH; i++, link = &(*link)->next) {
		struct sea_link *chunk = *link;
		if (!is_aligned(chunk, align))
			continue;
		*link = chunk->next;
		cache->room[c]++;
		chunk->mark = 0;
		return chunk;
	}
	return NULL;
}

/* Chunks that an aligned refill brings: the stock takes them if it is empty, and if each
 * is aligned because the first one is. */
static unsigned aligned_batch(const struct sea_stock *stock, size_t size, size_t align)
{
	return stock->cur == stock->end && size % align == 0 ? next_batch(stock, size) : 1;
}

static void *refill_aligned(struct sea_cache *cache, unsigned c, size_t align)
{
	struct sea_stock *stock = &cache->stock[c];
	size_t size = size_of_class(c);
	unsigned count = aligned_batch(stock, size, align);
	before_refill(cache);
	char *chunk = sea_shard_take_aligned(cache->shard, sea_class_granules(c), count, align);
	if (!chunk)
		return NULL;
	account_refill(cache, stock, count, size);
	if (count > 1) {
		stock->cur = chunk;
		stock->end = chunk + count * size;
		return pop_stock(stock, size);
	}
	((struct sea_link *)chunk)->mark = 0;
	return chunk;
}

static void *alloc_cached_aligned(struct sea_cache *cache, unsigned c, size_t align)
{
	struct sea_stock *stock = &cache->stock[c];
	void *chunk = pop_aligned(cache, c, align);
	if (chunk)
		return chunk;
	if (stock->cur < stock->end && is_aligned(stock->cur, align))
		return pop_stock(stock, size_of_class(c));
	return refill_aligned(cache, c, align);
}

static void *alloc_aligned(size_t align, size_t size)
{
	if (sea_max(size, align) > SEA_ZONE_CHUNK_MAX * SEA_GRANULE)
		return sea_pages_alloc(sea_max(size, 1), align, SEA_TOUCH_NOW, NULL);
	struct sea_cache *cache = own();
	unsigned n = size ? sea_granules_for(size) : 1;
	return cache ? alloc_cached_aligned(cache, sea_class_for(n), align) : alloc_alone(n, align);
}

void *sea_cache_alloc_aligned(size_t align, size_t size)
{
	if (align <= SEA_GRANULE)
		return sea_cache_alloc(size, sea_cache_alloc_slow);
	if (size > PTRDIFF_MAX || align > PTRDIFF_MAX)
		return NULL;
	void *block = alloc_aligned(align, size);
	if (likely(block))
		return block;
	sea_cache_scavenge();
	return alloc_aligned(align, size);
}

/* --- free -------------------------------------------------------------------------- */

/* Makes room in the stack of class c; false: it may not grow. */
static SEA_NOINLINE bool grow_stack(struct sea_cache *cache, unsigned c)
{
	struct sea_stock *stock = &cache->stock[c];
	if (!stock->limit && is_clearing(cache))
		return false;
	size_t size = size_of_class(c), most = budget(cache);
	size_t left = net_bytes(cache) <= may_hold(cache) ? (most - sea_min(most, cache->granted)) / size : 0;
	uint32_t grant;
	if (stock->limit) {
		grant = (uint32_t)sea_min(sea_min(stock->credit, stock->limit), left);
		stock->credit = grant ? stock->credit - grant : 0;
	} else {
		size_t first = sea_max(sea_min(FIRST_LIMIT_BYTES / size, FIRST_LIMIT_MAX), 1);
		grant = (uint32_t)(size <= FIRST_LIMIT_BYTES ? first : sea_min(first, left));
	}
	stock->limit += grant;
	cache->granted += grant * size;
	cache->room[c] += (int32_t)grant;
	return cache->room[c] > 0;
}

/* Past the caches: the thread has none any more. */
static void send_alone(struct sea_zone *zone, unsigned g, unsigned nr_granules)
{
	struct sea_link *chunk = (struct sea_link *)sea_zone_address(zone, g);
	struct sea_shard *shard = zone->shard; /* the zone may be gone once it has the chunk */
	chunk->mark = mark_of(chunk);
	sea_shard_send(zone, g / 64, 1ull << g % 64, nr_granules);
	sea_shard_help(shard);
}

/* True if it does not take asking that a stack of class c may not grow. */
SEA_INLINE bool may_not_grow(const struct sea_stock *stock) { return !stock->credit && stock->limit; }

/* The same, and the stack may not grow. */
SEA_INLINE void leave_stack(struct sea_cache *cache, struct sea_stock *stock, void *chunk, size_t nr_granules)
{
	stock->left++;
	uint32_t lag = cache->returned < TEARDOWN_BYTES ? 0 : SEA_OUTBOX_FETCHING;
	if (unlikely(sea_outbox_post(&cache->outbox, chunk, nr_granules, lag)))
		deliver_all(cache);
}

/* A chunk of class c (0: of none) for which there is no room; it may be free already. */
static SEA_NOINLINE void overflow(struct sea_cache *cache, void *chunk, unsigned c, size_t nr_granules)
{
	struct sea_stock *stock = &cache->stock[c];
	if (c && !may_not_grow(stock) && grow_stack(cache, c)) {
		if (unlikely(((struct sea_link *)chunk)->mark == mark_of(chunk)))
			sea_mistake("free", chunk);
		push(cache, c, chunk);
		return;
	}
	leave_stack(cache, stock, chunk, nr_granules);
	if (nr_granules * SEA_GRANULE >= LETTER_MAX && cache->outbox.nr)
		deliver_all(cache);
}

static void free_chunk(struct sea_zone *zone, void *block, unsigned nr_granules)
{
	struct sea_cache *cache = own();
	unsigned c = sea_class_of(nr_granules);
	if (unlikely(!cache))
		send_alone(zone, sea_granule_of(block), nr_granules);
	else if (c && cache->room[c] > 0)
		push(cache, c, block);
	else
		overflow(cache, block, c, nr_granules);
}

/* Granules of the live chunk at `block`; 0 if there is none.  Free chunks of every kind
 * carry the mark: in a stack or a stock (K2, K3), sent back (K4), or a hole (Z7). */
static unsigned live_chunk(const struct sea_zone *zone, const void *block)
{
	if ((uintptr_t)block % SEA_GRANULE || ((const struct sea_link *)block)->mark == mark_of(block))
		return 0;
	return sea_zone_chunk_size(zone, sea_granule_of(block));
}

static void free_run(void *block)
{
	size_t size = sea_pages_size(block);
	struct sea_cache *cache = sea_cache_own();
	if (unlikely(!size))
		sea_mistake("free", block);
	if (unlikely(!cache->shard) || !sea_shelf_put(&cache->shelf, block, size))
		sea_pages_free(block);
}

void sea_cache_free_slow(void *block)
{
	if (!block)
		return;
	struct sea_zone *zone = sea_zone_of(block);
	if (likely(zone)) {
		unsigned n = live_chunk(zone, block);
		if (unlikely(!n))
			sea_mistake("free", block);
		free_chunk(zone, block, n);
	} else {
		free_run(block);
	}
}

/* The block is no small chunk that the thread's cache has a class for.  Nobody's cache is
 * shared by all who have none: counting it up again would not be exact.  Classes that hold
 * nothing have no room either. */
static SEA_NOINLINE void free_unseen(struct sea_cache *cache, void *block, size_t unseen)
{
	cache->room[unseen] = 0;
	const struct sea_zone *zone = sea_zone_of(block);
	unsigned c = likely(zone) ? sea_zone_long_class(zone, sea_granule_of(block)) : 0;
	if (unlikely(!c || !cache->shard || ((struct sea_link *)block)->mark == mark_of(block)))
		sea_cache_free_slow(block);
	else if (likely(cache->room[c] > 0))
		push(cache, c, block);
	else
		overflow(cache, block, c, sea_class_granules(c));
}

void sea_cache_free_full(void *block, size_t c)
{
	struct sea_cache *cache = sea_own.cache;
	struct sea_stock *stock = &cache->stock[c];
	if (unlikely(c - 1 >= SEA_SMALL_GRANULES || !cache->shard)) {
		free_unseen(cache, block, c);
		return;
	}
	cache->room[c]++;
	if (likely(may_not_grow(stock)))
		leave_stack(cache, stock, block, c);
	else
		overflow(cache, block, (unsigned)c, c);
}

size_t sea_cache_expect_live(const char *verb, const void *block)
{
	struct sea_zone *zone = sea_zone_of(block);
	size_t size = zone ? live_chunk(zone, block) * SEA_GRANULE : sea_pages_size(block);
	if (unlikely(!size))
		sea_mistake(verb, block);
	return size;
}

bool sea_cache_has(size_t size) { return sea_cache_own()->head[sea_class_for(sea_granules_for(size))] != NULL; }

bool sea_cache_expand(void *block, size_t size)
{
	struct sea_zone *zone = sea_zone_of(block);
	if (!zone)
		return sea_pages_resize(block, size);
	unsigned g = sea_granule_of(block);
	if (size > SEA_ZONE_SIZE - g * SEA_GRANULE)
		return false;
	unsigned from = sea_zone_chunk_size(zone, g), to = sea_granules_for(size);
	if (to <= from)
		return true;
	bool grown = sea_shard_grow(zone, g, from, to);
	if (grown && sea_cache_own()->shard)
		sea_cache_own()->net += (to - from) * SEA_GRANULE;
	return grown;
}

size_t sea_cache_good_size(size_t size)
{
	if (size <= SEA_SMALL_MAX)
		return sea_round_up(sea_max(size, 1), SEA_GRANULE);
	if (size <= SEA_MEDIUM_MAX)
		return size_of_class(sea_class_for(sea_granules_for(size)));
	return size > PTRDIFF_MAX ? 0 : sea_round_up(size, sea_os_page_size());
}

void sea_cache_settle(void)
{
	if (sea_cache_own()->shard)
		empty_outbox(sea_cache_own());
}

void sea_cache_flush(void)
{
	if (sea_cache_own()->shard)
		flush_all(sea_cache_own());
}

void sea_cache_scavenge(void)
{
	sea_cache_flush();
	for (unsigned i = 0; i < sea_shard_count(); i++)
		sea_shard_drain(&sea_shards[i]);
}

/* --- observers --------------------------------------------------------------------- */

void sea_cache_stats(struct sea_cache_stats *stats)
{
	*stats = (struct sea_cache_stats){0};
	sea_lock_take(&threads.lock);
	stats->cached = threads.lost;
	for (const struct sea_cache *cache = threads.first; cache; cache = cache->next) {
		stats->nr_threads++;
		stats->cached += cached_bytes(cache);
	}
	sea_lock_drop(&threads.lock);
}

void sea_cache_forget_others(void)
{
	sea_shelf_in_child(&sea_cache_own()->shelf);
	for (struct sea_cache *cache = threads.first, *next; cache; cache = next) {
		next = cache->next;
		if (cache == sea_cache_own())
			continue;
		threads.lost += cached_bytes(cache);
		unlink_cache(cache);
		sea_shard_leave(cache->shard);
	}
}

void sea_cache_each_lock(void (*apply)(struct sea_lock *, void *), void *context) { apply(&threads.lock, context); }
