/* SPDX-License-Identifier: MIT */
/* free_wild_late.c ADDRESS - the heap is in use */
#include "misuse.h"

int main(int argc, char **argv)
{
	for (size_t size = 1; size < 10000000; size *= 3)
		block(size);
	free(accused((void *)number(argv, argc - 1)));
	return 0;
}
