/* SPDX-License-Identifier: MIT */
/* write_freed_reused.c SIZE OFFSET - writes to a freed block; seen when it is handed out
 * again
 */
#include "misuse.h"

int main(int argc, char **argv)
{
	(void)argc;
	size_t size = number(argv, 1);
	char *p = block(size), *q = (char *)accused(p);
	free(p);
	q[number(argv, 2)] = 'x';
	for (int i = 0; i < 100000; i++)
		free(malloc(size));
	_exit(0);
}
