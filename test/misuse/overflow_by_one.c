/* SPDX-License-Identifier: MIT */
/* overflow_by_one.c SIZE BYTE - one byte behind the block, seen when it is freed */
#include "misuse.h"

int main(int argc, char **argv)
{
	(void)argc;
	char *p = block(number(argv, 1)), *q = (char *)accused(p);
	q[number(argv, 1)] = (char)number(argv, 2);
	free(p);
	return 0;
}
