/* SPDX-License-Identifier: MIT */
/* cache.c - what the fast paths cannot serve
 *
 * An allocation is served from the stack, else from the bin, else by a refill.  When memory runs
 * out, it is tried again after everything cached or pending was merged.  A freed chunk goes on the
 * stack if there is room or the stack may grow, else into the spill or the outbox.  A run of pages
 * comes from the parked run or the page allocator, and goes there.
 */
#include "cache/cache.h"

#include "base/check.h"
#include "base/emergency.h"
#include "base/lock.h"
#include "base/os.h"
#include "base/step.h"
#include "page/limit.h"
#include "guard/guard.h"
#include "page/page_alloc.h"
#include "secure/secure.h"
#include "heap/mistake.h"
#include "heap/reclaim.h"
#include "named/named.h"
#include "cache/send.h"
#include "cache/bin.h"
#include "cache/idle.h"

/* The calling thread's cache.  NULL: it cannot have one. */
static struct sea_cache *own(void)
{
	struct sea_cache *cache = sea_threads_own();
	return likely(cache->shard) ? cache : sea_threads_enter();
}

/* Marks the chunks that wait for it (K5). */
static SEA_NOINLINE void resume(struct sea_cache *cache)
{
	SEA_ASSERT(cache->shard);
	sea_send_waiting(cache);
	sea_usage_resume(&cache->usage);
	sea_threads_resume();
}

/* own() for code that takes from a stack or makes room in it. */
static struct sea_cache *own_ready(void)
{
	struct sea_cache *cache = own();
	if (unlikely(!sea_own.nr_classes) && cache)
		resume(cache);
	return cache;
}

/* --- malloc ------------------------------------------------------------------------ */

/* Takes one chunk from any shard.  For a thread without cache, or if its shard can get no zone. */
static void *alloc_alone(unsigned c, size_t align)
{
	SEA_ASSERT(sea_class_granules(c) > 0);
	struct sea_batch batch;
	struct sea_link *chunk = NULL;
	for (unsigned i = 0; i < sea_shard_count() && !chunk; i++)
		if (sea_shard_take_aligned(&sea_shards[i], sea_class_granules(c), 1, align, &batch))
			chunk = (struct sea_link *)batch.piece[0].start;
	if (chunk)
		chunk->mark = 0;
	return chunk;
}

/* Clears a mark that old bytes may hold at the run's start.  The program may never write there and
 * shrink the run into a chunk; that chunk may start at the address for which the mark was made. */
SEA_INLINE void *unmarked(void *run, bool is_zero)
{
	if (run && !is_zero)
		((struct sea_link *)run)->mark = 0;
	return run;
}

SEA_INLINE void *alloc_run(size_t size, enum sea_touch touch, bool *zeroed)
{
	struct sea_cache *cache = own();
	void *run = likely(cache) ? sea_parked_take(&cache->parked, size) : NULL;
	if (!run)
		run = sea_pages_alloc(size, 1, touch, zeroed);
	return unmarked(run, *zeroed);
}

static unsigned class_of(size_t size) { return sea_class_for(size ? sea_granules_for(size) : 1); }

/* The thread has drawn so many chunks that one allocation is to be guarded.  NULL: not this
 * one. */
SEA_COLD static void *alloc_guarded(struct sea_cache *cache, size_t size)
{
	cache->to_guard = sea_guard_distance();
	return sea_guard_alloc(sea_guard_keeps_sizes() ? sea_cache_good_size(size) : size);
}

/* Serves from the bin of class c, which is empty. */
static void *alloc_by_refill(struct sea_cache *cache, unsigned c, size_t size)
{
	void *block = NULL;
	if (!sea_bin_refill(cache, c))
		return NULL;
	if (unlikely(cache->to_guard <= 0))
		block = alloc_guarded(cache, size);
	return likely(!block) ? sea_cache_pop_bin(cache, c) : block;
}

/* *zeroed: the block is known to read as zero. */
static void *alloc_anew(size_t size, enum sea_touch touch, bool *zeroed)
{
	*zeroed = false;
	if (size > SEA_MEDIUM_MAX)
		return alloc_run(size, touch, zeroed);
	struct sea_cache *cache = own_ready();
	unsigned c = class_of(size);
	if (unlikely(!cache))
		return alloc_alone(c, SEA_GRANULE);
	void *block = sea_cache_pop_bin(cache, c);
	if (!block && size > SEA_RUN_LEAST && !cache->bin[c].left)
		return alloc_run(sea_class_size(c), touch, zeroed);
	return block ? block : alloc_by_refill(cache, c, size);
}

