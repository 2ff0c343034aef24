/* SPDX-License-Identifier: MIT */
/* textbook/blocks.h - what the two textbook engines have in common
 *
 * A block is either small, a chunk in one of the engine's runs; or it is a run of pages of
 * its own, without a header.  This file decides which, and answers the questions of engine.h
 * that need no more than that.
 */
#ifndef SEA_TEXTBOOK_BLOCKS_H
#define SEA_TEXTBOOK_BLOCKS_H

#include "base/bits.h"
#include "base/lock.h"
#include "engines/textbook/chunk.h"

/* Larger requests get a run of their own.  Rounding them to pages wastes less than 1/64, and a
 * small request takes a quarter of the smallest run of chunks at most. */
#define SEA_SMALL_MAX (256 * SEA_KIB)

/* The smallest run of chunks. */
#define SEA_SMALL_RUN SEA_MIB

/* State of either engine.  `lock` protects it and all runs of chunks. */
struct sea_small {
	struct sea_lock lock;
	size_t nr_runs;	  /* of chunks */
	size_t run_bytes; /* bytes in those runs */
	size_t nr_live;	  /* live chunks */
	size_t live;	  /* bytes in their blocks */
};
extern SEA_HIDDEN struct sea_small sea_small;

/* What the report of a mistake says about a free chunk of this engine: freed memory, or memory
 * that was never handed out. */
extern SEA_HIDDEN const char sea_small_free_text[];

/* In the engine: calls visit() for each run of chunks.  The lock is held. */
void sea_small_each_run(void (*visit)(const void *run, size_t size, void *context), void *context);

/* In the engine: makes a live block `size` bytes or longer where it is. */
bool sea_small_resize_in_place(void *block, size_t size);

/* In the engine: the same elsewhere, or the block as it is if that is long enough.  NULL: out of
 * memory. */
void *sea_small_move(void *block, size_t usable, size_t size);

/* Call it before a run is taken: reads the options once they can be read. */
void sea_blocks_start(void);

/* Bytes of a block that serves a small request. */
SEA_INLINE size_t sea_small_size(size_t request)
{
	return request ? sea_round_up(request, SEA_GRANULE) : SEA_GRANULE;
}

/* Claim: the request is small, its alignment included. */
SEA_INLINE bool sea_is_small(size_t align, size_t size)
{
	return size <= SEA_SMALL_MAX && (align <= SEA_GRANULE || align <= SEA_SMALL_MAX - size);
}

/* Allocates a run of its own.  NULL: out of memory, or above PTRDIFF_MAX. */
void *sea_block_alloc_run(size_t align, size_t size, bool *zeroed);

/* Bytes of the block with a run of its own that starts here; 0 if none does. */
size_t sea_block_run_size(const void *block);

/* The place of the header in front of a small block; NULL if that is not memory of ours. */
struct sea_chunk *sea_block_chunk(const void *block);

/* Allocates, copies min(usable, size) bytes and frees.  NULL: out of memory. */
void *sea_block_copy(void *block, size_t usable, size_t size);

#endif
