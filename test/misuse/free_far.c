/* SPDX-License-Identifier: MIT */
/* free_far.c SIZE OFFSET - a pointer that far behind a block */
#include "misuse.h"

int main(int argc, char **argv)
{
	(void)argc;
	char *p = block(number(argv, 1));
	free(accused(p + number(argv, 2)));
	return 0;
}
