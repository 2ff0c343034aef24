/* SPDX-License-Identifier: MIT */
/* textbook/chunk.h - the header in front of a small block
 *
 *    run   |size,slack|seal| block ..... |size,slack|seal| block ...
 *          ^ chunk          size + slack ^ next chunk
 *
 * Chunks cover a run of pages from its first byte on.  A chunk is live (its block is the
 * program's) or free.
 *
 * TC1  A valid seal is at each start of a chunk, and nowhere else in memory of ours.  So one look
 *      in front of a pointer tells whether it is a block, and the next look finds an overrun of
 *      the block before.
 * TC2  A chunk of size 0 is free and the last of its run; no other is.
 *
 * The seal mixes address and size with a number that differs between processes.  Data that the
 * program writes or copies is a seal only by a chance of 2^-63.  Code that removes the start of a
 * chunk erases its header.
 */
#ifndef SEA_TEXTBOOK_CHUNK_H
#define SEA_TEXTBOOK_CHUNK_H

#include "base/check.h"
#include "map/map.h"

struct sea_chunk {
	uint32_t size;	/* bytes of the block, a multiple of a granule */
	uint32_t slack; /* bytes behind it, too few for a chunk */
	uint64_t seal;	/* of a live chunk; a free chunk has its complement */
};

#define SEA_CHUNK_HEADER sizeof(struct sea_chunk)
_Static_assert(SEA_CHUNK_HEADER == SEA_GRANULE, "blocks are aligned to a granule");

/* Set before the first chunk is made, then constant; atomic. */
extern SEA_HIDDEN uint64_t sea_chunk_secret;

SEA_INLINE uint64_t sea_chunk_seal(const struct sea_chunk *chunk)
{
	uint64_t lengths = (uint64_t)chunk->slack << 32 | chunk->size;
	uint64_t base = sea_load_relaxed(&sea_chunk_secret) ^ (uintptr_t)chunk;
	return base + lengths * 0x9e3779b97f4a7c15ull; /* 2^64 / golden ratio */
}

SEA_INLINE bool sea_chunk_is_live(const struct sea_chunk *chunk) { return chunk->seal == sea_chunk_seal(chunk); }
SEA_INLINE bool sea_chunk_is_free(const struct sea_chunk *chunk) { return chunk->seal == ~sea_chunk_seal(chunk); }

SEA_INLINE bool sea_chunk_is_sealed(const struct sea_chunk *chunk)
{
	return sea_chunk_is_live(chunk) || sea_chunk_is_free(chunk);
}

SEA_INLINE void sea_chunk_make_live(struct sea_chunk *chunk, size_t size, size_t slack)
{
	SEA_ASSERT((size | slack) % SEA_GRANULE == 0 && size + slack <= UINT32_MAX);
	chunk->size = (uint32_t)size;
	chunk->slack = (uint32_t)slack;
	chunk->seal = sea_chunk_seal(chunk);
}

SEA_INLINE void sea_chunk_make_free(struct sea_chunk *chunk, size_t size)
{
	SEA_ASSERT(size % SEA_GRANULE == 0 && size <= UINT32_MAX);
	chunk->size = (uint32_t)size;
	chunk->slack = 0;
	chunk->seal = ~sea_chunk_seal(chunk);
}

/* No chunk starts here any more. */
SEA_INLINE void sea_chunk_erase(struct sea_chunk *chunk)
{
	SEA_ASSERT(sea_chunk_is_sealed(chunk));
	*chunk = (struct sea_chunk){0};
}

SEA_INLINE void *sea_chunk_block(const struct sea_chunk *chunk) { return (void *)(chunk + 1); }

/* Bytes from the block to the next chunk. */
SEA_INLINE size_t sea_chunk_room(const struct sea_chunk *chunk) { return (size_t)chunk->size + chunk->slack; }

SEA_INLINE struct sea_chunk *sea_chunk_next(const struct sea_chunk *chunk)
{
	return (struct sea_chunk *)((char *)sea_chunk_block(chunk) + sea_chunk_room(chunk));
}

#endif
