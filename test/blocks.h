/* SPDX-License-Identifier: MIT */
/* blocks.h - the blocks that a test holds, each with a pattern of its own */
#ifndef SEA_TEST_BLOCKS_H
#define SEA_TEST_BLOCKS_H

#include "harness.h"

#define MAX_BLOCKS 3000

static struct block {
	char *start;
	size_t size;
	uint64_t key; /* of the pattern */
} blocks[MAX_BLOCKS];
static size_t nr_blocks;

/* A block came: fills it. */
static inline void keep_block(void *start, size_t size, uint64_t key)
{
	CHECK(start && nr_blocks < MAX_BLOCKS);
	test_fill(start, size, key);
	blocks[nr_blocks++] = (struct block){(char *)start, size, key};
}

/* Block i is about to go, or has gone. */
static inline void forget_block(size_t i) { blocks[i] = blocks[--nr_blocks]; }

static inline void check_block(size_t i) { CHECK(test_is_filled(blocks[i].start, blocks[i].size, blocks[i].key)); }

static inline void check_blocks(void)
{
	for (size_t i = 0; i < nr_blocks; i++)
		check_block(i);
}

#endif
