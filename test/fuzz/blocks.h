/* SPDX-License-Identifier: MIT */
/* blocks.h - calls that an input chooses, and what they have to do
 *
 * Three bytes a call: what to do, with which block, and how large.  Blocks have patterns.  Calls
 * of the system fail where the input says so.  The sizes of the input grow by powers: the last
 * byte chooses the class, the second the rest.
 */
#ifndef SEA_FUZZ_BLOCKS_H
#define SEA_FUZZ_BLOCKS_H

#include <string.h>

#include "base/options.h"
#include "engines/engine.h"
#include "front/account.h"
#include "fuzz.h"
#include "seamalloc.h"

#define NR_BLOCKS 64
#define MOST_CALLS 200
/* One input in so many ends with a walk through the whole heap. */
#define AUDIT_ONE_IN 16
/* Of a long block only the ends are written to and looked at. */
#define END_BYTES ((size_t)1024)

struct block {
	char *start;
	size_t size;
	unsigned char byte; /* that it is filled with; 0 in a block that there never was */
};

static void keep(struct block *block, char *start, size_t size)
{
	*block = (struct block){start, start ? size : 0, block->byte * 37 + 11};
	if (!start)
		return;
	memset(start, block->byte, size < END_BYTES ? size : END_BYTES);
	if (size > END_BYTES)
		memset(start + size - END_BYTES, block->byte, END_BYTES);
}

/* The first `size` bytes of a block that was `length` bytes long. */
static void expect_bytes(const char *start, size_t length, size_t size, unsigned char byte)
{
	for (size_t at = 0; start && at < size; at++)
		if (at < END_BYTES || length - at <= END_BYTES)
			expect((unsigned char)start[at] == byte);
		else
			at = length - END_BYTES - 1;
}

static void expect_intact(const struct block *block, size_t size)
{
	expect_bytes(block->start, block->size, size, block->byte);
}

static void drop(struct block *block)
{
	expect_intact(block, block->size);
	sea_free(block->start);
	block->start = NULL;
	block->size = 0;
}

static size_t size_of(uint8_t class, uint8_t rest) { return ((size_t)rest + 1) << class % 14; }

static void resize(struct block *block, size_t size)
{
	size_t kept = block->size < size ? block->size : size;
	char *start = sea_realloc(block->start, size);
	if (!start)
		return;
	block->start = start;
	expect_intact(block, kept);
	keep(block, start, size);
}

static void take_zeroed(struct block *block, size_t size)
{
	drop(block);
	char *start = sea_calloc(1, size);
	expect_bytes(start, size, size, 0);
	keep(block, start, size);
}

static void take_aligned(struct block *block, size_t align, size_t size)
{
	drop(block);
	char *start = sea_aligned_alloc(align, size);
	expect((uintptr_t)start % align == 0);
	keep(block, start, size);
}

/* What a call is to do: 0 to 15. */
static unsigned what(const uint8_t *bytes) { return bytes[2] / 14 % 16; }

static void call(struct block blocks[NR_BLOCKS], const uint8_t *bytes)
{
	struct block *block = &blocks[bytes[0] % NR_BLOCKS];
	size_t size = size_of(bytes[2], bytes[1]);
	switch (what(bytes)) {
	case 0: case 1: case 2: drop(block); break;
	case 3: case 4: case 5: resize(block, size); break;
	case 6: case 7: take_zeroed(block, size); break;
	case 8: case 9: take_aligned(block, (size_t)1 << bytes[0] / 16, size); break;
	case 10: sea_malloc_trim(size); break;
	case 11: sim_fail((enum sim_call)(bytes[0] % (SIM_NR_CALLS + 1)), 1 + bytes[1] % 8, bytes[1] / 128); break;
	case 12: sim_heal(); break;
	default: drop(block); keep(block, sea_malloc(size), size);
	}
}

static void drop_all(struct block blocks[NR_BLOCKS])
{
	for (size_t i = 0; i < NR_BLOCKS; i++)
		drop(&blocks[i]);
}

/* After an input, when all blocks are free. */
static void audit(void)
{
	static unsigned nr_inputs;
	struct sea_stats stats;
	if (nr_inputs++ % AUDIT_ONE_IN)
		return;
	expect(sea_engine_is_sound());
	sea_account(&stats);
	expect(sea_account_adds_up(&stats) && !stats.live);
}

static void prepare(void)
{
	sim.is_quiet = true;
	sea_options.arena = SEA_MIB;
	sea_options.guard = 30;
}

#endif
