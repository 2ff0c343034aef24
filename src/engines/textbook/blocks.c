/* SPDX-License-Identifier: MIT */
/* textbook/blocks.c - small block or run of pages?
 *
 *    request --> small: the engine's chunks (freelist/engine.c, watermark/engine.c)
 *            --> large: sea_pages_alloc()
 *
 * TB1  A run of chunks starts with a sealed header; a run that is a block does not.
 */
#include "engines/textbook/blocks.h"

#include <string.h>

#include "base/check.h"
#include "base/emergency.h"
#include "base/options.h"
#include "base/os.h"
#include "base/upward.h"
#include "map/map.h"
#include "page/page_alloc.h"
#include "heap/mistake.h"
#include "engines/engine.h"

_Static_assert(SEA_SMALL_RUN % SEA_SMALL_MAX == 0, "a run of chunks serves several of the largest small blocks");

struct sea_small sea_small = {.lock = SEA_LOCK_INIT(SEA_RANK_SHARD)};
const struct sea_locks sea_locks_shard = {.first = &sea_small.lock, .nr = 1};
const struct sea_locks sea_locks_threads = {.nr = 0}; /* no lock belongs to a thread */
/* no heap objects */
const struct sea_locks sea_locks_named = {.nr = 0}, sea_locks_apart = {.nr = 0}, sea_locks_index = {.nr = 0};
const struct sea_locks sea_locks_secure = {.nr = 0};  /* there is no hardened mode */
uint64_t sea_chunk_secret;

/* If several threads are first here, they store the same value. */
void sea_blocks_start(void)
{
	sea_front_start();
	if (!sea_load_relaxed(&sea_chunk_secret))
		sea_store_relaxed(&sea_chunk_secret, sea_os_secret());
}

void *sea_block_alloc_run(size_t align, size_t size, bool *zeroed)
{
	if (size > PTRDIFF_MAX || align > PTRDIFF_MAX)
		return NULL;
	sea_blocks_start();
	return sea_pages_alloc(sea_max(size, 1), align, SEA_TOUCH_NOW, zeroed);
}

size_t sea_block_run_size(const void *block)
{
	if ((uintptr_t)block % sea_page_size())
		return 0;
	size_t size = sea_pages_size(block);
	return size && !sea_chunk_is_sealed(block) ? size : 0;
}

struct sea_chunk *sea_block_chunk(const void *block)
{
	/* as a number: it may not be a pointer */
	char *header = (char *)((uintptr_t)block - SEA_CHUNK_HEADER);
	if ((uintptr_t)block % SEA_GRANULE || !sea_pages_is_readable(header))
		return NULL;
	return (struct sea_chunk *)header;
}

void *sea_block_copy(void *block, size_t usable, size_t size)
{
	void *fresh = sea_engine_alloc(size);
	if (!fresh)
		return NULL;
	memcpy(fresh, block, sea_min(usable, size));
	sea_engine_free(block);
	return fresh;
}

/* While a block is live, only its owner writes its chunk's header. */
size_t sea_engine_expect_live(const char *verb, const void *block)
{
	size_t size = sea_block_run_size(block);
	if (size || (size = sea_emergency_size(block)))
		return size;
	const struct sea_chunk *chunk = sea_block_chunk(block);
	if (!chunk || !sea_chunk_is_live(chunk))
		sea_mistake(verb, block);
	return chunk->size;
}

size_t sea_engine_good_size(size_t size)
{
	if (size > PTRDIFF_MAX)
		return 0;
	return size <= SEA_SMALL_MAX ? sea_small_size(size) : sea_round_up(size, sea_page_size());
}

/* One step: the chunks in runs are sorted at the end. */
const size_t sea_engine_account_step = SIZE_MAX;

void sea_engine_count_run(const char *run, size_t size, struct sea_stats *stats)
{
	(void)run; /* it may be a block, which only the program may read */
	stats->live += size;
}

/* Adds free bytes, page by page. */
static void count_free(const char *from, const char *to, struct sea_stats *stats)
{
	for (const char *end; from < to; from = end) {
		const char *page = (const char *)sea_round_down((uintptr_t)from, sea_page_size());
		const char *behind = page + sea_page_size();
		end = behind < to ? behind : to;
		*(sea_pages_count_touched(page, behind) ? &stats->free : &stats->purged) += (size_t)(end - from);
	}
}

static void count_chunk(const struct sea_chunk *chunk, struct sea_stats *stats)
{
	const char *block = sea_chunk_block(chunk);
	bool is_live = sea_chunk_is_live(chunk);
	stats->metadata += SEA_CHUNK_HEADER + chunk->slack; /* slack is in no block */
	if (is_live)
		stats->live += chunk->size;
	else
		count_free(block, block + chunk->size, stats);
}

/* Corrects a run that was counted as live.  Its head, and what follows a mark, are metadata. */
static void count_chunks(const void *run, size_t size, void *context)
{
	struct sea_stats *stats = context;
	const char *end = (const char *)run + size;
	const struct sea_chunk *chunk = sea_chunk_next(run);
	stats->nr_zones++;
	stats->live -= size;
	stats->metadata += (size_t)((const char *)chunk - (const char *)run);
	for (; (const char *)chunk < end && sea_chunk_is_sealed(chunk) && chunk->size; chunk = sea_chunk_next(chunk))
		count_chunk(chunk, stats);
	stats->metadata += (size_t)(end - (const char *)chunk);
}

void sea_engine_count_rest(struct sea_stats *stats)
{
	stats->nr_shards = 1;
	sea_small_each_run(count_chunks, stats);
}

bool sea_engine_expand(void *block, size_t size)
{
	if (size <= sea_engine_expect_live("sea_expand", block))
		return true;
	if (sea_lock_holds_any() || sea_emergency_size(block))
		return false;
	return size <= PTRDIFF_MAX && sea_small_resize_in_place(block, size);
}

void *sea_engine_resize(void *block, size_t size)
{
	size_t usable = sea_engine_expect_live("realloc", block);
	if (size > PTRDIFF_MAX)
		return NULL;
	if (sea_lock_holds_any() || sea_emergency_size(block))
		return sea_emergency_copy(block, usable, size);
	return sea_small_resize_in_place(block, size) ? block : sea_small_move(block, usable, size);
}

/* Nothing in these engines belongs to a thread. */
void sea_engine_send_waiting(void) {}
void sea_engine_retreat(void) {}

/* Nor is there a hardened mode. */
void *sea_engine_alloc_as(enum sea_kind kind, size_t align, size_t size)
{
	(void)kind;
	return sea_engine_alloc_aligned(align, size);
}

void sea_engine_free_as(enum sea_kind kind, void *block, size_t size)
{
	(void)kind;
	(void)size;
	sea_engine_free(block);
}

bool sea_engine_has(const void *block) { return sea_pagemap_arena(block); }

void sea_engine_start(bool options_are_read) { (void)options_are_read; }
void sea_engine_audit(void) {}

/* Between two locks other threads can only have been purging. */
void sea_engine_in_child(void) { sea_pages_in_child(); }

/* A child has a copy of everything. */
void sea_engine_disown(void) {}
