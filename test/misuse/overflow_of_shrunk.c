/* SPDX-License-Identifier: MIT */
/* overflow_of_shrunk.c SIZE - a byte of the part that was given back */
#include "misuse.h"

int main(int argc, char **argv)
{
	(void)argc;
	size_t size = number(argv, 1);
	char *p = (char *)realloc(block(size), size - size / 4), *q = (char *)accused(p);
	q[size - 1] = 'x';
	free(p);
	return 0;
}
