/* SPDX-License-Identifier: MIT */
/* freelist/engine.c - blocks from the textbook's free list
 *
 *    request --> small: lowest hole that fits (list.c) --> new zone --> NULL
 *            --> large: run of pages
 *    free    --> hole, merged --> empty zones to the page allocator
 *
 * FE1  sea_small counts the zones and the live chunks, without those that trim has taken out of
 *      the list.
 *
 * sea_small.lock is held while chunks change.  System calls are made without it, except one when
 * the table of zones doubles.
 */
#include "engines/engine.h"

#include <string.h>

#include "base/check.h"
#include "base/emergency.h"
#include "page/page_alloc.h"
#include "heap/mistake.h"
#include "engines/freelist/hole.h"
#include "engines/freelist/index.h"
#include "engines/freelist/list.h"
#include "engines/textbook/blocks.h"

const char sea_engine_name[] = "freelist";
const char sea_small_free_text[] = "this block was freed already (double free)";

/* --- allocating ----------------------------------------------------------------- */

/* Frees the part of a live chunk in front of the first place for an aligned block.  Returns the
 * chunk of that block.  The part is empty or a chunk. */
static struct sea_chunk *cut_front(struct sea_chunk *chunk, size_t align)
{
	uintptr_t start = (uintptr_t)sea_chunk_block(chunk);
	size_t gap = sea_round_up(start, align) - start;
	if (!gap)
		return chunk;
	if (gap < CHUNK_MIN)
		gap += align;
	SEA_ASSERT(gap >= CHUNK_MIN && gap < sea_chunk_room(chunk));
	size_t room = sea_chunk_room(chunk) - gap;
	sea_chunk_make_live(chunk, gap - SEA_CHUNK_HEADER, 0);
	struct sea_chunk *aligned = sea_chunk_next(chunk);
	sea_chunk_make_live(aligned, room, 0);
	sea_list_give(chunk); /* no zone becomes empty: `aligned` is in it */
	SEA_ASSERT((uintptr_t)sea_chunk_block(aligned) % align == 0);
	return aligned;
}

static struct sea_chunk *take(size_t align, size_t size)
{
	if (align <= SEA_GRANULE)
		return sea_list_take(size);
	struct sea_chunk *chunk = sea_list_take(size + align + SEA_GRANULE);
	if (!chunk)
		return NULL;
	chunk = cut_front(chunk, align);
	sea_list_cut(chunk, size);
	return chunk;
}

static void *alloc_small(size_t align, size_t size)
{
	sea_lock_take(&sea_small.lock);
	struct sea_chunk *chunk = take(align, size);
	if (chunk) {
		sea_small.nr_live++;
		sea_small.live += chunk->size;
	}
	sea_lock_drop(&sea_small.lock);
	return chunk ? sea_chunk_block(chunk) : NULL;
}

/* Frees the spare empty zone.  False: there is none. */
static bool give_spare(void)
{
	sea_lock_take(&sea_small.lock);
	void *zone = sea_list_give_spare();
	sea_lock_drop(&sea_small.lock);
	if (zone)
		sea_pages_free(zone);
	return zone;
}

static void *alloc_run(size_t align, size_t size, bool *zeroed)
{
	void *run = sea_block_alloc_run(align, size, zeroed);
	return run || !give_spare() ? run : sea_block_alloc_run(align, size, zeroed);
}

void *sea_engine_alloc_aligned(size_t align, size_t size)
{
	if (sea_lock_holds_any())
		return sea_emergency_alloc(align, size);
	if (!sea_is_small(align, size))
		return alloc_run(align, size, NULL);
	return alloc_small(align, sea_small_size(size));
}

void *sea_engine_alloc(size_t size) { return sea_engine_alloc_aligned(SEA_GRANULE, size); }

void *sea_engine_alloc_zeroed(size_t size)
{
	bool zeroed = false;
	void *block;
	if (sea_lock_holds_any())
		return sea_emergency_alloc(SEA_GRANULE, size);
	if (sea_is_small(SEA_GRANULE, size))
		block = alloc_small(SEA_GRANULE, sea_small_size(size));
	else
		block = alloc_run(SEA_GRANULE, size, &zeroed);
	return block && !zeroed ? memset(block, 0, size) : block;
}

