/* SPDX-License-Identifier: MIT */
/* overflow_by_megabyte.c SIZE - a megabyte behind a large block */
#include "misuse.h"

int main(int argc, char **argv)
{
	(void)argc;
	size_t size = number(argv, 1);
	char *p = block(size), *q = (char *)accused(p);
	memset(q, 'x', size + (1 << 20));
	free(p);
	return 0;
}
