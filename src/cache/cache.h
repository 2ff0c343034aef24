/* SPDX-License-Identifier: MIT */
/* cache.h - per-thread caches: deferred coalescing
 *
 *    free(p) --> stack of p's class --> malloc()       most blocks never go further
 *                      | no room
 *                      v
 *                one bit in the zone, merged later, in bulk
 *
 * A thread's cache has a stack of free chunks for each class, linked through the
 * chunks; to their zone they are still used.  A stack grows only by proven
 * recurrence (growth.c).
 *
 * The mark.  The second word of a free chunk holds a value that depends on its
 * address, and is wiped when the chunk is handed out: a second free() finds it, and
 * asks whether it is what it seems (confirm.h).
 *
 * The fast paths below are whole; everything else is behind calls that are not inlined.
 * They read and write only what the thread owns, and read the seams of the chunk at hand,
 * which do not change while its owner has it.
 */
#ifndef SEA_CACHE_H
#define SEA_CACHE_H

#include "map/map.h"
#include "cache/bin.h"
#include "cache/threads.h"

_Static_assert(SEA_CLASS_MEDIUM > 64, "what a seam word may show is below the medium classes");

SEA_NOINLINE void *sea_cache_alloc_slow(size_t size);
SEA_COLD void sea_cache_free_slow(void *block);

/* The same after the room of class c has been counted down: below 0, or the chunk has a mark.  `mark`
 * is what the chunk carries if it is free: the caller has it in a register. */
SEA_NOINLINE void sea_cache_free_full(void *block, size_t c, uintptr_t mark);
SEA_COLD void sea_cache_free_marked(void *block, size_t c);

/* 16 instructions on x86-64, two branches; the chunk that will be next is fetched.  NULL:
 * the slow path may have one. */
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
	cache->room[class]++;
	chunk->mark = 0;
	return chunk;
}

/* From the stack of class c, else from its fresh run; NULL: both are empty. */
SEA_INLINE void *sea_cache_pop_bin(struct sea_cache *cache, unsigned c)
{
	struct sea_bin *bin = &cache->bin[c];
	if (cache->head[c])
		return sea_bin_pop(cache, c);
	return likely(bin->cur < bin->end) ? sea_bin_pop_fresh(bin, sea_class_size(c)) : NULL;
}

/* For what sea_cache_pop() has left over: what is in a bin, or longer. */
SEA_INLINE void *sea_cache_pop_more(size_t size)
{
	size_t n = (size + SEA_GRANULE - 1) / SEA_GRANULE;
	if (unlikely(!sea_threads_is_ready()))
		return NULL;
	if (n - (SEA_SMALL_GRANULES + 1) < SEA_MEDIUM_GRANULES - SEA_SMALL_GRANULES)
		return sea_cache_pop_bin(sea_own.cache, sea_class_for_long((unsigned)n));
	if (likely(n - 1 < SEA_SMALL_GRANULES))
		return sea_cache_pop_bin(sea_own.cache, (unsigned)n);
	return NULL;
}

/* The same for any size, if the chunk on top is aligned by chance, or because it was asked
 * for before. */
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

/* What it cannot serve it leaves to `slow`, so that malloc and operator new share it. */
SEA_INLINE void *sea_cache_alloc(size_t size, void *(*slow)(size_t size))
{
	void *block = sea_cache_pop(size);
	return likely(block) ? block : slow(size);
}

/* What the seam map shows of a block. */
struct sea_view {
	size_t nr_granules; /* as sea_seam_distance() has it: the class of a small chunk */
	uintptr_t mark;     /* that it has if it is free */
};

/* Looks at so many bits of the map.  False for NULL, for a pointer that is not aligned (the
 * rotation makes it large) and for one whose bit is beyond them. */
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

/* 25 instructions on x86-64, three branches.  A pointer to no chunk and a chunk too large for
 * a stack lead to a class without room, and are not read.  The slow path puts right what the
 * count lost.  nr_bits is sea_seams_nr or 0; `beyond` takes what lies behind these bits. */
SEA_INLINE void sea_cache_free_within(uintptr_t nr_bits, void *block, void (*beyond)(void *block))
{
	struct sea_cache *cache = sea_own.cache;
	struct sea_link *chunk = block;
	struct sea_view view;
	if (unlikely(!sea_cache_look_at(nr_bits, block, &view))) {
		beyond(block);
		return;
	}
	size_t class = view.nr_granules;
	if (unlikely(sea_count_down(&cache->room[class]))) {
		sea_cache_free_full(block, class, view.mark);
		return;
	}
	if (unlikely(chunk->mark == view.mark)) {
		sea_cache_free_marked(block, class);
		return;
	}
	chunk->next = cache->head[class];
	chunk->mark = view.mark;
	cache->head[class] = chunk;
}

SEA_INLINE void sea_cache_free(void *block)
{
	sea_cache_free_within(sea_load_constant(&sea_seams_nr), block, sea_cache_free_slow);
}

/* Bytes of a live small chunk, for its owner; 0: `block` is none. */
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

/* A medium block above this is a run of pages, and not a chunk of a zone, unless the thread has
 * freed one of its class that was not asked for since.  The bitmaps of a zone cost 4 KiB a block of 132
 * KiB, those of a run 300 bytes; what comes back is better off in the stacks. */
#define SEA_RUN_LEAST (128 * SEA_KIB)

/* More than SEA_RUN_LEAST bytes; *zeroed is set if they read as zero. */
void *sea_cache_alloc_large(size_t size, bool *zeroed);

/* Any size; contents undefined; NULL: no memory. */
void *sea_cache_alloc_aligned(size_t align, size_t size);

/* Ends the process unless `block` is a live block.  `verb` is what the program
 * wanted to do to it.  Returns its usable size. */
size_t sea_cache_expect_live(const char *verb, const void *block);

/* Claim: the calling thread has a chunk for 1 to SEA_MEDIUM_MAX bytes at hand. */
bool sea_cache_has(size_t size);

/* Makes a live block `size` bytes or longer in place. */
bool sea_cache_expand(void *block, size_t size);

/* The usable size that a request gets. */
size_t sea_cache_good_size(size_t size);

/* Sends what the calling thread has in its outbox, and looks at what it was going to look at
 * later: a block that was freed twice is noticed. */
void sea_cache_send_waiting(void);

/* Sends everything that the calling thread has cached back. */
void sea_cache_send_all(void);

/* Gives free memory back until at most `keep` bytes of it are left, wherever it lies but for the
 * caches of other threads; returns how many went.  No lock may be held.  Cost: all that is free, in
 * steps. */
size_t sea_cache_trim(size_t keep);

/* When memory has run out: sends everything back that the calling thread has cached, and
 * what ended threads left, and merges all that was sent back by anyone. */
SEA_COLD void sea_cache_merge_all(void);

#endif
