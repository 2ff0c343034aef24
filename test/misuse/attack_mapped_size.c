/* SPDX-License-Identifier: MIT */
/* attack_mapped_size.c SIZE - makes a large block longer by the word in front of it, and frees
 * it */
#include "misuse.h"

int main(int argc, char **argv)
{
	(void)argc;
	size_t size = number(argv, 1);
	char *a = block(size), *b = block(size);
	uint64_t *word = (uint64_t *)accused(a) - 1;
	*word = 2 * size + 8192 + 2;
	free(a);
	b[0] = 1;
	return 0;
}
