/* SPDX-License-Identifier: MIT */
/* cache.h - per-thread caches: deferred coalescing
 *
 *    free(p) --> stack of p's class --> malloc()       most blocks go no further
 *                      | no room
 *                      v
 *                one bit in the zone, merged later, in bulk
 *
 * A thread's cache has a stack of free chunks for each class, linked through the chunks.  To their
 * zone these chunks are still used.  A stack grows only if a pattern recurs (growth.c).
 *
 * The mark.  The second word of a free chunk holds a value that depends on its address.  malloc()
 * clears it.  A second free() finds the mark and checks whether the chunk is really free
 * (confirm.h).
 *
 * The fast paths are complete in this file; all other code is in functions that are not inlined.
 * Fast paths write only what the thread owns.  They also read the seams of the chunk at hand,
 * which do not change while the thread owns the chunk.
 */
#ifndef SEA_CACHE_H
#define SEA_CACHE_H

#include "base/kind.h"
#include "map/map.h"
#include "cache/bin.h"
#include "cache/threads.h"

_Static_assert(SEA_CLASS_MEDIUM > 64, "what a seam word may show is below the medium classes");

SEA_NOINLINE void *sea_cache_alloc_slow(size_t size);
SEA_COLD void sea_cache_free_slow(void *block);

/* The same after room[c] was counted down: for unseen and full, it is below 0; for marked, the
 * chunk has a mark.  `unseen` is for chunks longer than their seam word shows.  The caller has the
 * last two arguments in registers: the mark of a free chunk at this address, and its cache. */
SEA_NOINLINE void sea_cache_free_unseen(void *block, size_t c, uintptr_t mark, struct sea_cache *cache);
SEA_NOINLINE void sea_cache_free_full(void *block, size_t c, uintptr_t mark, struct sea_cache *cache);
SEA_COLD void sea_cache_free_marked(void *block, size_t c);

/* For a free that says a size: checks it, then does what the first or the second of these does. */
SEA_NOINLINE void sea_cache_free_told(void *block, size_t c, uintptr_t mark, struct sea_cache *cache, size_t told);

/* 16 instructions on x86-64, two branches.  Prefetches the next chunk.  NULL: the slow path may
 * find a chunk. */
SEA_INLINE void *sea_cache_pop(size_t size)
{
	size_t class = (size + SEA_GRANULE - 1) / SEA_GRANULE;
	sea_compute_now(class);
	if (unlikely(class >= sea_own.nr_classes))
		return NULL;
	struct sea_cache *cache = sea_own.cache;
	struct sea_link *chunk = cache->head[class];
	if (unlikely(!chunk))
		return NULL;
	struct sea_link *next = chunk->next;
	__builtin_prefetch(next, 1);
	cache->head[class] = next;
	sea_before_a_signal(); /* K7 */
	cache->room[class]++;
	chunk->mark = 0;
	return chunk;
}

/* Takes from the stack of a small class, else from its fresh run.  NULL: both are empty. */
SEA_INLINE void *sea_cache_pop_small(struct sea_cache *cache, unsigned c)
{
	if (!cache->head[c]) {
		if (unlikely(cache->bin[c].cur >= cache->bin[c].end))
			return NULL;
		sea_bin_stack_fresh(cache, c);
	}
	return sea_bin_pop(cache, c);
}

/* The same for a larger class, whose fresh chunks do not go on the stack. */
SEA_INLINE void *sea_cache_pop_medium(struct sea_cache *cache, unsigned c)
{
	SEA_ASSERT(sea_class_granules(c) > 0);
	struct sea_bin *bin = &cache->bin[c];
	if (cache->head[c])
		return sea_bin_pop(cache, c);
	return likely(bin->cur < bin->end) ? sea_bin_pop_fresh(bin, sea_class_size(c)) : NULL;
}

SEA_INLINE void *sea_cache_pop_bin(struct sea_cache *cache, unsigned c)
{
	return c <= SEA_SMALL_GRANULES ? sea_cache_pop_small(cache, c) : sea_cache_pop_medium(cache, c);
}

/* What sea_cache_pop() cannot serve: fresh runs and medium sizes. */
SEA_INLINE void *sea_cache_pop_more(size_t size)
{
	size_t n = (size + SEA_GRANULE - 1) / SEA_GRANULE;
	if (unlikely(!sea_threads_is_ready()))
		return NULL;
	if (n - (SEA_SMALL_GRANULES + 1) < SEA_MEDIUM_GRANULES - SEA_SMALL_GRANULES)
		return sea_cache_pop_medium(sea_own.cache, sea_class_for_long((unsigned)n));
	if (likely(n - 1 < SEA_SMALL_GRANULES))
		return sea_cache_pop_small(sea_own.cache, (unsigned)n);
	return NULL;
}

/* Takes the top chunk of any class if it is aligned: by chance, or since an aligned request
 * brought it. */
SEA_INLINE void *sea_cache_pop_aligned(size_t align, size_t size)
{
	size_t n = (size + SEA_GRANULE - 1) / SEA_GRANULE;
	if (unlikely(n - 1 >= SEA_MEDIUM_GRANULES || !sea_threads_is_ready()))
		return NULL;
	struct sea_cache *cache = sea_own.cache;
	unsigned c = sea_class_for((unsigned)n);
	struct sea_link *chunk = cache->head[c];
	return chunk && ((uintptr_t)chunk & (align - 1)) == 0 ? sea_bin_pop(cache, c) : NULL;
}

/* malloc and operator new share this.  `slow` serves what the stack cannot. */
SEA_INLINE void *sea_cache_alloc(size_t size, void *(*slow)(size_t size))
{
	void *block = sea_cache_pop(size);
	return likely(block) ? block : slow(size);
}

