/* SPDX-License-Identifier: MIT */
/* confirm.c - what proves that a chunk was freed
 *
 * The caller wants to free, resize or measure a chunk that has its mark.  If the program is
 * correct, it holds the chunk until the call ends.  So the chunk is in none of these places:
 *
 *    place                                      why a live chunk is never found there
 *    ----------------------------------------   --------------------------------------------------
 *    a hole; a pending chunk (used, seam and    The bits of a live chunk do not change.  They are
 *    pending bits of its zone)                  out of band.
 *    this thread's stack, fresh run, spill      The cache's own lists lead there.  Only this
 *    and outbox                                 thread changes them.
 *    the caches that ended threads left         The same, under the threads lock.
 *    another thread's outbox                    The box is an array out of band.  Its old entries
 *                                               cannot be found: the owner sets `nr` to 0 before
 *                                               it sends a chunk, and counts a new entry after it
 *                                               has written it.
 *    another thread's stack, fresh run, spill   Only if that thread did not run while we looked.
 *
 * While the owner of a list runs, a walk may go astray: the owner may pop a chunk, and the program
 * may write any pointer into it before we read the link.  So we read the CPU time of the owner
 * before and after the walk.  If it is equal to the nanosecond, the owner did not run.
 * Our own CPU time must have advanced meanwhile, or the clock is too coarse.  (The kernel
 * sees a thread enter a processor at most a few cycles late; the second of two readings
 * after the walk covers that.)
 *
 * So two kinds of freed chunks are not noticed: those in the cache of a thread that keeps running,
 * and those on their way from there to their zone.  A program that copies old bytes back causes
 * suspicions again and again.  After FALSE_MAX of them, only the zone's bits, this thread's outbox
 * and the top of its lists are checked.
 */
#include "cache/confirm.h"

#include "base/os.h"
#include "page/page_alloc.h"
#include "cache/bin.h"
#include "cache/threads.h"

/* After so many false suspicions in the process, marks count for little.  One costs 5 ms at worst:
 * a walk through 8 MiB of 16-byte chunks in address order. */
#define FALSE_MAX 64
/* Chunks of a stack that are checked after that. */
#define DEPTH_OF_FALSE 64
/* Chunks that are checked before that: more than a stack can hold. */
#define DEPTH_MAX (1u << 24)
/* Walks of another thread's list before we give up.  A thread that goes to sleep after a free
 * needs some 5 us. */
#define TRIES 2000

static uint32_t nr_false; /* false suspicions; atomic, not exact */

struct suspect {
	const struct sea_link *chunk;
	const struct sea_zone *zone;
	unsigned granule, class; /* class 0: only an outbox can have the chunk */
	uint32_t depth;		 /* chunks of a stack to check */
};

/* --- the zone -------------------------------------------------------------------- */

static bool bit_of(const uint64_t *map, unsigned granule)
{
	return sea_load_relaxed(&map[granule / 64]) >> granule % 64 & 1;
}

/* Claim: no used chunk starts there, or it is pending. */
static bool is_free_in_zone(const struct suspect *suspect)
{
	const struct sea_zone *zone = suspect->zone;
	unsigned g = suspect->granule;
	return !bit_of(zone->used, g) || !bit_of(zone->seam, g) || bit_of(zone->pending, g);
}

/* --- one cache ------------------------------------------------------------------- */

/* A link that leads to no zone ends the walk: it is not part of the stack. */
SEA_RACE_BY_DESIGN static bool is_in_stack(const struct sea_cache *cache, const struct suspect *suspect)
{
	SEA_ASSERT(suspect->class > 0 && suspect->class < SEA_NR_CLASSES);
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

/* A walk that goes astray must find memory, so no arena is released meanwhile. */
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
