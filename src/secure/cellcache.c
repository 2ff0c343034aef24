/* SPDX-License-Identifier: MIT */
/* cellcache.c - refilled, held back, left to the next thread */
#include "secure/cellcache.h"

#include "base/check.h"
#include "base/options.h"
#include "base/os.h"
#include "base/upward.h"
#include "map/map.h"
#include "secure/untouched.h"

#define CLASS_SHIFT 56
_Static_assert(SEA_ADDRESS_BITS <= CLASS_SHIFT, "an address and a class fit in a word");

/* Bytes that one refill brings at most, but one cell at least. */
#define REFILL_BYTES (8 * SEA_KIB)

SEA_THREAD_LOCAL struct sea_cellcache *sea_cellcache_own;
static SEA_THREAD_LOCAL bool has_ended;
size_t sea_cellcache_live_alone;

static struct {
	struct sea_cellcache *first;
	uint32_t nr, nr_used, nr_threads_ever;
	size_t lost; /* bytes in the cell caches of threads that do not exist after a fork */
	size_t lost_live;
} all;

static uint64_t pack(unsigned class, const char *cell) { return (uint64_t)class << CLASS_SHIFT | (uintptr_t)cell; }
static unsigned class_in(uint64_t entry) { return (unsigned)(entry >> CLASS_SHIFT); }
static char *cell_in(uint64_t entry) { return (char *)(entry & ((1ull << CLASS_SHIFT) - 1)); }

/* --- cells ------------------------------------------------------------------------------ */

bool sea_cellcache_refill(struct sea_cellcache *cache, unsigned class)
{
	size_t size = sea_cell_size(class);
	SEA_ASSERT(!cache->nr_ready[class]);
	unsigned wanted = (unsigned)sea_max(1, sea_min(SEA_CELLCACHE_READY, REFILL_BYTES / size));
	unsigned nr = sea_slabs_take(cache->shard, class, wanted, cache->ready[class]);
	cache->nr_ready[class] = (uint8_t)nr;
	SEA_ASSERT(nr <= wanted);
	sea_count_own(&cache->ready_bytes, nr * size);
	return nr > 0;
}

static void send_out(struct sea_cellcache *cache)
{
	SEA_ASSERT(cache->nr_out <= SEA_CELLCACHE_OUT && cache->ready_bytes >= cache->out_bytes);
	sea_count_own(&cache->ready_bytes, -cache->out_bytes);
	sea_slabs_give(cache->out, cache->nr_out);
	cache->nr_out = 0;
	cache->out_bytes = 0;
}

/* Lets one of the held cells go, by chance. */
static void let_go(struct sea_cellcache *cache)
{
	SEA_ASSERT(cache->nr_held > 0 && cache->nr_out < SEA_CELLCACHE_OUT);
	uint32_t i = sea_chance_below(&cache->chance, cache->nr_held);
	uint64_t entry = cache->held[i];
	size_t size = sea_cell_size(class_in(entry));
	SEA_ASSERT(cache->held_bytes >= size);
	cache->held[i] = cache->held[--cache->nr_held];
	sea_count_own(&cache->held_bytes, -size);
	sea_count_own(&cache->ready_bytes, size);
	cache->out_bytes += size;
	cache->out[cache->nr_out++] = cell_in(entry);
	if (cache->nr_out == SEA_CELLCACHE_OUT)
		send_out(cache);
}

static bool holds_too_much(const struct sea_cellcache *cache)
{
	return cache->held_bytes > sea_options.secure_hold || cache->nr_held > sea_options.secure_hold_count;
}

void sea_cellcache_hold(struct sea_cellcache *cache, unsigned class, char *cell)
{
	if (unlikely(!cache)) {
		sea_slabs_give(&cell, 1);
		return;
	}
	SEA_ASSERT(cache->nr_held < SEA_CELLCACHE_HELD);
	cache->held[cache->nr_held++] = pack(class, cell);
	sea_count_own(&cache->held_bytes, sea_cell_size(class));
	while (holds_too_much(cache))
		let_go(cache);
}

/* What is purged next is not looked at any more. */
static void expect_untouched(const struct sea_cellcache *cache)
{
	for (uint32_t i = 0; i < cache->nr_held; i++) {
		size_t size = sea_cell_size(class_in(cache->held[i]));
		sea_cell_expect_untouched(cell_in(cache->held[i]), sea_cell_seal(cell_in(cache->held[i]), size));
	}
}

void sea_cellcache_empty(struct sea_cellcache *cache, bool everything)
{
	if (everything)
		expect_untouched(cache);
	while (everything && cache->nr_held)
		let_go(cache);
	send_out(cache);
	for (unsigned class = 0; class < SEA_CELL_CLASSES; class++) {
		unsigned nr = cache->nr_ready[class];
		cache->nr_ready[class] = 0;
		sea_count_own(&cache->ready_bytes, -(nr * sea_cell_size(class)));
		sea_slabs_give(cache->ready[class], nr);
	}
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
	while (cache && (cache->is_used || !(cache->held_bytes | cache->ready_bytes)))
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
		sums.kept += sea_load_relaxed(&cache->held_bytes) + sea_load_relaxed(&cache->ready_bytes);
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
		all.lost += cache->held_bytes + cache->ready_bytes;
		all.lost_live += cache->live;
		all.nr--;
	}
	all.first = own;
	/* Others may have been between counting themselves out and leaving. */
	all.nr_used = sea_cellcache_own != NULL;
	if (sea_cellcache_own)
		sea_cellcache_own->chance.state ^= sea_os_random();
}

static size_t bytes_of(char *const *cells, unsigned nr)
{
	size_t bytes = 0;
	for (unsigned i = 0; i < nr; i++)
		bytes += sea_slabs_find(sea_slabs_tract(cells[i]), cells[i]).size;
	return bytes;
}

bool sea_cellcache_is_sound(void)
{
	const struct sea_cellcache *cache = sea_cellcache_own;
	size_t held = 0, ready = 0;
	if (!cache)
		return true;
	for (uint32_t i = 0; i < cache->nr_held; i++)
		held += sea_cell_size(class_in(cache->held[i]));
	for (unsigned class = 0; class < SEA_CELL_CLASSES; class++)
		ready += cache->nr_ready[class] * sea_cell_size(class);
	ready += bytes_of(cache->out, cache->nr_out);
	if (bytes_of(cache->out, cache->nr_out) != cache->out_bytes)
		return false;
	return held == cache->held_bytes && ready == cache->ready_bytes && cache->nr_held < SEA_CELLCACHE_HELD;
}
