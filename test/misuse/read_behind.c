/* SPDX-License-Identifier: MIT */
/* read_behind.c SIZE - reads the bytes behind a large block */
#include "misuse.h"

int main(int argc, char **argv)
{
	(void)argc;
	size_t size = number(argv, 1);
	volatile char *q = (volatile char *)accused(block(size));
	return q[size + 4000] == 'x';
}
