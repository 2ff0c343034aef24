/* SPDX-License-Identifier: MIT */
/* read_freed.c SIZE - reads a freed block: 1 if the old bytes are there */
#include "misuse.h"

int main(int argc, char **argv)
{
	(void)argc;
	size_t size = number(argv, 1);
	char *p = block(size), *q = (char *)accused(p);
	memset(p, 's', size);
	free(p);
	for (size_t i = 0; i < size; i++)
		if (*(volatile char *)(q + i) == 's')
			_exit(1);
	_exit(0);
}
