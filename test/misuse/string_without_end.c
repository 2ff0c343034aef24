/* SPDX-License-Identifier: MIT */
/* string_without_end.c SIZE - a string that fills its block: 1 if it is read further */
#include "misuse.h"

int main(int argc, char **argv)
{
	(void)argc;
	size_t size = number(argv, 1);
	char *p = block(size), *q = (char *)accused(p);
	memset(p, 'x', size);
	return strlen(q) != size;
}
