/* SPDX-License-Identifier: MIT */
/* underflow_of_large.c SIZE - a page in front of a large block */
#include "misuse.h"

int main(int argc, char **argv)
{
	(void)argc;
	size_t size = number(argv, 1);
	volatile char *q = (volatile char *)accused(block(size));
	q[-4096] = 'x';
	return 0;
}
