/* SPDX-License-Identifier: MIT */
/* double_free_between.c SIZE - a, b, a */
#include "misuse.h"

int main(int argc, char **argv)
{
	size_t size = number(argv, argc - 1);
	char *a = block(size), *b = block(size);
	void *again = accused(a);
	free(a);
	free(b);
	free(again);
	return 0;
}
