/* SPDX-License-Identifier: MIT */
/* fast.h - the fast paths of heap objects, complete
 *
 * They serve small blocks from bins and return them there.  They take no lock: the caller holds
 * the heap's lock, or is alone.  What they cannot decide, blocks.c does: a mark that may be a
 * second free, a full list, another heap's block.
 */
#ifndef SEA_NAMED_FAST_H
#define SEA_NAMED_FAST_H

#include "map/map.h"
#include "named/bins.h"

/* Claim: no lock is needed.  A process with one thread has nobody else; a fork in a signal handler
 * is the program's affair. */
SEA_INLINE bool sea_named_is_alone(const struct sea_named *named) { return named->one_thread || sea_is_alone(); }

/* NULL: sea_named_alloc() may find a block. */
SEA_INLINE void *sea_named_pop(struct sea_named *named, size_t size)
{
	size_t c = (size + SEA_GRANULE - 1) / SEA_GRANULE;
	if (unlikely(c - 1 >= SEA_SMALL_GRANULES))
		return NULL;
	struct sea_link *chunk = named->head[c];
	if (unlikely(!chunk))
		return NULL;
	named->head[c] = chunk->next;
	named->room[c]++;
	chunk->mark = 0;
	return chunk;
}

/* What sea_named_pop() cannot serve: fresh runs and medium sizes. */
SEA_INLINE void *sea_named_pop_more(struct sea_named *named, size_t size)
{
	if (unlikely(size - 1 >= SEA_MEDIUM_MAX || named->plot))
		return NULL;
	return sea_named_bin_pop(named, sea_class_for(sea_granules_for(size)));
}

/* The heap of this handle, if the block is in one of its zones; else NULL.  By NA4 this finds a
 * handle that is no heap's, too. */
SEA_INLINE struct sea_named *sea_named_with(uint64_t handle, const void *block, const struct sea_zone **zone)
{
	uintptr_t number = sea_rotate_right((uintptr_t)block, SEA_GRANULE_SHIFT) >> (SEA_WINDOW_SHIFT - SEA_GRANULE_SHIFT);
	if (unlikely(number >= SEA_NR_WINDOWS)) /* also if the block is not aligned */
		return NULL;
	struct sea_window *window = sea_load_acquire(&sea_pagemap_directory[number]);
	if (unlikely(!window))
		return NULL;
	uintptr_t tagged = (uintptr_t)sea_load_acquire(&window->slot[sea_slot_of(block)].zone);
	*zone = (struct sea_zone *)tagged;
	if (unlikely(!tagged || tagged & SEA_IS_NO_ZONE || (*zone)->owner != handle))
		return NULL;
	return (struct sea_named *)((char *)(*zone)->shard - offsetof(struct sea_named, shard));
}

/* Returns a block in this zone of the heap.  False: sea_named_free_in() must decide.  The seams of
 * the zone are its own; behind them are its `start` bytes (shard.c), so a read at their end stays
 * inside. */
SEA_INLINE bool sea_named_push(struct sea_named *named, const struct sea_zone *zone, void *block)
{
	struct sea_link *chunk = block;
	size_t c = sea_seam_distance((const char *)sea_load_constant(&zone->seam), sea_granule_of(block));
	uintptr_t mark = sea_mark_of(block, sea_load_constant(&sea_seams));
	if (unlikely(c - 1 >= SEA_SMALL_GRANULES || named->room[c] <= 0 || chunk->mark == mark))
		return false;
	chunk->next = named->head[c];
	chunk->mark = mark;
	named->head[c] = chunk;
	named->room[c]--;
	return true;
}

#endif
