/* SPDX-License-Identifier: MIT */
/* free_interior_aligned.c ALIGN SIZE OFFSET */
#include "misuse.h"

int main(int argc, char **argv)
{
	char *p = memalign(number(argv, argc - 3), number(argv, argc - 2));
	if (p == NULL)
		return 3;
	free(accused(p + number(argv, argc - 1)));
	return 0;
}