/* --- freeing -------------------------------------------------------------------- */

/* Frees a small block by its chunk.  False: that is no live chunk. */
static bool free_small(struct sea_chunk *chunk)
{
	void *empty_zone = NULL;
	sea_lock_take(&sea_small.lock);
	bool is_live = chunk && sea_chunk_is_live(chunk);
	if (is_live) {
		sea_small.nr_live--;
		sea_small.live -= chunk->size;
		empty_zone = sea_list_give(chunk);
	}
	sea_lock_drop(&sea_small.lock);
	if (empty_zone)
		sea_pages_free(empty_zone);
	return is_live;
}

void sea_engine_free(void *block)
{
	if (!block || sea_lock_holds_any())
		return;
	if (sea_block_run_size(block))
		sea_pages_free(block);
	else if (!free_small(sea_block_chunk(block)) && !sea_emergency_size(block))
		sea_mistake("free", block);
}

/* Purges the whole pages behind a withheld hole's links, and returns the hole to the list. */
static size_t purge(struct sea_chunk *chunk)
{
	char *from = (char *)sea_round_up((uintptr_t)(chunk + 2), sea_page_size());
	char *to = (char *)sea_round_down((uintptr_t)sea_chunk_next(chunk), sea_page_size());
	size_t bytes = from < to ? sea_pages_purge_range(from, to) : 0;
	sea_lock_take(&sea_small.lock);
	void *empty_zone = sea_list_give(chunk);
	sea_lock_drop(&sea_small.lock);
	if (empty_zone)
		sea_pages_free(empty_zone);
	return bytes;
}

size_t sea_engine_trim(size_t keep)
{
	size_t bytes = 0;
	if (sea_lock_holds_any())
		return 0;
	give_spare();
	sea_lock_take(&sea_small.lock);
	struct sea_chunk *chunk = keep ? NULL : sea_list_withhold(sea_page_size());
	sea_lock_drop(&sea_small.lock);
	while (chunk) {
		struct sea_chunk *next = *(struct sea_chunk **)sea_chunk_block(chunk);
		bytes += purge(chunk);
		chunk = next;
	}
	return bytes + sea_pages_purge_free(keep);
}

/* --- resizing ------------------------------------------------------------------- */

static bool resize_chunk(struct sea_chunk *chunk, size_t size)
{
	bool done = true;
	sea_lock_take(&sea_small.lock);
	size_t before = chunk->size;
	if (size <= sea_chunk_room(chunk))
		sea_list_cut(chunk, size);
	else
		done = sea_list_extend(chunk, size);
	sea_small.live += chunk->size - before;
	sea_lock_drop(&sea_small.lock);
	return done;
}

bool sea_small_resize_in_place(void *block, size_t size)
{
	if (sea_block_run_size(block))
		return size > SEA_SMALL_MAX && sea_pages_resize(block, size);
	return size <= SEA_SMALL_MAX && resize_chunk(sea_block_chunk(block), sea_small_size(size));
}

void *sea_small_move(void *block, size_t usable, size_t size)
{
	if (size > SEA_SMALL_MAX && sea_block_run_size(block))
		return sea_pages_move(block, size);
	void *fresh = sea_block_copy(block, usable, size);
	return fresh || size > usable ? fresh : block;
}

/* --- observers ---------------------------------------------------------------------- */

void sea_small_each_run(void (*visit)(const void *run, size_t size, void *context), void *context)
{
	const struct zone *zone;
	for (size_t i = 0; (zone = sea_index_zone(i)); i++)
		visit(zone, ZONE_SIZE, context);
}

bool sea_engine_is_sound(void)
{
	struct sea_list_count count = {0};
	sea_lock_take(&sea_small.lock);
	bool sound = sea_list_is_sound(&count);
	sound &= count.nr_zones == sea_small.nr_runs && count.zone_bytes == sea_small.run_bytes;
	sound &= count.nr_live == sea_small.nr_live && count.live == sea_small.live;
	sea_lock_drop(&sea_small.lock);
	return sound && sea_pages_are_sound();
}
