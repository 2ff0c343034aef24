/* SPDX-License-Identifier: MIT */
/* overflow_then_realloc.c SIZE - one byte behind, seen when the block grows */
#include "misuse.h"

int main(int argc, char **argv)
{
	(void)argc;
	size_t size = number(argv, 1);
	char *p = block(size), *q = (char *)accused(p);
	q[size] = 'x';
	return realloc(p, 2 * size) == NULL;
}
