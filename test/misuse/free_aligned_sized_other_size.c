/* SPDX-License-Identifier: MIT */
/* free_aligned_sized_other_size.c ALIGN SIZE TOLD - free_aligned_sized() of another size */
#include "misuse.h"

void free_aligned_sized(void *, size_t, size_t) __attribute__((weak));

int main(int argc, char **argv)
{
	(void)argc;
	free_aligned_sized(accused(memalign(number(argv, 1), number(argv, 2))), number(argv, 1), number(argv, 3));
	return 0;
}
