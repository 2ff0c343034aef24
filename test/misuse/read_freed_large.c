/* SPDX-License-Identifier: MIT */
/* read_freed_large.c SIZE - reads a freed large block */
#include "misuse.h"

int main(int argc, char **argv)
{
	(void)argc;
	size_t size = number(argv, 1);
	volatile char *p = (volatile char *)accused(block(size));
	free((void *)p);
	return p[size / 2] == 'x';
}
