/* SPDX-License-Identifier: MIT */
/* double_free_after_trim.c SIZE - malloc_trim has merged and given back all that is free */
#include "misuse.h"

int main(int argc, char **argv)
{
	char *p = block(number(argv, argc - 1));
	void *again = accused(p);
	free(p);
	malloc_trim(0);
	free(again);
	return 0;
}
