/* SPDX-License-Identifier: MIT */
/* usable_size_freed.c SIZE */
#include "misuse.h"

int main(int argc, char **argv)
{
	char *p = block(number(argv, argc - 1));
	void *again = accused(p);
	free(p);
	return malloc_usable_size(again) == 1;
}
