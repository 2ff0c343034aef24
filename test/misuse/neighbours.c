/* SPDX-License-Identifier: MIT */
/* neighbours.c SIZE - blocks that are allocated in a row: 1 if half of them are neighbours */
#include "misuse.h"

int main(int argc, char **argv)
{
	(void)argc;
	size_t size = number(argv, 1);
	char *before = block(size);
	int nr_near = 0;
	accused(before);
	for (int i = 0; i < 1000; i++) {
		char *p = block(size);
		size_t distance = (size_t)(p - before);
		nr_near += distance <= size + 32;
		before = p;
	}
	return nr_near >= 500;
}
