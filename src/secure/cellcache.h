/* SPDX-License-Identifier: MIT */
/* cellcache.h - a thread's cell cache: cells to hand out, and cells that it freed
 *
 *    free(p) --> held, up to 256 of them --> out --> slabs --> ready --> malloc()
 *                one leaves by chance        32                16 of a class
 *
 * A freed cell stays held until chance chooses it, so nobody can foresee when its address is used
 * again.  All cells here are free and sealed so; what they hold was cleared.
 *
 * ST1  nr_ready[c] cells of class c are in ready[c], and each is free.
 * ST2  The first nr_held entries of `held` are free cells, `held_bytes` long together.
 * ST3  The first nr_out entries of `out` are free cells, `out_bytes` long together.
 * ST4  At each instruction: no cell is in two of the lists, and nr_out is below SEA_CELLCACHE_OUT.
 *      So the child of a fork by a signal handler can allocate and free, wherever the signal came.
 *
 * No lock: a cell cache belongs to its thread.  A thread that ends leaves it to the next one.
 */
#ifndef SEA_CELLCACHE_H
#define SEA_CELLCACHE_H

#include "base/options.h"
#include "secure/slabs.h"

/* Cells of a class that are ready, at most. */
#define SEA_CELLCACHE_READY 16
/* Room for held cells: more than the option secure_hold_count allows. */
#define SEA_CELLCACHE_HELD 1024
/* Cells that go back to the slabs together. */
#define SEA_CELLCACHE_OUT 32

struct sea_cellcache {
	struct sea_chance chance;
	uint32_t shard;
	uint32_t nr_held, nr_out;
	size_t held_bytes; /* other threads read it */
	size_t out_bytes;  /* the same */
	size_t live;	   /* bytes asked for by the thread, less those it freed; the same */
	struct sea_cellcache *next; /* all of them; the threads lock */
	bool is_used;		/* by a thread; the same */
	int64_t until_apart; /* cells to draw until a block gets pages of its own */
	uint8_t nr_ready[SEA_CELL_CLASSES]; /* other threads read them, too */
	char *ready[SEA_CELL_CLASSES][SEA_CELLCACHE_READY];
	struct sea_free_cell out[SEA_CELLCACHE_OUT];
	struct sea_free_cell held[SEA_CELLCACHE_HELD];
};

/* NULL: the thread has none yet, or has ended. */
extern SEA_HIDDEN SEA_THREAD_LOCAL struct sea_cellcache *sea_cellcache_own;

/* What sea_cellcache_note_live() counts for threads without a cell cache. */
extern SEA_HIDDEN size_t sea_cellcache_live_alone;

/* Makes one for the calling thread.  NULL: it cannot have one. */
struct sea_cellcache *sea_cellcache_enter(void);

SEA_INLINE struct sea_cellcache *sea_cellcache_of_thread(void)
{
	return likely(sea_cellcache_own) ? sea_cellcache_own : sea_cellcache_enter();
}

/* Brings cells of a class, of which none is ready.  False: out of memory. */
bool sea_cellcache_refill(struct sea_cellcache *cache, unsigned class);

/* Claim: the block that a refill is for shall get pages of its own instead.  Chance has chosen
 * it, as rarely as the option `guard` says; guard=1: in each refill. */
bool sea_cellcache_sets_apart(struct sea_cellcache *cache, unsigned class);

/* A cell of the class; NULL: out of memory.  `cache` may be NULL.  Prefetches the next one: chance
 * has chosen it, so the processor does not foresee it. */
SEA_INLINE char *sea_cellcache_take(struct sea_cellcache *cache, unsigned class)
{
	char *cell = NULL;
	if (unlikely(!cache)) {
		sea_slabs_take(0, class, 1, &cell);
		return cell;
	}
	if (unlikely(!cache->nr_ready[class]) && !sea_cellcache_refill(cache, class))
		return NULL;
	unsigned left = cache->nr_ready[class] - 1u;
	sea_store_relaxed(&cache->nr_ready[class], (uint8_t)left);
	if (likely(left)) {
		__builtin_prefetch(cache->ready[class][left - 1], 1);
		__builtin_prefetch(cache->ready[class][left - 1] + sea_cell_size(class) - 1, 1);
	}
	return cache->ready[class][left];
}

/* `bytes` more are in live blocks; a negative number: fewer. */
SEA_INLINE void sea_cellcache_note_live(struct sea_cellcache *cache, size_t bytes)
{
	if (likely(cache))
		sea_count_own(&cache->live, bytes);
	else
		sea_add_relaxed_mt(&sea_cellcache_live_alone, bytes);
}

/* Gives the first `nr` cells of `out` back. */
void sea_cellcache_send_out(struct sea_cellcache *cache, uint32_t nr);

/* Adds a cell to `out`, and gives all of `out` back if it is full or `now` is set. */
SEA_INLINE void sea_cellcache_put_out(struct sea_cellcache *cache, struct sea_free_cell cell, bool now)
{
	uint32_t nr = cache->nr_out;
	SEA_ASSERT(nr < SEA_CELLCACHE_OUT);
	sea_before_a_signal(); /* ST4: it is in no other list now */
	cache->out[nr] = cell;
	if (unlikely(nr + 1 == SEA_CELLCACHE_OUT || now)) {
		sea_cellcache_send_out(cache, nr + 1);
		return;
	}
	sea_count_own(&cache->out_bytes, cell.size);
	sea_before_a_signal();
	cache->nr_out = nr + 1;
}

/* sea_cellcache_hold() where it does not replace a held cell: there is no cell cache, or it has
 * room, or it would hold too many bytes. */
SEA_NOINLINE void sea_cellcache_hold_slow(struct sea_cellcache *cache, struct sea_free_cell cell);

/* A cell was freed and cleared.  It takes the place of a held one, by chance.  `cache` may be
 * NULL. */
SEA_INLINE void sea_cellcache_hold(struct sea_cellcache *cache, struct sea_free_cell cell)
{
	if (unlikely(!cache || cache->nr_held < sea_max(sea_options.secure_hold_count, 1)))
		return sea_cellcache_hold_slow(cache, cell);
	struct sea_free_cell *chosen = &cache->held[sea_chance_below(&cache->chance, cache->nr_held)], gone = *chosen;
	size_t bytes = cache->held_bytes + cell.size - gone.size;
	if (unlikely(bytes > sea_options.secure_hold))
		return sea_cellcache_hold_slow(cache, cell);
	sea_free_cell_store(chosen, cell);
	sea_store_relaxed(&cache->held_bytes, bytes);
	__builtin_prefetch(gone.slab, 1);
	sea_cellcache_put_out(cache, gone, false);
}

/* Gives everything back to the slabs but what is held; with `all`, that too. */
void sea_cellcache_empty(struct sea_cellcache *cache, bool all);

/* Empties the cell caches that ended threads have left. */
void sea_cellcache_empty_left(void);

/* Sums over all cell caches.  Exact if no thread runs. */
struct sea_cellcache_sums {
	size_t nr_threads;
	size_t kept; /* bytes in cells that are not live */
	size_t live; /* bytes in live blocks */
};
struct sea_cellcache_sums sea_cellcache_sum(void);

/* The calling thread uses no cell cache from now on. */
void sea_cellcache_retreat(void);

/* In the child of a fork: what the cell caches of other threads hold is lost. */
void sea_cellcache_forget_others(void);

/* Claim: ST1 and ST2 for the calling thread's cell cache, if it has one. */
bool sea_cellcache_is_sound(void);

#endif
