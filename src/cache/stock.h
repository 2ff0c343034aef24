/* SPDX-License-Identifier: MIT */
/* stock.h - how much each class may keep, and what it is filled with */
#ifndef SEA_STOCK_H
#define SEA_STOCK_H

#include "cache/stack.h"

/* Hands out the lowest chunk, and marks the next: freeing what lies behind a block is
 * the likeliest way to meet it. */
SEA_INLINE void *sea_stock_pop(struct sea_stock *stock, size_t size)
{
	SEA_ASSERT(stock->cur < stock->end);
	SEA_ASSERT(size > 0);
	SEA_ASSERT((size_t)(stock->end - stock->cur) % size == 0);
	struct sea_link *chunk = (struct sea_link *)stock->cur;
	stock->cur += size;
	if (stock->cur < stock->end)
		((struct sea_link *)stock->cur)->mark = sea_link_mark(stock->cur);
	chunk->mark = 0;
	return chunk;
}

/* Makes room in the stack of class c, or beside it; false: there is none in it, and it need not be
 * asked again if it is shut now. */
SEA_NOINLINE bool sea_stock_grow(struct sea_cache *cache, unsigned c);

/* The limits become what the stacks hold. */
void sea_stock_tighten(struct sea_cache *cache);

/* Brings chunks of class c, whose stack is empty; false: no memory. */
bool sea_stock_refill(struct sea_cache *cache, unsigned c);

/* Brings what has spilled from class c, whose stack is empty; false: nothing has. */
bool sea_stock_unspill(struct sea_cache *cache, unsigned c);

/* Brings aligned chunks of class c, and puts one on top of the stack; false: no memory. */
bool sea_stock_refill_aligned(struct sea_cache *cache, unsigned c, size_t align);

#endif
