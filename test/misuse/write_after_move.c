/* SPDX-License-Identifier: MIT */
/* write_after_move.c SIZE - writes by the old pointer after realloc() has moved the block */
#include "misuse.h"

int main(int argc, char **argv)
{
	(void)argc;
	size_t size = number(argv, 1);
	char *p = block(size), *q = (char *)accused(p), *moved = (char *)realloc(p, 5 * size);
	if (moved == q)
		return 3;
	*(volatile char *)q = 'x';
	for (int i = 0; i < 100000; i++)
		free(malloc(size));
	_exit(0);
}
