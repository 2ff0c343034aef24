/* SPDX-License-Identifier: MIT */
/* overflow_of_calloc.c SIZE - one byte behind a block of calloc */
#include "misuse.h"

int main(int argc, char **argv)
{
	(void)argc;
	size_t size = number(argv, 1);
	char *p = (char *)calloc(1, size), *q = (char *)accused(p);
	q[size] = 'x';
	free(p);
	return 0;
}
