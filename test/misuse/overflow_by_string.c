/* SPDX-License-Identifier: MIT */
/* overflow_by_string.c SIZE - a string whose end does not fit */
#include "misuse.h"

int main(int argc, char **argv)
{
	(void)argc;
	size_t size = number(argv, 1);
	char *p = block(size), *q = (char *)accused(p), source[5000];
	memset(source, 'x', size);
	source[size] = 0;
	strcpy(q, source);
	free(p);
	return 0;
}
