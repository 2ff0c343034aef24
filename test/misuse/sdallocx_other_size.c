/* SPDX-License-Identifier: MIT */
/* sdallocx_other_size.c SIZE TOLD - jemalloc's sized free of another size */
#include "misuse.h"

void sdallocx(void *, size_t, int) __attribute__((weak));

int main(int argc, char **argv)
{
	(void)argc;
	sdallocx(accused(block(number(argv, 1))), number(argv, 2), 0);
	return 0;
}
