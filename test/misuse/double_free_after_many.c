/* SPDX-License-Identifier: MIT */
/* double_free_after_many.c SIZE COUNT - COUNT others of the size are freed between */
#include "misuse.h"

static char *others[1000000];

int main(int argc, char **argv)
{
	size_t size = number(argv, argc - 2), count = number(argv, argc - 1);
	for (size_t i = 0; i < count / 2; i++)
		others[i] = block(size);
	char *p = block(size);
	for (size_t i = count / 2; i < count; i++)
		others[i] = block(size);
	void *again = accused(p);
	free(p);
	for (size_t i = 0; i < count; i++)
		free(others[i]);
	free(again);
	return 0;
}
