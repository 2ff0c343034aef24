/* SPDX-License-Identifier: MIT */
/* free_behind.c SIZE - the address just behind the newest block of its size */
#include "misuse.h"

int main(int argc, char **argv)
{
	size_t size = number(argv, argc - 1);
	char *last = block(size);
	for (int i = 0; i < 100; i++) {
		char *p = block(size);
		last = p > last ? p : last;
	}
	free(accused(last + malloc_usable_size(last)));
	return 0;
}
