/* SPDX-License-Identifier: MIT */
/* overflow_of_grown.c SIZE - one byte behind a block that has grown */
#include "misuse.h"

int main(int argc, char **argv)
{
	(void)argc;
	size_t size = number(argv, 1);
	char *p = (char *)realloc(block(size), 3 * size), *q = (char *)accused(p);
	q[3 * size] = 'x';
	free(p);
	return 0;
}
