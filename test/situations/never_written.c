/* SPDX-License-Identifier: MIT */
/* never_written.c - blocks of which the program writes the first byte and no other
 *
 * Whatever malloc left in the second word is still there when the block is freed.  The sizes
 * cross the border between chunks of a zone and runs of pages, up and down.
 */
#include "situation.h"

/* A large buffer grows, and is then cut to a size that a chunk may have. */
static void grow_and_shrink(void)
{
	for (size_t i = 0; i < test_pick(20000, 20000, 200000); i++) {
		size_t size = 300000 + i * 7919 % 3000000;
		char *buffer = situation_block(size);
		CHECK((buffer = realloc(buffer, size + i * 31337 % 2000000)) != NULL);
		CHECK((buffer = realloc(buffer, 100000 + i * 104729 % 150000)) != NULL);
		*(volatile char *)buffer = 2;
		free(buffer);
	}
}

/* The same memory as small blocks, as buffers of some pages, and as small blocks again. */
static void other_sizes_in_turn(void)
{
	static const size_t sizes[] = {16, 5000, 48, 300000, 200, 70000, 32, 1500000, 1000};
	enum { BYTES = 8 * 1024 * 1024 };
	static char *blocks[BYTES / 16];
	for (size_t round = 0; round < test_pick(4, 20, 200); round++)
		for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
			size_t count = BYTES / sizes[s];
			for (size_t i = 0; i < count; i++)
				blocks[i] = situation_block(sizes[s]);
			for (size_t i = 0; i < count; i++)
				free(blocks[i]);
		}
}

static const struct test_case cases[] = {
	{.name = "buffers that grow and shrink", .run = grow_and_shrink, .seconds = 300},
	{.name = "blocks of other sizes in turn", .run = other_sizes_in_turn, .seconds = 300},
};

HARNESS_MAIN(cases)
