/* SPDX-License-Identifier: MIT */
/* overflow_then_trim.c SIZE - one byte behind, seen by malloc_trim() */
#include "misuse.h"

int main(int argc, char **argv)
{
	(void)argc;
	size_t size = number(argv, 1);
	char *q = (char *)accused(block(size));
	q[size] = 'x';
	malloc_trim(0);
	_exit(0);
}
