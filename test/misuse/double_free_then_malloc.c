/* SPDX-License-Identifier: MIT */
/* double_free_then_malloc.c SIZE COUNT - the last of COUNT blocks twice, and one is taken between
 * or after
 *
 * Whatever room the cache has left at that moment: nobody may get the block while it is on
 * its way back to its zone.
 */
#include "misuse.h"

enum { NR_BLOCKS = 4096 };

static char *others[NR_BLOCKS];

int main(int argc, char **argv)
{
	size_t size = number(argv, argc - 2), count = number(argv, argc - 1);
	for (size_t i = 0; i < NR_BLOCKS; i++)
		others[i] = block(size);
	void *again = accused(others[count]);
	for (size_t i = 0; i <= count; i++)
		free(others[i]);
	char *between = count % 2 ? block(size) : NULL;
	free(again);
	char *behind = block(size);
	for (size_t i = count + 1; i < NR_BLOCKS; i++)
		free(others[i]);
	return between == behind;
}
