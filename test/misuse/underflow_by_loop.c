/* SPDX-License-Identifier: MIT */
/* underflow_by_loop.c SIZE - a loop that counts down too far */
#include "misuse.h"

int main(int argc, char **argv)
{
	(void)argc;
	size_t size = number(argv, 1);
	char *p = block_that_is_not_first(size), *q = (char *)accused(p);
	for (ptrdiff_t i = (ptrdiff_t)size - 1; i >= -8; i--)
		*(volatile char *)(q + i) = 'x';
	free(p);
	return 0;
}
