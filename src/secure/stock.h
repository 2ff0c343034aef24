/* SPDX-License-Identifier: MIT */
/* stock.h - what a thread has of cells: some to hand out, and those it freed
 *
 *    free(p) --> held, up to 256 of them --> out --> slabs --> ready --> malloc()
 *                one leaves by chance        32                16 of a class
 *
 * A freed cell stays held until chance chooses it, so nobody can foresee when its address is used
 * again.  All cells here are free and sealed so; what they hold was cleared.
 *
 * ST1  nr_ready[c] cells of class c are in ready[c], and each is free.
 * ST2  The first nr_held entries of `held` are cells with their class, `held_bytes` long together.
 *
 * No lock: a stock belongs to its thread.  A thread that ends leaves its stock to the next one.
 */
#ifndef SEA_STOCK_H
#define SEA_STOCK_H

#include "secure/slabs.h"

#define SEA_STOCK_READY 16
#define SEA_STOCK_HELD 1024
#define SEA_STOCK_OUT 32

struct sea_stock {
	struct sea_chance chance;
	uint32_t shard;
	uint32_t nr_held, nr_out;
	size_t held_bytes;
	size_t out_bytes;
	size_t ready_bytes; /* in `ready` and `out`; other threads read it */
	size_t live;	    /* bytes asked for by the thread, less those it freed; the same */
	struct sea_stock *next; /* all of them; the threads lock */
	bool is_used;		/* by a thread; the same */
	uint8_t nr_ready[SEA_CELL_CLASSES];
	char *ready[SEA_CELL_CLASSES][SEA_STOCK_READY];
	char *out[SEA_STOCK_OUT];
	uint64_t held[SEA_STOCK_HELD]; /* class in the upper byte, address below */
};

/* NULL: the thread has none yet, or has ended. */
extern SEA_HIDDEN SEA_THREAD_LOCAL struct sea_stock *sea_stock_own;

/* What sea_stock_note_live() counts for threads without a stock. */
extern SEA_HIDDEN size_t sea_stock_live_alone;

/* Makes one for the calling thread.  NULL: it cannot have one. */
struct sea_stock *sea_stock_enter(void);

SEA_INLINE struct sea_stock *sea_stock_of_thread(void)
{
	return likely(sea_stock_own) ? sea_stock_own : sea_stock_enter();
}

/* Brings cells of a class, of which none is ready.  False: out of memory. */
bool sea_stock_refill(struct sea_stock *stock, unsigned class);

/* A cell of the class; NULL: out of memory.  `stock` may be NULL.  Prefetches the next one: chance
 * has chosen it, so the processor does not foresee it. */
SEA_INLINE char *sea_stock_take(struct sea_stock *stock, unsigned class)
{
	char *cell = NULL;
	if (unlikely(!stock)) {
		sea_slabs_take(0, class, 1, &cell);
		return cell;
	}
	if (unlikely(!stock->nr_ready[class]) && !sea_stock_refill(stock, class))
		return NULL;
	size_t size = sea_cell_size(class);
	unsigned left = --stock->nr_ready[class];
	sea_count_own(&stock->ready_bytes, -size);
	if (likely(left)) {
		__builtin_prefetch(stock->ready[class][left - 1], 1);
		__builtin_prefetch(stock->ready[class][left - 1] + size - 1, 1);
	}
	return stock->ready[class][left];
}

/* `bytes` more are in live blocks; a negative number: fewer. */
SEA_INLINE void sea_stock_note_live(struct sea_stock *stock, size_t bytes)
{
	if (likely(stock))
		sea_count_own(&stock->live, bytes);
	else
		sea_add_relaxed_mt(&sea_stock_live_alone, bytes);
}

/* A cell was freed and cleared. */
void sea_stock_hold(struct sea_stock *stock, unsigned class, char *cell);

/* Gives everything back to the slabs but what is held; with `all`, that too. */
void sea_stock_empty(struct sea_stock *stock, bool all);

/* Empties the stocks that ended threads have left. */
void sea_stock_empty_left(void);

/* Sums over all stocks.  Exact if no thread runs. */
struct sea_stock_sums {
	size_t nr_threads;
	size_t kept; /* bytes in cells that are not live */
	size_t live; /* bytes in live blocks */
};
struct sea_stock_sums sea_stock_sum(void);

/* The calling thread uses no stock from now on. */
void sea_stock_retreat(void);

/* In the child of a fork: what the stocks of other threads hold is lost. */
void sea_stock_forget_others(void);

/* Claim: ST1 and ST2 for the calling thread's stock, if it has one. */
bool sea_stock_is_sound(void);

#endif
