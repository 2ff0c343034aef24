/* SPDX-License-Identifier: MIT */
/* textbook/mistake.c - what is this pointer, if blocks have headers?
 *
 * Walks the chunks of a run without the lock.  The process is about to end, and a thread that
 * holds the lock may have caused the mistake.
 */
#include "heap/mistake.h"

#include "base/check.h"
#include "page/page_alloc.h"
#include "engines/textbook/blocks.h"

#define FREED "this block was freed already (double free)"

/* The last chunk whose block starts at or below `address`; the first chunk if none does.  So a
 * header counts as part of the block before it. */
static const struct sea_chunk *find_chunk(const struct sea_chunk *first, const void *address)
{
	const struct sea_chunk *chunk = first;
	while (chunk->size && sea_chunk_block(sea_chunk_next(chunk)) <= address) {
		chunk = sea_chunk_next(chunk);
		SEA_CHECK(sea_chunk_is_sealed(chunk));
	}
	return chunk;
}

static _Noreturn void explain_chunk(const char *verb, const char *block, const struct sea_chunk *chunk)
{
	const char *start = sea_chunk_block(chunk);
	if (sea_chunk_is_free(chunk))
		sea_fatal_block(verb, block, sea_small_free_text, 0, 0);
	if (block == start)
		sea_fatal_block(verb, block, FREED "; it has %z bytes", chunk->size, 0);
	sea_fatal_inside(verb, block, (size_t)(block - start), chunk->size);
}

void sea_mistake(const char *verb, const void *block)
{
	void *base = NULL;
	size_t size = 0;
	switch (sea_pages_at(block, &base, &size)) {
	case SEA_AT_FREE:
		sea_fatal_block(verb, block, FREED, 0, 0);
	case SEA_AT_RUN:
		if (sea_chunk_is_sealed(base))
			explain_chunk(verb, block, find_chunk(base, block));
		sea_fatal_inside(verb, block, (size_t)((const char *)block - (char *)base), size);
	default:
		sea_fatal_foreign(verb, block);
	}
}
