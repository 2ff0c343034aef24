/* SPDX-License-Identifier: MIT */
/* attack_grow_size.c SIZE - writes a larger size in front of a block and frees it: 1 if a
 * later block overlaps
 */
#include "misuse.h"

int main(int argc, char **argv)
{
	(void)argc;
	size_t size = number(argv, 1);
	char *a = block_that_is_not_first(size), *b = block(size);
	uint64_t *head = (uint64_t *)accused(a);
	head[-1] = 2 * (size + 16) | 1;
	free(a);
	char *whole = (char *)malloc(2 * size + 8);
	return b > whole && b < whole + 2 * size;
}