/* What the seam map tells about a block. */
struct sea_view {
	size_t nr_granules; /* by sea_seam_distance(): the class of a small chunk */
	uintptr_t mark;     /* the block's mark, if it is free */
};

/* Looks at one of the map's first nr_bits bits.  False if the block's bit is not one of them: for
 * NULL, and for a pointer that is not aligned, which the rotation makes large. */
SEA_INLINE bool sea_cache_look_at(uintptr_t nr_bits, const void *block, struct sea_view *view)
{
	size_t at = sea_rotate_right((uintptr_t)block, SEA_GRANULE_SHIFT) - sea_load_constant(&sea_seams_first);
	if (unlikely(at >= nr_bits))
		return false;
	const char *seams = sea_load_constant(&sea_seams);
	view->nr_granules = sea_seam_distance(seams, at);
	view->mark = sea_mark_of(block, seams);
	return true;
}

/* 25 instructions on x86-64, three branches.  A pointer to no chunk, or to a chunk that is too
 * large for a stack, leads to a class without room, and its memory is not read.  The slow path
 * corrects the count. nr_bits is sea_seams_nr or 0.  told: the size that the caller says, or
 * SEA_SIZE_UNTOLD.  False: the block is behind these bits, and nothing was done; or the caller
 * asks for_chunks only, and no chunk starts there. */
SEA_INLINE bool sea_cache_free_within(uintptr_t nr_bits, void *block, size_t told, bool for_chunks)
{
	struct sea_cache *cache = sea_own.cache;
	struct sea_link *chunk = block;
	struct sea_view view;
	if (unlikely(!sea_cache_look_at(nr_bits, block, &view)))
		return false;
	size_t class = view.nr_granules;
	if (unlikely(sea_count_down(&cache->room[class]))) {
		if (for_chunks && unlikely(!class)) {
			/* other threads without cache do the same */
			sea_store_relaxed(&cache->room[0], 0);
			return false;
		}
		if (told != SEA_SIZE_UNTOLD)
			sea_cache_free_told(block, class, view.mark, cache, told);
		else if (class == SEA_UNSEEN)
			sea_cache_free_unseen(block, class, view.mark, cache);
		else
			sea_cache_free_full(block, class, view.mark, cache);
		return true;
	}
	if (unlikely(chunk->mark == view.mark)) {
		sea_cache_free_marked(block, class);
		return true;
	}
	chunk->next = cache->head[class];
	chunk->mark = view.mark;
	sea_before_a_signal(); /* K7 */
	cache->head[class] = chunk;
	return true;
}

SEA_INLINE void sea_cache_free(void *block)
{
	if (unlikely(!sea_cache_free_within(sea_load_constant(&sea_seams_nr), block, SEA_SIZE_UNTOLD, false)))
		sea_cache_free_slow(block);
}

/* Bytes of a live small chunk, for its owner; 0 if `block` is none. */
SEA_INLINE size_t sea_cache_small_size(const void *block)
{
	struct sea_view view;
	if (unlikely(!sea_cache_look_at(sea_load_constant(&sea_seams_nr), block, &view)))
		return 0;
	const struct sea_link *chunk = block;
	if (view.nr_granules - 1 >= SEA_SMALL_GRANULES || unlikely(chunk->mark == view.mark))
		return 0;
	return view.nr_granules * SEA_GRANULE;
}

/* Claim: realloc() may leave a block of `usable` bytes as it is for `size`. */
SEA_INLINE bool sea_cache_fits(size_t usable, size_t size)
{
	if (size > usable)
		return false;
	return size >= usable / 2 || usable <= 4 * SEA_GRANULE;
}

/* A medium block above this size is a run of pages, unless the thread has freed one of its class
 * and did not allocate it again.  A block of 132 KiB costs 4 KiB of bitmaps in a zone, and 300
 * bytes as a run.  Blocks that recur are faster from a stack. */
#define SEA_RUN_LEAST (SEA_MEDIUM_MAX / 2)

/* For calloc: allocates more than SEA_RUN_LEAST bytes.  *zeroed is set if they read as zero. */
void *sea_cache_alloc_large(size_t size, bool *zeroed);

/* Allocates any size.  The contents are undefined.  NULL: out of memory. */
void *sea_cache_alloc_aligned(size_t align, size_t size);

/* The usable size of a live block.  Ends the process if `block` is none.  `verb` is what the
 * program tried to do with it. */
size_t sea_cache_expect_live(const char *verb, const void *block);

/* Ends the process if the block is not live, or has less than the `told` bytes with which it is
 * freed.  A good size of what it has is allowed: a guarded block may be as short as its request.
 * A block that has more is no mistake for certain: realloc() may have left it as it was.  Does
 * nothing if the thread holds a lock: it would take another. */
void sea_cache_expect_room(const void *block, size_t told);

/* Claim: the calling thread's stack has a chunk for 1 to SEA_MEDIUM_MAX bytes. */
bool sea_cache_has(size_t size);

/* Makes a live block `size` bytes or longer in place. */
bool sea_cache_expand(void *block, size_t size);

/* The usable size of the block that a request gets. */
size_t sea_cache_good_size(size_t size);

/* Sends the calling thread's outbox and marks the chunks that wait for it.  This notices a double
 * free. */
void sea_cache_send_waiting(void);

/* Sends everything in the calling thread's cache. */
void sea_cache_send_all(void);

/* Purges free memory until at most `keep` bytes of it are left, wherever it is, except in the
 * caches of other threads.  Returns the bytes that were purged.  The caller holds no lock.  Cost:
 * all free memory, in steps. */
size_t sea_cache_trim(size_t keep);

/* For when memory runs out: sends the caches of the calling thread and of ended threads, and
 * merges everything that is pending. */
SEA_COLD void sea_cache_merge_all(void);

#endif
