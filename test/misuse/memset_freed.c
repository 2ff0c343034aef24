/* SPDX-License-Identifier: MIT */
/* memset_freed.c SIZE - fills a freed block */
#include "misuse.h"

int main(int argc, char **argv)
{
	(void)argc;
	size_t size = number(argv, 1);
	char *p = block(size), *q = (char *)accused(p);
	free(p);
	memset(q, 'x', size);
	malloc_trim(0);
	_exit(0);
}
