/* SPDX-License-Identifier: MIT */
/* read_outside.c SIZE BYTES - reads a byte so far behind the end of a block */
#include "misuse.h"

int main(int argc, char **argv)
{
	(void)argc;
	size_t size = number(argv, 1);
	volatile char *q = (volatile char *)accused(block(size));
	return q[size + number(argv, 2)] == 'x';
}
