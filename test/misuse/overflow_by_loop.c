/* SPDX-License-Identifier: MIT */
/* overflow_by_loop.c SIZE BYTES - a loop that runs too far */
#include "misuse.h"

int main(int argc, char **argv)
{
	(void)argc;
	size_t size = number(argv, 1);
	char *p = block(size), *q = (char *)accused(p);
	for (size_t i = 0; i < size + number(argv, 2); i++)
		*(volatile char *)(q + i) = 'x';
	free(p);
	return 0;
}