void *sea_cache_alloc_large(size_t size, bool *zeroed) { return alloc_anew(size, SEA_TOUCH_CLEAR, zeroed); }

void *sea_cache_alloc_slow(size_t size)
{
	if (size > PTRDIFF_MAX)
		return NULL;
	bool zeroed;
	void *block = alloc_anew(size, SEA_TOUCH_NOW, &zeroed);
	if (likely(block)) {
		sea_idle_look();
		return block;
	}
	sea_cache_merge_all();
	block = alloc_anew(size, SEA_TOUCH_NOW, &zeroed);
	return block || size > SEA_MEDIUM_MAX ? block : alloc_alone(class_of(size), SEA_GRANULE);
}

/* --- aligned ----------------------------------------------------------------------- */

static bool is_aligned(const void *chunk, size_t align)
{
	SEA_ASSERT((uintptr_t)chunk % SEA_GRANULE == 0);
	SEA_ASSERT(sea_is_power_of_two(align));
	return ((uintptr_t)chunk & (align - 1)) == 0;
}

/* Takes an aligned chunk near the top of a stack.  NULL: there is none. */
static void *pop_aligned(struct sea_cache *cache, unsigned c, size_t align)
{
	struct sea_link **link = &cache->head[c], *above = NULL;
	for (int i = 0; *link && i < SEA_SEARCH_DEPTH; i++, link = &above->next) {
		struct sea_link *chunk = sea_bin_expect(*link, above);
		above = chunk;
		if (!is_aligned(chunk, align))
			continue;
		SEA_ASSERT(sea_link_is_marked(chunk));
		*link = sea_bin_below(chunk);
		sea_before_a_signal(); /* K7 */
		cache->room[c]++;
		chunk->mark = 0;
		return chunk;
	}
	return NULL;
}

static void *alloc_cached_aligned(struct sea_cache *cache, unsigned c, size_t align)
{
	struct sea_bin *bin = &cache->bin[c];
	void *chunk = pop_aligned(cache, c, align);
	if (!chunk && !cache->head[c] && sea_bin_unspill(cache, c))
		chunk = pop_aligned(cache, c, align);
	if (chunk)
		return chunk;
	if (bin->cur < bin->end && is_aligned(bin->cur, align))
		return sea_bin_pop_fresh(bin, sea_class_size(c));
	return sea_bin_refill_aligned(cache, c, align) ? pop_aligned(cache, c, align) : NULL;
}

static void *alloc_aligned_run(size_t align, size_t size)
{
	bool zeroed = false;
	void *run = sea_pages_alloc(sea_max(size, 1), align, SEA_TOUCH_NOW, &zeroed);
	return unmarked(run, zeroed);
}

static void *alloc_aligned(size_t align, size_t size)
{
	if (sea_max(size, align) > SEA_ZONE_CHUNK_MAX * SEA_GRANULE)
		return alloc_aligned_run(align, size);
	struct sea_cache *cache = own_ready();
	unsigned c = class_of(size);
	return cache ? alloc_cached_aligned(cache, c, align) : alloc_alone(c, align);
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
	sea_cache_merge_all();
	return alloc_aligned(align, size);
}

/* --- free -------------------------------------------------------------------------- */

/* Sends a chunk for a thread that has no cache any more. */
static void send_alone(struct sea_zone *zone, unsigned g, unsigned nr_granules)
{
	SEA_ASSERT(!sea_threads_own()->shard);
	struct sea_link *chunk = (struct sea_link *)sea_zone_address(zone, g);
	struct sea_shard *shard = zone->shard; /* once the zone has the chunk, it may be freed */
	SEA_ASSERT(nr_granules > 0 && sea_zone_of(chunk) == zone);
	chunk->mark = sea_link_mark(chunk);
	sea_shard_send(zone, g / 64, 1ull << g % 64, nr_granules);
	sea_shard_merge_some(shard);
	if (!sea_lock_holds_any())
		sea_reclaim(SEA_NOW_AND_THEN); /* a merge purges nothing */
}

/* Puts a used chunk into the spill of a full stack.  False: another region has its bucket. */
SEA_INLINE bool spill(struct sea_spill *spill, void *chunk)
{
	sea_threads_hold_back();
	return sea_spill_put(spill, chunk);
}

/* Checks the mark of a chunk that leaves. */
SEA_COLD static void leave_marked(struct sea_cache *cache, struct sea_bin *bin, void *chunk, size_t nr_granules);

