/* SPDX-License-Identifier: MIT */
/* block.h - blocks that are touched when they come and checked when they go
 *
 * A block's first and last word hold its mark while it is live, and a word in each page
 * between is written too.  An allocator that hands out memory twice, or writes into it,
 * changes a mark; and none gets away with memory that nobody touches: what is live is
 * resident.  A reason is a text for bench_skip(), NULL where all is well.
 */
#ifndef BENCH_MICRO_BLOCK_H
#define BENCH_MICRO_BLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MAX_THREADS 16	/* of one benchmark */

#define KIB 1024
#define MIB (1024 * 1024)

#define PAGE_WORDS (4096 / sizeof(uint64_t))

#define OUT_OF_MEMORY "the allocator gave no memory"
#define DATA_CHANGED "data check failed: a live block was changed"
#define NOT_ZERO "data check failed: memory from calloc is not zero"
#define NOT_ALIGNED "data check failed: the block is not aligned as asked"

struct block {
	uint64_t *words;
	uint32_t size;	/* at least a word */
	uint32_t mark;
};

static inline uint64_t *last_word(uint64_t *words, size_t size)
{
	return &words[size / sizeof *words - 1];
}

/* Writes both ends.  The compiler may not leave it out, though free() may follow. */
static inline void touch(uint64_t *words, size_t size, uint64_t mark)
{
	words[0] = mark;
	*last_word(words, size) = mark;
	__asm__ volatile("" : : "r"(words) : "memory");
}

static inline bool is_marked(uint64_t *words, size_t size, uint64_t mark)
{
	return words[0] == mark && *last_word(words, size) == mark;
}

static inline void touch_pages(uint64_t *words, size_t size)
{
	for (size_t i = PAGE_WORDS; i < size / sizeof *words; i += PAGE_WORDS)
		words[i] = i;
}

/* Fills `block`; a reason if that fails. */
static inline const char *block_alloc(struct block *block, uint32_t size, uint32_t mark)
{
	uint64_t *words = malloc(size);
	if (!words)
		return OUT_OF_MEMORY;
	touch_pages(words, size);
	touch(words, size, mark);
	*block = (struct block){words, size, mark};
	return NULL;
}

/* Frees it, if there is one; a reason if it was changed. */
static inline const char *block_free(struct block *block)
{
	uint64_t *words = block->words;
	if (!words)
		return NULL;
	block->words = NULL;
	bool is_sound = is_marked(words, block->size, block->mark);
	free(words);
	return is_sound ? NULL : DATA_CHANGED;
}

/* Makes the table itself resident, so that it is in base_rss_bytes; none may be live. */
static inline void blocks_clear(struct block *blocks, uint32_t count)
{
	memset(blocks, 0, count * sizeof *blocks);
}

/* Frees all of them; the first reason. */
static inline const char *blocks_free(struct block *blocks, uint32_t count)
{
	const char *reason = NULL;
	for (uint32_t i = 0; i < count; i++) {
		const char *found = block_free(&blocks[i]);
		reason = reason ? reason : found;
	}
	return reason;
}

#endif
