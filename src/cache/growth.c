/* SPDX-License-Identifier: MIT */
/* growth.c - how much a bin may hold
 *
 * A stack grows only if a pattern recurs:
 *
 *    a chunk finds no room       bin->left counts it, and it leaves the cache
 *    a refill brings n chunks    adds min(n, left) of credit: the thread needs what it had sent
 *    a later chunk finds no room spends credit: the limit grows, and the chunk stays
 *
 * So a mass of frees goes to the bitmaps, and only chunks that return build a large stack.
 *
 * A bin from which the thread has drawn nothing keeps nothing.  The chunks that it frees were
 * drawn by other threads and may share a cache line with blocks that those still use (passive
 * false sharing: Berger et al., Hoard).
 *
 * A stack grows only while the thread holds little more, caches included, than was live at its
 * peak.  If the chunks of a large stack are scattered, a spill grows instead (spill.h).  Three
 * limits bound all bins together: the thread's budget (usage.h), the room that all threads share,
 * and what was live.
 */
#include "base/step.h"
#include "cache/bin.h"

#include "map/map.h"
#include "cache/send.h"

/* A class starts with room for 4 KiB; a class of larger chunks with room for one.  Small classes
 * start with room for SEA_STACKED_BYTES more: fresh chunks on the stack take room that freed ones
 * would have (10,000 blocks of 16 to 900 bytes in random order: 2 % more instructions). */
#define FIRST_LIMIT_BYTES (4 * SEA_STACKED_BYTES)

/* Bytes by which the limits may grow. */
static size_t grantable(const struct sea_usage *usage)
{
	size_t most = sea_usage_budget(usage);
	if (sea_usage_net(usage) > sea_usage_may_hold(usage))
		return 0;
	return sea_min(most - sea_min(most, usage->granted), sea_budget_cache_room());
}

/* A stack of this size takes half or more of a processor's own caches.  It is checked when it is
 * about to grow, to twice its size at most. */
#define SCATTERED_LEAST (512 * SEA_KIB)
/* Two chunks at this distance share no page. */
#define SCATTERED_STEP SEA_LEAST_PAGE

/* Claim: the stack is large, and most chunks on its top are far from the next one.  Then each
 * malloc() waits for a cache miss to learn the next chunk. */
static bool is_scattered(const struct sea_cache *cache, unsigned c)
{
	unsigned nr_far = 0;
	if (c >= SEA_SPILL_CLASSES || cache->bin[c].limit * sea_class_size(c) < SCATTERED_LEAST)
		return false;
	const struct sea_link *chunk = sea_bin_expect(cache->head[c], NULL);
	for (unsigned i = 0; i < SEA_SEARCH_DEPTH && chunk; i++) {
		const struct sea_link *below = sea_bin_below(chunk);
		nr_far += below && (uintptr_t)chunk - (uintptr_t)below + SCATTERED_STEP > 2 * SCATTERED_STEP;
		chunk = below;
	}
	return nr_far > SEA_SEARCH_DEPTH / 2;
}

/* By how many chunks the limit of a class may grow: at most to twice itself, at most by `left`.
 * If it may not grow, the credit is lost. */
static uint32_t spend_credit(struct sea_bin *bin, size_t limit, size_t left)
{
	SEA_ASSERT(limit > 0);
	uint32_t grant = (uint32_t)sea_min(sea_min(bin->credit, limit), left);
	bin->credit = grant ? bin->credit - grant : 0;
	return grant;
}

/* A class of chunks above FIRST_LIMIT_BYTES keeps its first when it has drawn more than so many:
 * small programs draw two or three of many classes and never again.  Peak of `python3 -c pass`
 * 7760 -> 7468 KiB without files, of JSON in Python with PYTHONMALLOC=malloc 11928 -> 11000 (12008
 * with two, 10980 with eight). */
#define FIRST_LARGE_DRAWN 4

/* The first limit of a class, in chunks.  Small classes get it even if nothing is left to grant.
 * A large class gets it when its chunks recur. */
static uint32_t first_limit(const struct sea_bin *bin, size_t size, size_t left)
{
	if (size > FIRST_LIMIT_BYTES)
		return bin->drawn > FIRST_LARGE_DRAWN && left > 0;
	size_t stacked = size <= SEA_SMALL_MAX ? SEA_STACKED_BYTES / size : 0;
	return (uint32_t)(FIRST_LIMIT_BYTES / size + stacked);
}

/* Lets the spill of class c hold `grant` more chunks.  False: out of memory. */
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

bool sea_bin_grow(struct sea_cache *cache, unsigned c)
{
	struct sea_bin *bin = &cache->bin[c];
	struct sea_usage *usage = &cache->usage;
	SEA_ASSERT(cache->shard && sea_class_granules(c));
	SEA_ASSERT(cache->room[c] <= 0);
	bin->seen_room = SEA_BIN_HAS_MOVED;
	bin->is_shut = bin->limit || !bin->drawn || sea_usage_is_clearing(usage);
	if (!bin->limit && bin->is_shut)
		return false;
	size_t size = sea_class_size(c);
	size_t left = grantable(usage) / size;
	const struct sea_spill *spill = sea_bin_spill(cache, c);
	size_t limit = bin->limit + (spill ? spill->limit : 0);
	uint32_t grant = bin->limit ? spend_credit(bin, limit, left) : first_limit(bin, size, left);
	bool spills = is_scattered(cache, c);
	if (!grant || (spills && !widen_spill(cache, c, grant)))
		return false;
	bin->is_shut = 0;
	sea_usage_grant(usage, grant * size);
	if (spills)
		return false;
	bin->limit += grant;
	sea_before_a_signal(); /* K7 */
	cache->room[c] += (int32_t)grant;
	return cache->room[c] > 0;
}

void sea_bins_tighten(struct sea_cache *cache)
{
	for (unsigned c = 1; c < SEA_NR_CLASSES; c++) {
		struct sea_spill *spill = sea_bin_spill(cache, c);
		if (spill)
			sea_usage_revoke(&cache->usage, sea_spill_tighten(spill) * sea_class_size(c));
		if (cache->room[c] <= 0)
			continue;
		uint32_t room = (uint32_t)cache->room[c];
		SEA_ASSERT(room <= cache->bin[c].limit); /* K1 */
		cache->room[c] = 0;
		sea_before_a_signal(); /* K7 */
		cache->bin[c].limit -= room;
		sea_usage_revoke(&cache->usage, room * sea_class_size(c));
		cache->bin[c].is_shut = 0;
	}
}