/* The stack has no room and may not grow: the chunk goes into the outbox. */
SEA_INLINE void leave_stack(struct sea_cache *cache, struct sea_bin *bin, void *chunk, size_t nr_granules)
{
	SEA_ASSERT(cache->shard);
	SEA_ASSERT(nr_granules > 0);
	bool waits = sea_usage_is_tearing_down(&cache->usage);
	if (unlikely(!waits && sea_link_is_marked(chunk))) {
		leave_marked(cache, bin, chunk, nr_granules);
		return;
	}
	bin->left++;
	if (waits)
		sea_threads_hold_back();
	bool is_full = waits ? sea_outbox_fetch(&cache->outbox, chunk, nr_granules)
			     : sea_outbox_mark_and_add(&cache->outbox, chunk, nr_granules);
	if (unlikely(is_full) || unlikely(nr_granules >= cache->waits_below))
		sea_send_and_merge(cache);
}

static void leave_marked(struct sea_cache *cache, struct sea_bin *bin, void *chunk, size_t nr_granules)
{
	sea_link_unmark(chunk);
	leave_stack(cache, bin, chunk, nr_granules);
}

/* Puts a chunk of class c (0: no class) into the spill.  False: there is no room. */
static bool spills(struct sea_cache *cache, void *chunk, unsigned c)
{
	struct sea_spill *beside = sea_bin_spill(cache, c);
	return beside && beside->room && spill(beside, chunk);
}

/* Makes room for a chunk of class c (0: no class) in its stack or spill.  It may be free
 * already. */
static SEA_NOINLINE bool finds_room(struct sea_cache *cache, void *chunk, unsigned c)
{
	if (spills(cache, chunk, c))
		return true;
	if (!c || !sea_bin_grow(cache, c))
		return spills(cache, chunk, c);
	own_ready();
	if (unlikely(sea_link_is_marked(chunk)))
		sea_link_unmark(chunk);
	sea_bin_push(cache, c, chunk);
	return true;
}

/* A chunk of class c (0: no class) finds no room.  It may be free already.  As long as the spill
 * has room, the class is not shut. */
static SEA_NOINLINE void overflow(struct sea_cache *cache, void *chunk, unsigned c, size_t nr_granules)
{
	struct sea_bin *bin = &cache->bin[c];
	SEA_ASSERT(!c || sea_class_granules(c) == nr_granules);
	SEA_ASSERT(cache->room[c] <= 0);
	if (unlikely(!bin->is_shut) && finds_room(cache, chunk, c))
		return;
	leave_stack(cache, bin, chunk, nr_granules);
}

static void free_chunk(struct sea_zone *zone, void *block, unsigned nr_granules)
{
	struct sea_cache *cache = own();
	unsigned c = sea_class_of(nr_granules);
	if (unlikely(!cache))
		send_alone(zone, sea_granule_of(block), nr_granules);
	else if (c && cache->room[c] > 0)
		sea_bin_push(cache, c, block);
	else
		overflow(cache, block, c, nr_granules);
}

/* Granules of the live chunk at `block`; 0 if there is none.  All free chunks have the mark: in a
 * stack or a fresh run (K2, K3), sent (K4), or in a hole (Z7). */
static unsigned live_chunk(const struct sea_zone *zone, const void *block)
{
	if ((uintptr_t)block % SEA_GRANULE || (sea_link_is_marked(block) && sea_confirm_freed(block)))
		return 0;
	return sea_zone_chunk_size(zone, sea_granule_of(block));
}

/* Claim: the block belonged to a heap object, and is freed now. */
static SEA_NOINLINE bool free_named(void *block)
{
	struct sea_named *named = sea_named_of(block);
	if (named)
		sea_named_free(named, block);
	return named;
}

static void free_run(void *block)
{
	size_t size;
	struct page *run = sea_pages_run(block, &size);
	struct sea_cache *cache = sea_threads_own();
	if (unlikely(!run && sea_named_any() && free_named(block)))
		return;
	if (unlikely(!size)) {
		if (sea_guard_has(block))
			sea_guard_free(block);
		else if (!sea_emergency_size(block))
			sea_mistake("free", block);
		return;
	}
	if (size <= SEA_MEDIUM_MAX && cache->shard)
		cache->bin[sea_class_for(sea_granules_for(size))].left++;
	if (unlikely(!cache->shard) || !sea_parked_put(&cache->parked, block, run, size))
		sea_pages_free(block);
}

