/* SPDX-License-Identifier: MIT */
/* attack_null_byte.c SIZE - one zero byte over the end, and a larger false block before it */
#include "misuse.h"

int main(int argc, char **argv)
{
	(void)argc;
	size_t size = number(argv, 1);
	char *a = block(size), *b = block(size), *c = block(256);
	accused(a);
	a[size] = 0;
	free(a); /* first: the free of a neighbour would notice it, too */
	free(b);
	char *whole = (char *)malloc(2 * size);
	return whole && c > whole && c < whole + 2 * size;
}
