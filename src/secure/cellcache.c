/* SPDX-License-Identifier: MIT */
/* cellcache.c - refilled, held back, left to the next thread */
#include "secure/cellcache.h"

#include "base/check.h"
#include "base/options.h"
#include "base/os.h"
#include "base/upward.h"
#include "map/map.h"
#include "secure/untouched.h"

/* A cell above this size does not wait for others on its way out: 32 of the largest are 1 MiB, a
 * tenth of the memory of git log. */
#define OUT_SIZE_MAX SEA_KIB

/* Bytes that one refill brings at most, but one cell at least. */
#define REFILL_BYTES (8 * SEA_KIB)

/* One cell in so many times the option `guard` becomes a block apart, which takes some 10 us
 * with its free: 20,000 cells of some 100 ns each. */
#define APART_RARER 4

SEA_THREAD_LOCAL struct sea_cellcache *sea_cellcache_own;
static SEA_THREAD_LOCAL bool has_ended;
size_t sea_cellcache_live_alone;

static struct {
	struct sea_cellcache *first;
	uint32_t nr, nr_used, nr_threads_ever;
	size_t lost; /* bytes in the cell caches of threads that do not exist after a fork */
	size_t lost_live;
} all;

/* --- cells ------------------------------------------------------------------------------ */

static unsigned wanted_of(unsigned class)
{
	return (unsigned)sea_max(1, sea_min(SEA_CELLCACHE_READY, REFILL_BYTES / sea_cell_size(class)));
}

static void count_to_next(struct sea_cellcache *cache)
{
	size_t rarer = sea_max(sea_options.guard, 1) - 1; /* guard=1: none is between two */
	size_t most = sea_min(1 + 2 * APART_RARER * rarer, UINT32_MAX);
	cache->until_apart = 1 + (int64_t)sea_chance_below(&cache->chance, (uint32_t)most);
}

bool sea_cellcache_sets_apart(struct sea_cellcache *cache, unsigned class)
{
	if (!sea_options.guard || sea_os_is_confined())
		return false;
	cache->until_apart -= wanted_of(class);
	if (cache->until_apart > 0)
		return false;
	count_to_next(cache);
	return true;
}

bool sea_cellcache_refill(struct sea_cellcache *cache, unsigned class)
{
	SEA_ASSERT(!cache->nr_ready[class]);
	unsigned wanted = wanted_of(class);
	unsigned nr = sea_slabs_take(cache->shard, class, wanted, cache->ready[class]);
	SEA_ASSERT(nr <= wanted);
	sea_store_relaxed(&cache->nr_ready[class], (uint8_t)nr);
	return nr > 0;
}

void sea_cellcache_send_out(struct sea_cellcache *cache, uint32_t nr)
{
	SEA_ASSERT(nr <= SEA_CELLCACHE_OUT);
	cache->nr_out = 0;
	sea_store_relaxed(&cache->out_bytes, 0);
	sea_before_a_signal(); /* ST4 */
	sea_slabs_give(cache->out, nr);
}

/* Lets one of the held cells go, by chance. */
static void let_go(struct sea_cellcache *cache)
{
	SEA_ASSERT(cache->nr_held > 0 && cache->nr_out < SEA_CELLCACHE_OUT);
	struct sea_free_cell *chosen = &cache->held[sea_chance_below(&cache->chance, cache->nr_held)], gone = *chosen;
	SEA_ASSERT(cache->held_bytes >= gone.size);
	sea_count_own(&cache->held_bytes, -(size_t)gone.size);
	cache->nr_held--;
	sea_before_a_signal(); /* ST4 */
	sea_free_cell_store(chosen, cache->held[cache->nr_held]);
	sea_cellcache_put_out(cache, gone, gone.size > OUT_SIZE_MAX);
}

static bool holds_too_much(const struct sea_cellcache *cache)
{
	return cache->held_bytes > sea_options.secure_hold || cache->nr_held > sea_options.secure_hold_count;
}

void sea_cellcache_hold_slow(struct sea_cellcache *cache, struct sea_free_cell cell)
{
	if (unlikely(!cache)) {
		sea_slabs_give(&cell, 1);
		return;
	}
	SEA_ASSERT(cache->nr_held < SEA_CELLCACHE_HELD);
	cache->held[cache->nr_held] = cell;
	sea_before_a_signal(); /* ST4 */
	cache->nr_held++;
	sea_count_own(&cache->held_bytes, cell.size);
	while (holds_too_much(cache))
		let_go(cache);
}

/* What is purged next is not looked at any more. */
static void expect_untouched(const struct sea_cellcache *cache)
{
	for (uint32_t i = 0; i < cache->nr_held; i++) {
		char *start = sea_free_cell_start(cache->held[i]);
		sea_cell_expect_untouched(start, sea_cell_seal(start, cache->held[i].size));
	}
}

static void give_ready(struct sea_cellcache *cache, unsigned class)
{
	unsigned nr = cache->nr_ready[class];
	sea_store_relaxed(&cache->nr_ready[class], 0);
	for (unsigned i = 0; i < nr; i++) {
		char *start = cache->ready[class][i];
		struct sea_free_cell cell = sea_free_cell_of(sea_slabs_find(sea_slabs_tract(start), start));
		sea_slabs_give(&cell, 1);
	}
}

void sea_cellcache_empty(struct sea_cellcache *cache, bool everything)
{
	if (everything)
		expect_untouched(cache);
	while (everything && cache->nr_held)
		let_go(cache);
	sea_cellcache_send_out(cache, cache->nr_out);
	for (unsigned class = 0; class < SEA_CELL_CLASSES; class++)
		give_ready(cache, class);
}