/* Checks everything, and sends the block where it belongs. */
static SEA_NOINLINE void free_checked(void *block)
{
	if (sea_lock_holds_any())
		return;
	struct sea_zone *zone = sea_zone_of(block);
	if (likely(zone)) {
		if (unlikely(zone->is_apart) && free_named(block))
			return;
		unsigned n = live_chunk(zone, block);
		if (unlikely(!n) && free_named(block)) /* of a heap that was made in a block */
			return;
		if (unlikely(!n))
			sea_mistake("free", block);
		((struct sea_link *)block)->mark = 0; /* a false mark */
		free_chunk(zone, block, n);
	} else {
		free_run(block);
	}
}

void sea_cache_free_slow(void *block)
{
	if (!block)
		return;
	if (!sea_secure_is_on())
		free_checked(block);
	else if (sea_named_has(block))
		free_named(block);
	else if (unlikely(!sea_secure_free(block, SEA_KIND_PLAIN, SEA_SIZE_UNTOLD)))
		free_checked(block);
}

/* A chunk of class c finds a full stack, or the thread has no cache.  A chunk that will not wait
 * in the outbox is read at once. */
SEA_INLINE void free_without_room(struct sea_cache *cache, void *block, unsigned c)
{
	unsigned nr_granules = sea_class_granules(c);
	if (unlikely(!cache->shard || (nr_granules >= SEA_WAITS_BELOW && sea_link_is_marked(block))))
		sea_cache_free_slow(block);
	else
		overflow(cache, block, c, nr_granules);
}

/* A chunk of class c (0: no class), or a pointer to no chunk, that the fast path could not free.
 * A chunk for which there is no room is not read here: in a teardown it is cold
 * (leave_stack()). */
SEA_INLINE void free_long(struct sea_cache *cache, void *block, unsigned c, uintptr_t mark)
{
	if (unlikely(!c))
		sea_cache_free_slow(block);
	else if (unlikely(cache->room[c] <= 0))
		free_without_room(cache, block, c);
	else if (likely(((struct sea_link *)block)->mark != mark))
		sea_bin_push_marked(cache, c, block, mark);
	else
		sea_cache_free_slow(block);
}

/* The block is not a small chunk, or the thread has no cache: its seams show `shown` granules.
 * All threads without cache share one, so counting its room up again would not be exact.  Classes
 * without a size have no room either. */
static SEA_NOINLINE void free_shown(struct sea_cache *cache, void *block, size_t shown, uintptr_t mark)
{
	sea_store_relaxed(&cache->room[shown], 0); /* other threads without cache do the same */
	free_long(cache, block, shown > SEA_SMALL_GRANULES ? sea_class_of((unsigned)shown) : 0, mark);
}

void sea_cache_free_marked(void *block, size_t c)
{
	sea_own.cache->room[c]++;
	sea_cache_free_slow(block);
}

/* A chunk of class c finds a full stack whose spill has room. */
static SEA_NOINLINE void free_spilling(struct sea_cache *cache, void *block, size_t c)
{
	SEA_ASSERT(c > 0 && cache->shard);
	cache->room[c]++;
	if (unlikely(!spill(cache->spill[c], block)))
		leave_stack(cache, &cache->bin[c], block, c);
}

void sea_cache_free_unseen(void *block, size_t c, uintptr_t mark, struct sea_cache *cache)
{
	SEA_ASSERT(c == SEA_UNSEEN);
	cache->room[c] = 0;
	free_long(cache, block, sea_zone_class_in(sea_seams_start_of(block)), mark);
}

/* The class is not shut.  The cases: a full stack with a spill that has room; not a small chunk,
 * or one of a thread without cache; a stack that may grow. */
static SEA_NOINLINE void free_open(struct sea_cache *cache, void *block, size_t c, uintptr_t mark)
{
	struct sea_spill *spill = sea_bin_spill(cache, c);
	if (spill && spill->room) {
		free_spilling(cache, block, c);
	} else if (c - 1 >= SEA_SMALL_GRANULES || unlikely(!cache->shard)) {
		free_shown(cache, block, c, mark);
	} else {
		cache->room[c]++;
		overflow(cache, block, (unsigned)c, c);
	}
}

/* A class that is shut is a small one, and its spill is full. */
void sea_cache_free_full(void *block, size_t c, uintptr_t mark, struct sea_cache *cache)
{
	struct sea_bin *bin = &cache->bin[c];
	if (unlikely(!bin->is_shut)) {
		free_open(cache, block, c, mark);
		return;
	}
	SEA_ASSERT(c - 1 < SEA_SMALL_GRANULES && cache->shard);
	cache->room[c]++;
	leave_stack(cache, bin, block, c);
}

