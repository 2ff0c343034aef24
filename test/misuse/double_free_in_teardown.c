/* SPDX-License-Identifier: MIT */
/* double_free_in_teardown.c SIZE DISTANCE TAKEN - freed twice while more than 64 KiB are torn down
 *
 * DISTANCE others are freed between the two, and after the first TAKEN of them a block is
 * taken each.  It is noticed at the second free, or at the end of the process at the latest.
 * If malloc hands the block out between the two, there is no mistake to be made.
 */
#include "misuse.h"

enum { NR_BLOCKS = 20000, BYTES = 16 * 1024 * 1024 };

static char *blocks[NR_BLOCKS];

static size_t nr_of_size(size_t size)
{
	size_t count = BYTES / size;
	return count < NR_BLOCKS ? count : NR_BLOCKS;
}

int main(int argc, char **argv)
{
	size_t size = number(argv, argc - 3), distance = number(argv, argc - 2), taken = number(argv, argc - 1);
	size_t nr_blocks = nr_of_size(size), next = nr_blocks;
	for (size_t i = 0; i < nr_blocks; i++)
		blocks[i] = block(size);
	while (next > nr_blocks / 2)
		free(blocks[--next]);
	char *p = blocks[--next];
	void *again = accused(p);
	free(p);
	for (size_t i = 0; i < distance; i++) {
		if (i < taken && block(size) == again)
			return 3;
		free(blocks[--next]);
	}
	free(again);
	for (size_t i = 0; i < 10; i++)
		free(blocks[--next]);
	return 0;
}
