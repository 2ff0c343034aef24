/* SPDX-License-Identifier: MIT */
/* overflow_of_aligned.c ALIGN SIZE - one byte behind an aligned block */
#include "misuse.h"

int main(int argc, char **argv)
{
	(void)argc;
	size_t size = number(argv, 2);
	char *p = (char *)memalign(number(argv, 1), size), *q = (char *)accused(p);
	q[size] = 'x';
	free(p);
	return 0;
}