/* Bytes of the cells in it.  Exact if its thread does not run. */
static size_t kept_by(const struct sea_cellcache *cache)
{
	size_t bytes = sea_load_relaxed(&cache->held_bytes) + sea_load_relaxed(&cache->out_bytes);
	for (unsigned class = 0; class < SEA_CELL_CLASSES; class++)
		bytes += sea_load_relaxed(&cache->nr_ready[class]) * sea_cell_size(class);
	return bytes;
}

/* --- threads ------------------------------------------------------------------------------- */

static void leave_again(struct sea_cellcache *cache)
{
	SEA_ASSERT(cache->is_used);
	sea_secure_take(SEA_SECURE_LOCK_THREADS);
	cache->is_used = false;
	sea_secure_drop(SEA_SECURE_LOCK_THREADS);
}

static void leave(void *argument)
{
	struct sea_cellcache *cache = argument;
	has_ended = true;
	sea_cellcache_own = NULL;
	if (sea_lock_holds_any())
		return; /* the thread ends the process */
	sea_secure_take(SEA_SECURE_LOCK_THREADS);
	bool is_kept = all.nr - all.nr_used < SEA_SECURE_SHARDS;
	SEA_ASSERT(all.nr_used > 0 && all.nr_used <= all.nr);
	all.nr_used--;
	sea_secure_drop(SEA_SECURE_LOCK_THREADS);
	if (!is_kept)
		sea_cellcache_empty(cache, true);
	leave_again(cache);
}

/* The threads lock. */
static struct sea_cellcache *find_unused(void)
{
	SEA_ASSERT(sea_secure_holds(SEA_SECURE_LOCK_THREADS));
	struct sea_cellcache *cache = all.first;
	while (cache && cache->is_used)
		cache = cache->next;
	return cache;
}

/* The threads lock. */
static struct sea_cellcache *add(void)
{
	struct sea_cellcache *cache = sea_meta_alloc_pages(sizeof(*cache));
	if (!cache)
		return NULL;
	cache->chance.state = sea_os_random();
	count_to_next(cache);
	cache->next = all.first;
	all.first = cache;
	all.nr++;
	return cache;
}

struct sea_cellcache *sea_cellcache_enter(void)
{
	SEA_ASSERT(!sea_cellcache_own);
	if (has_ended || sea_lock_holds_any())
		return NULL;
	sea_secure_take(SEA_SECURE_LOCK_THREADS);
	struct sea_cellcache *cache = find_unused();
	if (!cache)
		cache = add();
	if (cache) {
		cache->is_used = true;
		cache->shard = all.nr_threads_ever++ % SEA_SECURE_SHARDS;
		all.nr_used++;
	}
	sea_secure_drop(SEA_SECURE_LOCK_THREADS);
	sea_cellcache_own = cache;
	SEA_LEAVES_HERE();
	if (cache)
		sea_os_at_thread_exit(leave, cache);
	return cache;
}

/* Takes a cell cache that no thread uses.  NULL: there is none with cells. */
static struct sea_cellcache *take_left(void)
{
	sea_secure_take(SEA_SECURE_LOCK_THREADS);
	struct sea_cellcache *cache = all.first;
	while (cache && (cache->is_used || !kept_by(cache)))
		cache = cache->next;
	if (cache)
		cache->is_used = true;
	sea_secure_drop(SEA_SECURE_LOCK_THREADS);
	return cache;
}

void sea_cellcache_empty_left(void)
{
	for (struct sea_cellcache *cache; (cache = take_left());) {
		sea_cellcache_empty(cache, true);
		leave_again(cache);
	}
}

struct sea_cellcache_sums sea_cellcache_sum(void)
{
	sea_secure_take(SEA_SECURE_LOCK_THREADS);
	struct sea_cellcache_sums sums = {all.nr_used, all.lost, all.lost_live + sea_load_relaxed(&sea_cellcache_live_alone)};
	for (const struct sea_cellcache *cache = all.first; cache; cache = cache->next) {
		sums.kept += kept_by(cache);
		sums.live += sea_load_relaxed(&cache->live);
	}
	sea_secure_drop(SEA_SECURE_LOCK_THREADS);
	return sums;
}

void sea_cellcache_retreat(void)
{
	has_ended = true;
	sea_cellcache_own = NULL;
}

/* A cell cache of another thread may have been in the middle of a change. */
void sea_cellcache_forget_others(void)
{
	struct sea_cellcache *own = NULL;
	for (struct sea_cellcache *cache = all.first, *next; cache; cache = next) {
		next = cache->next;
		if (cache == sea_cellcache_own || !cache->is_used) {
			cache->next = own;
			own = cache;
			continue;
		}
		all.lost += kept_by(cache);
		all.lost_live += cache->live;
		all.nr--;
	}
	all.first = own;
	/* Others may have been between counting themselves out and leaving. */
	all.nr_used = sea_cellcache_own != NULL;
	if (sea_cellcache_own)
		sea_cellcache_own->chance.state ^= sea_os_random();
}

bool sea_cellcache_is_sound(void)
{
	const struct sea_cellcache *cache = sea_cellcache_own;
	size_t held = 0, out = 0;
	if (!cache)
		return true;
	for (uint32_t i = 0; i < cache->nr_held; i++) {
		char *start = sea_free_cell_start(cache->held[i]);
		if (sea_slabs_find(sea_slabs_tract(start), start).size != cache->held[i].size)
			return false;
		held += cache->held[i].size;
	}
	for (uint32_t i = 0; i < cache->nr_out; i++)
		out += cache->out[i].size;
	return held == cache->held_bytes && out == cache->out_bytes && cache->nr_held < SEA_CELLCACHE_HELD &&
	       cache->nr_out < SEA_CELLCACHE_OUT;
}
