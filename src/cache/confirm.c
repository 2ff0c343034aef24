/* SPDX-License-Identifier: MIT */
/* confirm.c - what proves that a chunk was freed
 *
 * The caller wants to free, resize or measure a chunk that carries its mark.  If the program is
 * correct, it holds the chunk until the call ends.  So the chunk is in none of these places:
 *
 *    place                                      why it is never found there if it is live
 *    ---------------------------------------    ----------------------------------------------------
 *    a hole; a chunk sent back (used, seam      The bits of a live chunk do not change.  They are
 *    and pending bits of its zone)              out of band.
 *    this thread's stack, fresh run, spill      The cache's own lists lead there.  This thread alone
 *    and outbox                                 changes them.
 *    the caches that ended threads left         The same, under the threads lock.
 *    another thread's outbox                    The box is an array out of band.  What was in it has
 *                                               been replaced since the chunk was handed out: the
 *                                               owner set `nr` to 0 before it sent the chunk, and
 *                                               counts an entry after it has written it.
 *    another thread's stack, fresh run, spill   Only if that thread did not run while we looked.
 *
 * A list through chunks can lead astray while its owner runs: a chunk may be popped, and the program
 * may write any pointer into it, before we read the link.  So we read the CPU time of the owner
 * before and after the walk.  If it is the same to the nanosecond, the owner did not run.  Our own
 * CPU time must have gone on meanwhile, or the clock is too coarse to tell.  (A thread that enters a
 * processor is seen a few cycles late at most: the second of two readings behind the walk sees it.)
 *
 * Not noticed, therefore: a chunk in the cache of a thread that keeps running, or on its way from
 * there to its zone at this moment.  And a program that puts old bytes back raises suspicions again
 * and again; after FALSE_MAX of them only the zone's bits, and what was freed last by this thread,
 * are looked at.
 */
#include "cache/confirm.h"

#include "base/os.h"
#include "page/page_alloc.h"
#include "cache/bin.h"
#include "cache/threads.h"

/* Suspicions that may come to nothing before the marks of the process count for little.  One costs
 * 5 ms at worst: a walk through 8 MiB of 16-byte chunks in address order. */
#define FALSE_MAX 64
/* Chunks of a stack that are looked at from then on. */
#define DEPTH_OF_FALSE 64
/* Before: more than a stack can hold. */
#define DEPTH_MAX (1u << 24)
/* A thread that goes to sleep after a free takes some 5 us for it: so often we look again. */
#define TRIES 2000

static uint32_t nr_false; /* suspicions that came to nothing; atomic, roughly */

struct suspect {
	const struct sea_link *chunk;
	const struct sea_zone *zone;
	unsigned granule, class; /* class 0: no cache has such chunks but in an outbox */
	uint32_t depth;		 /* chunks of a stack that are looked at */
};

/* --- the zone -------------------------------------------------------------------- */

static bool bit_of(const uint64_t *map, unsigned granule)
{
	return sea_load_relaxed(&map[granule / 64]) >> granule % 64 & 1;
}

/* Claim: no used chunk starts there, or it was sent back. */
static bool is_free_in_zone(const struct suspect *suspect)
{
	const struct sea_zone *zone = suspect->zone;
	unsigned g = suspect->granule;
	return !bit_of(zone->used, g) || !bit_of(zone->seam, g) || bit_of(zone->pending, g);
}

/* --- one cache ------------------------------------------------------------------- */

/* A link that leads into no zone is none of a stack. */
SEA_RACE_BY_DESIGN static bool is_in_stack(const struct sea_cache *cache, const struct suspect *suspect)
{
	const struct sea_link *at = sea_load_relaxed(&cache->head[suspect->class]);
	for (uint32_t i = 0; at && i < suspect->depth; i++) {
		if (at == suspect->chunk)
			return true;
		if ((uintptr_t)at % SEA_GRANULE || !sea_zone_of(at))
			return false;
		at = sea_load_relaxed(&at->next);
	}
	return false;
}

