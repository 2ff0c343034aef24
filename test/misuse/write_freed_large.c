/* SPDX-License-Identifier: MIT */
/* write_freed_large.c SIZE - writes to a freed large block */
#include "misuse.h"

int main(int argc, char **argv)
{
	(void)argc;
	size_t size = number(argv, 1);
	volatile char *p = (volatile char *)accused(block(size));
	free((void *)p);
	p[size / 2] = 'x';
	_exit(0);
}
