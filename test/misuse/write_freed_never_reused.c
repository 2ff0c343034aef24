/* SPDX-License-Identifier: MIT */
/* write_freed_never_reused.c SIZE - writes to a freed block; seen when the process exits */
#include "misuse.h"

int main(int argc, char **argv)
{
	(void)argc;
	size_t size = number(argv, 1);
	char *p = block(size), *q = (char *)accused(p);
	free(p);
	q[size / 2] = 'x';
	return 0;
}