SEA_RACE_BY_DESIGN static bool is_in_fresh_run(const struct sea_cache *cache, const struct suspect *suspect)
{
	SEA_ASSERT(suspect->class < SEA_NR_CLASSES);
	const struct sea_bin *bin = &cache->bin[suspect->class];
	return (const char *)suspect->chunk >= bin->cur && (const char *)suspect->chunk < bin->end;
}

static bool is_in_spill(const struct sea_cache *cache, const struct suspect *suspect)
{
	const struct sea_spill *spill = sea_bin_spill(cache, suspect->class);
	return spill && sea_spill_has(spill, suspect->chunk);
}

SEA_RACE_BY_DESIGN static bool is_in_outbox(const struct sea_cache *cache, const struct suspect *suspect)
{
	const struct sea_outbox *box = &cache->outbox;
	uint32_t nr = sea_load_acquire(&box->nr);
	for (uint32_t i = 0; i < nr && i < SEA_OUTBOX_CHUNKS; i++)
		if (sea_load_relaxed(&box->chunk[i]) == suspect->chunk)
			return true;
	return false;
}

static bool is_listed(const struct sea_cache *cache, const struct suspect *suspect)
{
	if (!suspect->class)
		return false;
	return is_in_fresh_run(cache, suspect) || is_in_spill(cache, suspect) || is_in_stack(cache, suspect);
}

/* --- other threads ----------------------------------------------------------------- */

/* A walk that goes astray finds memory: no arena is given back meanwhile. */
static bool is_listed_by_other(const struct sea_cache *cache, const struct suspect *suspect)
{
	sea_pages_pin();
	bool found = is_listed(cache, suspect);
	sea_pages_unpin();
	return found;
}

/* Claim: the chunk is in a list of the cache, and the cache's thread did not run meanwhile. */
static bool is_surely_listed(const struct sea_cache *cache, const struct suspect *suspect)
{
	uint64_t own = sea_os_thread_time(sea_os_thread_clock());
	uint64_t before = sea_os_thread_time(cache->clock);
	bool found = is_listed_by_other(cache, suspect);
	uint64_t behind = sea_os_thread_time(cache->clock), later = sea_os_thread_time(cache->clock);
	bool is_fine_clock = sea_os_thread_time(sea_os_thread_clock()) > own;
	return found && before && is_fine_clock && before == behind && before == later;
}

static bool is_held_by_other(const struct sea_cache *cache, const struct suspect *suspect)
{
	if (is_in_outbox(cache, suspect))
		return true;
	for (int i = 0; i < TRIES && is_listed_by_other(cache, suspect); i++) {
		if (is_surely_listed(cache, suspect))
			return true;
		sea_os_yield();
	}
	return false;
}

static bool is_held(const struct sea_cache *cache, bool is_left, const void *suspect)
{
	if (cache == sea_threads_own())
		return false;
	return is_left ? is_listed(cache, suspect) : is_held_by_other(cache, suspect);
}

/* --- the door ------------------------------------------------------------------------ */

bool sea_confirm_freed(const void *chunk)
{
	const struct sea_cache *own = sea_threads_own();
	bool is_common = sea_load_relaxed(&nr_false) >= FALSE_MAX;
	struct suspect suspect = {.chunk = chunk,
				  .zone = sea_zone_of(chunk),
				  .granule = sea_granule_of(chunk),
				  .depth = is_common ? DEPTH_OF_FALSE : DEPTH_MAX};
	SEA_ASSERT(suspect.zone && sea_link_is_marked(chunk));
	if (is_free_in_zone(&suspect))
		return true;
	suspect.class = sea_class_of(sea_zone_chunk_size(suspect.zone, suspect.granule));
	if (is_in_outbox(own, &suspect) || is_listed(own, &suspect))
		return true;
	if (is_common)
		return false;
	if (sea_threads_any(is_held, &suspect))
		return true;
	sea_count_roughly(&nr_false, 1);
	return false;
}
