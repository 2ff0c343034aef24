/* SPDX-License-Identifier: MIT */
/* realloc_interior.c SIZE OFFSET */
#include "misuse.h"

int main(int argc, char **argv)
{
	char *p = block(number(argv, argc - 2));
	return realloc(accused(p + number(argv, argc - 1)), 10000) == NULL;
}
