/* SPDX-License-Identifier: MIT */
/* usable_size_interior.c SIZE OFFSET */
#include "misuse.h"

int main(int argc, char **argv)
{
	char *p = block(number(argv, argc - 2));
	return malloc_usable_size(accused(p + number(argv, argc - 1))) == 1;
}
