/* SPDX-License-Identifier: MIT */
/* named.h - the door of this room: heaps as objects
 *
 *    small, medium   bins --> shard --> zones         (bins.h, heap/shard.h)
 *    large           runs of pages                    (runs.h)
 *    brought memory  plot                             (plot.h)
 *
 * Nothing here sets errno.  Sizes above PTRDIFF_MAX give NULL.  `verb` is what the program tried
 * to do, for the report of a mistake.
 */
#ifndef SEA_NAMED_H
#define SEA_NAMED_H

#include "named/bins.h"
#include "named/brought.h"
#include "named/fast.h"
#include "named/handover.h"
#include "named/runs.h"
#include "named/spots.h"
#include "named/table.h"

/* What to do about a request that fails. */
struct sea_request {
	size_t size, align; /* align: a power of two */
	bool zeroed;
	bool is_over_quota; /* set if that was the reason */
};

void *sea_named_alloc(uint64_t handle, const char *verb, struct sea_request *request);

/* The block's heap must be this one. */
void sea_named_free_in(uint64_t handle, const char *verb, void *block);
void *sea_named_resize_in(uint64_t handle, const char *verb, void *block, struct sea_request *request);
size_t sea_named_size_in(uint64_t handle, const char *verb, const void *block);

/* Bytes that heap objects have drawn from zones and runs; shared runs and brought memory are not
 * among them.  Exact if no thread runs. */
size_t sea_named_drawn_from_pages(void);

/* For calls that do not name a heap.  The first finds the heap of a block: NULL if it has none.
 * The others are for blocks of a heap. */
struct sea_named *sea_named_of(const void *block);

/* Claim: the block is of a heap object.  Hardened mode asks this before it looks at a block, which
 * may lie inside one of its own.  False while this thread holds a lock. */
SEA_INLINE bool sea_named_has(const void *block)
{
	return sea_named_any() && block && !sea_lock_holds_any() && sea_named_of(block);
}
void sea_named_free(struct sea_named *named, void *block);
void *sea_named_resize(struct sea_named *named, void *block, size_t size);
size_t sea_named_size(struct sea_named *named, const char *verb, const void *block);

/* Frees all blocks.  Cost: zones and large blocks, or the bitmaps of a plot. */
void sea_named_reset(uint64_t handle, const char *verb);

/* Ends the heap.  `keeps`: what is in brought memory can be opened again. */
void sea_named_destroy(uint64_t handle, const char *verb, bool keeps);

struct sea_named_stats {
	size_t live, nr_live, quota;
	size_t cached;	 /* freed, and kept for the next request */
	size_t held;	 /* in zones and large blocks, or the brought memory */
	size_t nr_zones, nr_large;
};
void sea_named_stats(uint64_t handle, const char *verb, struct sea_named_stats *stats);

/* Up to `most` live blocks with addresses from `from` on, in address order.  Returns how many. */
struct sea_block {
	char *start;
	size_t size;
};
unsigned sea_named_blocks(uint64_t handle, const char *verb, const char *from, struct sea_block *blocks, unsigned most);

/* Sends and merges all that heaps have in bins.  Any thread that holds no lock. */
void sea_named_merge_all(void);

/* Claim: this heap is. */
bool sea_named_is_sound(uint64_t handle, const char *verb);

/* Claim: every heap is sound.  No other thread runs. */
bool sea_named_are_sound(void);

#endif
