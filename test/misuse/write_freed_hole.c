/* SPDX-License-Identifier: MIT */
/* write_freed_hole.c WORD INDEX - writes WORD into word INDEX of blocks that were freed and
 * merged, and then takes and merges more: the allocator must not follow that word
 */
#include "misuse.h"

enum { NR_BLOCKS = 600, SIZE = 20000 };

static char *blocks[NR_BLOCKS];

static void fill(void)
{
	for (int i = 0; i < NR_BLOCKS; i++)
		blocks[i] = block(SIZE + (size_t)i % 7 * 1000);
}

int main(int argc, char **argv)
{
	uintptr_t word = strtoul(argv[argc - 2], NULL, 0);
	size_t index = number(argv, argc - 1);
	fill();
	for (int i = 0; i < NR_BLOCKS; i += 2)
		free(blocks[i]);
	malloc_trim(SIZE_MAX);
	for (int i = 0; i < 20; i++) /* lists the holes */
		blocks[2 * i] = block(5000 + 100 * (size_t)i);
	for (int i = 40; i < NR_BLOCKS; i += 2)
		((volatile uintptr_t *)accused(blocks[i]))[index] = word;
	for (int i = 1; i < NR_BLOCKS; i += 2)
		free(blocks[i]);
	malloc_trim(0);
	fill();
	return 0;
}