void sea_cache_free_told(void *block, size_t c, uintptr_t mark, struct sea_cache *cache, size_t told)
{
	size_t nr_granules = c == SEA_UNSEEN ? sea_class_granules(sea_zone_class_in(sea_seams_start_of(block))) : c;
	if (unlikely(told > nr_granules * SEA_GRANULE))
		sea_cache_expect_room(block, told);
	if (c == SEA_UNSEEN)
		sea_cache_free_unseen(block, c, mark, cache);
	else
		sea_cache_free_full(block, c, mark, cache);
}

static SEA_NOINLINE size_t expect_long(const char *verb, const void *block)
{
	struct sea_zone *zone = sea_zone_of(block);
	struct sea_named *named = unlikely(sea_named_any()) ? sea_named_of(block) : NULL;
	if (unlikely(named))
		return sea_named_size(named, verb, block);
	size_t size = zone ? live_chunk(zone, block) * SEA_GRANULE : sea_pages_size(block);
	if (unlikely(!size))
		size = sea_guard_has(block) ? sea_guard_size(block) : sea_emergency_size(block);
	if (unlikely(!size))
		sea_mistake(verb, block);
	return size;
}

size_t sea_cache_expect_live(const char *verb, const void *block)
{
	size_t size = sea_cache_small_size(block);
	return likely(size) ? size : expect_long(verb, block);
}

void sea_cache_expect_room(const void *block, size_t told)
{
	if (sea_lock_holds_any())
		return;
	size_t usable = sea_cache_expect_live("free", block);
	if (unlikely(told > usable && told > sea_cache_good_size(usable)))
		sea_mistake_size(block, told, usable);
}

/* --- questions, and memory that runs out --------------------------------------------- */

bool sea_cache_has(size_t size)
{
	SEA_ASSERT(size > 0 && size <= SEA_MEDIUM_MAX);
	return sea_threads_own()->head[sea_class_for(sea_granules_for(size))] != NULL;
}

bool sea_cache_expand(void *block, size_t size)
{
	struct sea_zone *zone = sea_zone_of(block);
	if (unlikely(sea_named_any() && sea_named_of(block)))
		return false;
	if (!zone)
		return sea_pages_resize(block, size);
	unsigned g = sea_granule_of(block);
	if (size > SEA_ZONE_SIZE - g * SEA_GRANULE)
		return false;
	unsigned from = sea_zone_chunk_size(zone, g), to = sea_granules_for(size);
	SEA_ASSERT(from > 0);
	if (to <= from)
		return true;
	if (to > SEA_ZONE_CHUNK_MAX)
		return false;
	bool grown = sea_shard_extend(zone, g, from, to);
	if (grown && sea_threads_own()->shard)
		sea_threads_own()->usage.net += (to - from) * SEA_GRANULE;
	return grown;
}

size_t sea_cache_good_size(size_t size)
{
	if (size <= SEA_SMALL_MAX)
		return sea_round_up(sea_max(size, 1), SEA_GRANULE);
	if (size <= SEA_MEDIUM_MAX)
		return sea_class_size(sea_class_for(sea_granules_for(size)));
	return size > PTRDIFF_MAX ? 0 : sea_round_up(size, sea_page_size());
}

void sea_cache_send_waiting(void)
{
	if (sea_threads_own()->shard)
		resume(sea_threads_own());
}

void sea_cache_send_all(void)
{
	if (sea_threads_own()->shard) {
		sea_send_all(sea_threads_own());
		sea_send_purge_spills(sea_threads_own());
	}
}

static size_t trim_shard(struct sea_shard *shard, size_t keep)
{
	size_t bytes = sea_reclaim_shard(shard, keep);
	while (sea_reclaim_metadata(shard))
		;
	return bytes;
}

static size_t purge_all(size_t keep)
{
	size_t bytes = sea_pages_purge_free(keep);
	for (unsigned i = 0; i < sea_shard_count(); i++)
		bytes += trim_shard(&sea_shards[i], keep);
	for (unsigned i = 0; i < sea_apart_count(); i++)
		bytes += trim_shard(sea_apart_at(i), keep);
	return bytes + sea_pages_purge_free(keep); /* zones that were empty are free pages now */
}

static void merge_all(void)
{
	sea_cache_send_all();
	sea_threads_send_left();
	for (unsigned i = 0; i < sea_shard_count(); i++)
		sea_shard_merge(&sea_shards[i]);
	sea_named_merge_all();
}

void sea_cache_merge_all(void)
{
	merge_all();
	if (sea_limit_is_set())
		purge_all(0);
}

size_t sea_cache_trim(size_t keep)
{
	sea_budget_end_of_work();
	merge_all();
	return purge_all(keep);
}
