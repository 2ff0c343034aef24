/* SPDX-License-Identifier: MIT */
/* double_free_after_move.c SIZE - the old address of a block that realloc has moved */
#include "misuse.h"

int main(int argc, char **argv)
{
	size_t size = number(argv, argc - 1);
	char *p = block(size), *behind = block(size);
	void *again = accused(p);
	char *moved = realloc(p, size * 100);
	if (moved == NULL || moved == again)
		return 3;
	free(again);
	free(behind);
	return 0;
}
