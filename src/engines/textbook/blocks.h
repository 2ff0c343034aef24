/* SPDX-License-Identifier: MIT */
/* textbook/blocks.h - what the two textbook engines have in common
 *
 * A block is small, then it is a chunk in one of the engine's runs; or it is a run
 * of pages of its own, without a header.  This answers which, and all questions of
 * engine.h that need no more than that.
 */
#ifndef SEA_TEXTBOOK_BLOCKS_H
#define SEA_TEXTBOOK_BLOCKS_H

#include "base/bits.h"
#include "base/lock.h"
#include "engines/textbook/chunk.h"

/* Larger requests get a run of their own: what rounding to pages wastes is below
 * 1/64 there, and a quarter of the smallest run of chunks is the most that one
 * request takes of it. */
#define SEA_SMALL_MAX (256 * SEA_KIB)

/* The smallest run that chunks live in. */
#define SEA_SMALL_RUN SEA_MIB

/* State of either engine; `lock` protects it, and all runs of chunks. */
struct sea_small {
	struct sea_lock lock;
	size_t nr_runs;	  /* of chunks */
	size_t run_bytes; /* in them */
	size_t nr_live;	  /* live chunks */
	size_t live;	  /* bytes in their blocks */
};
extern SEA_HIDDEN struct sea_small sea_small;

/* What a free chunk is to the engine, for the report of a mistake: freed memory, or
 * memory that was never handed out. */
extern SEA_HIDDEN const char sea_small_free_text[];

/* The engine's: calls visit() for each run of chunks.  The lock is held. */
void sea_small_each_run(void (*visit)(const void *run, size_t size, void *context), void *context);

/* To be called before a run is taken: reads the options once they can be. */
void sea_blocks_start(void);

/* Bytes behind the header of a chunk that serves a small request. */
SEA_INLINE size_t sea_small_size(size_t request)
{
	return request ? sea_round_up(request, SEA_GRANULE) : SEA_GRANULE;
}

/* A small request, alignment included. */
SEA_INLINE bool sea_is_small(size_t align, size_t size)
{
	return size <= SEA_SMALL_MAX && (align <= SEA_GRANULE || align <= SEA_SMALL_MAX - size);
}

/* A block with a run of its own; NULL: no memory, or above PTRDIFF_MAX. */
void *sea_block_alloc_run(size_t align, size_t size, bool *zeroed);

/* Bytes of the block with a run of its own that starts here; 0 if none does. */
size_t sea_block_run_size(const void *block);

/* Where the header in front of a small block would be, if that is memory of ours;
 * else NULL. */
struct sea_chunk *sea_block_chunk(const void *block);

/* Allocates, copies min(usable, size) bytes and frees; NULL: no memory. */
void *sea_block_copy(void *block, size_t usable, size_t size);

#endif
