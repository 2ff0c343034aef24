/* SPDX-License-Identifier: MIT */
/* double_free_by_realloc.c SIZE - realloc to 0 has freed it */
#include "misuse.h"

int main(int argc, char **argv)
{
	char *p = block(number(argv, argc - 1));
	void *again = accused(p);
	if (realloc(p, 0) != NULL)
		return 3;
	free(again);
	return 0;
}
