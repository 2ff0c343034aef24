/* SPDX-License-Identifier: MIT */
/* free_interior.c SIZE OFFSET */
#include "misuse.h"

int main(int argc, char **argv)
{
	char *p = block(number(argv, argc - 2));
	free(accused(p + number(argv, argc - 1)));
	return 0;
}
