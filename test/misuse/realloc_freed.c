/* SPDX-License-Identifier: MIT */
/* realloc_freed.c SIZE NEW-SIZE */
#include "misuse.h"

int main(int argc, char **argv)
{
	char *p = block(number(argv, argc - 2));
	void *again = accused(p);
	free(p);
	return realloc(again, number(argv, argc - 1)) == NULL;
}
