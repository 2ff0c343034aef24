/* SPDX-License-Identifier: MIT */
/* cache.h - per-thread caches: deferred coalescing (layer 8)
 *
 *    free(p) --> stack of p's class --> malloc()       most blocks never go further
 *                      | no room
 *                      v
 *                one bit in the zone, merged later, in bulk
 *
 * A thread's cache has a stack of free chunks for each class, linked through the
 * chunks; to their zone they are still used.  A stack grows only by proven
 * recurrence (Stock, in cache.c).
 *
 * The mark.  The second word of a free chunk holds a value that depends on its
 * address, and is wiped when the chunk is handed out: a second free() finds it.
 *
 * The fast paths below are whole; everything else is behind the two calls that end
 * in _slow.  They read and write only what the thread owns, and read the seams of
 * the chunk at hand, which do not change while its owner has it.
 */
#ifndef SEA_CACHE_H
#define SEA_CACHE_H

#include <string.h>

#include "outbox.h"
#include "seam.h"
#include "seammap.h"
#include "shelf.h"

/* What a class knows beyond its stack. */
struct sea_stock {
	char *cur, *end;  /* chunks that were never handed out, side by side */
	uint32_t drawn;	  /* chunks refilled since the class was last emptied */
	uint32_t limit;	  /* chunks that the stack may hold */
	uint32_t left;	  /* chunks that left by overflow, not yet answered by a refill */
	uint32_t credit;  /* by how many chunks the limit may grow */
	uint32_t seen_left; /* `left` at the last look */
	int32_t seen_room;  /* room at the last look; or none that could be, after a refill */
};

struct sea_cache {
	struct sea_link *head[SEA_NR_CLASSES]; /* stacks */
	int32_t room[SEA_NR_CLASSES];	       /* chunks that a stack still takes; others read it */
	struct sea_shard *shard;
	struct sea_cache *next, **link;	       /* threads lock: list of all caches */
	size_t drawn;			       /* bytes refilled since the last look */
	size_t sent;			       /* bytes sent back since the last help */
	size_t returned;		       /* bytes sent back since the last refill */
	size_t tidied;			       /* what `returned` is to reach before the thread tidies up again */
	size_t net;			       /* bytes refilled less bytes sent back, ever; may wrap */
	size_t peak;			       /* the largest net of late */
	size_t peak_live;		       /* the largest net of late, without what was cached then */
	uint32_t nr_refills;
	size_t granted;			       /* bytes that all limits together allow */
	struct sea_shelf shelf;
	struct sea_stock stock[SEA_NR_CLASSES];
	struct sea_outbox outbox;
};

/* Where a cache starts: a thread that has small chunks only, and sends none back, needs
 * memory for the first half. */
#define SEA_CACHE_ALIGN ((size_t)4096)

_Static_assert(SEA_CLASS_MEDIUM > 64, "what a seam word may show is below the medium classes");
_Static_assert(sizeof(struct sea_link) <= SEA_GRANULE, "the smallest chunk holds a link");
_Static_assert(sizeof(struct sea_cache) <= 2 * SEA_CACHE_ALIGN, "two pages a thread");
_Static_assert(offsetof(struct sea_cache, stock[SEA_SMALL_GRANULES + 1]) <= SEA_CACHE_ALIGN, "small classes: the first");

/* The cache of a thread that has none: it never holds anything, so that free() need not
 * ask whether there is one. */
extern SEA_HIDDEN struct sea_cache sea_cache_nobody;

/* What a thread finds its cache by.  malloc() looks at nr_classes before it looks at the
 * cache: a thread's variables read as zero at first, and the dynamic linker may call us
 * before it has given them their initial values. */
struct sea_own {
	struct sea_cache *cache; /* initially `nobody` */
	size_t nr_classes;	 /* that the fast path may serve: 0 for a thread without cache */
};
extern SEA_HIDDEN SEA_THREAD_LOCAL struct sea_own sea_own;

SEA_INLINE struct sea_cache *sea_cache_own(void)
{
	return likely(sea_own.cache) ? sea_own.cache : &sea_cache_nobody;
}

SEA_NOINLINE void *sea_cache_alloc_slow(size_t size);
SEA_COLD void sea_cache_free_slow(void *block);

/* The same after the room of class c has been counted down below 0. */
SEA_NOINLINE void sea_cache_free_full(void *block, size_t c);

/* 15 instructions on x86-64, two branches.  NULL: the slow path may have one. */
SEA_INLINE void *sea_cache_pop(size_t size)
{
	size_t class = (size + SEA_GRANULE - 1) / SEA_GRANULE;
	sea_settle(class);
	if (unlikely(class >= sea_own.nr_classes))
		return NULL;
	struct sea_cache *cache = sea_own.cache;
	struct sea_link *chunk = cache->head[class];
	if (unlikely(!chunk))
		return NULL;
	cache->head[class] = chunk->next;
	cache->room[class]++;
	chunk->mark = 0;
	return chunk;
}

/* What it cannot serve it leaves to `slow`, so that malloc and operator new share it. */
SEA_INLINE void *sea_cache_alloc(size_t size, void *(*slow)(size_t size))
{
	void *block = sea_cache_pop(size);
	return likely(block) ? block : slow(size);
}

/* 25 instructions on x86-64, three branches.  NULL, a pointer that is not aligned (the
 * rotation makes it large) and one that the seam map does not describe fail the first
 * test; a pointer to no chunk and a chunk too large for a stack lead to a class without
 * room, and are not read.  The slow path puts right what the count lost. */
SEA_INLINE void sea_cache_free(void *block)
{
	struct sea_cache *cache = sea_own.cache;
	size_t at = sea_rotate_right((uintptr_t)block, SEA_GRANULE_SHIFT) - sea_load_settled(&sea_seams_first);
	if (unlikely(at >= sea_load_settled(&sea_seams_nr))) {
		sea_cache_free_slow(block);
		return;
	}
	const char *seams = sea_load_settled(&sea_seams);
	size_t class = sea_seam_distance(seams, at);
	uintptr_t mark = sea_mark_of(block, seams);
	struct sea_link *chunk = block;
	if (unlikely(sea_count_down(&cache->room[class]))) {
		sea_cache_free_full(block, class);
		return;
	}
	if (unlikely(chunk->mark == mark)) {
		sea_cache_free_slow(block);
		return;
	}
	chunk->next = cache->head[class];
	chunk->mark = mark;
	cache->head[class] = chunk;
}

/* More than SEA_MEDIUM_MAX bytes; *zeroed (may be NULL) tells whether they read as zero. */
void *sea_cache_alloc_run(size_t size, bool *zeroed);

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

/* Sends what the calling thread has in its outbox: a block there that was freed twice is
 * noticed. */
void sea_cache_settle(void);

/* Sends everything that the calling thread has cached back. */
void sea_cache_flush(void);

/* When memory has run out: sends everything that the calling thread has cached back,
 * and merges all that was sent back by anyone. */
SEA_COLD void sea_cache_scavenge(void);

struct sea_cache_stats {
	size_t nr_threads; /* that have a cache */
	size_t cached;	   /* bytes in them, and in those that a fork left behind; exact while they do
			      not move */
};
void sea_cache_stats(struct sea_cache_stats *stats);

/* In the child of a fork: other threads are gone, and so is what they had cached. */
void sea_cache_forget_others(void);

struct sea_lock;
void sea_cache_each_lock(void (*apply)(struct sea_lock *lock, void *context), void *context);

#endif
