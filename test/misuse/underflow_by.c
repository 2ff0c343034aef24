/* SPDX-License-Identifier: MIT */
/* underflow_by.c SIZE BYTES - one byte, so many in front of the block */
#include "misuse.h"

int main(int argc, char **argv)
{
	(void)argc;
	size_t size = number(argv, 1);
	char *p = block_that_is_not_first(size), *q = (char *)accused(p);
	q[-(ptrdiff_t)number(argv, 2)] ^= 0x41;
	free(p);
	return 0;
}
