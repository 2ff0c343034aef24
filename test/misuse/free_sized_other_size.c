/* SPDX-License-Identifier: MIT */
/* free_sized_other_size.c SIZE TOLD - free_sized() of another size */
#include "misuse.h"

void free_sized(void *, size_t) __attribute__((weak));

int main(int argc, char **argv)
{
	(void)argc;
	free_sized(accused(block(number(argv, 1))), number(argv, 2));
	return 0;
}
