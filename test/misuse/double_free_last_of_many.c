/* SPDX-License-Identifier: MIT */
/* double_free_last_of_many.c SIZE COUNT - the block that made the cache overflow */
#include "misuse.h"

static char *others[1000000];

int main(int argc, char **argv)
{
	size_t size = number(argv, argc - 2), count = number(argv, argc - 1);
	for (size_t i = 0; i < count; i++)
		others[i] = block(size);
	void *again = accused(others[count - 1]);
	for (size_t i = 0; i < count; i++)
		free(others[i]);
	free(again);
	return 0;
}
