/* SPDX-License-Identifier: MIT */
/* overflow_then_usable_size.c SIZE - one byte behind, seen by a question */
#include "misuse.h"

int main(int argc, char **argv)
{
	(void)argc;
	size_t size = number(argv, 1);
	char *p = block(size), *q = (char *)accused(p);
	q[size] = 'x';
	return malloc_usable_size(p) == 0;
}
