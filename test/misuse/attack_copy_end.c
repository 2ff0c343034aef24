/* SPDX-License-Identifier: MIT */
/* attack_copy_end.c SIZE BYTES - overwrites the bytes behind a block by those behind another of
 * its size */
#include "misuse.h"

int main(int argc, char **argv)
{
	(void)argc;
	size_t size = number(argv, 1);
	char *from = block(size), *to = (char *)accused(block(size));
	volatile char *source = from;
	for (size_t i = 0; i < size + number(argv, 2); i++)
		to[i] = source[i];
	free(to);
	return 0;
}
