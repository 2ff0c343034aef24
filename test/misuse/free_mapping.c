/* SPDX-License-Identifier: MIT */
/* free_mapping.c SIZE OFFSET - memory that the program has mapped itself */
#include "misuse.h"

#include <sys/mman.h>

int main(int argc, char **argv)
{
	block(100); /* the heap exists */
	char *p = mmap(NULL, number(argv, argc - 2), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return 3;
	free(accused(p + number(argv, argc - 1)));
	return 0;
}
