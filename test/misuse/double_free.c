/* SPDX-License-Identifier: MIT */
/* double_free.c SIZE - twice in a row */
#include "misuse.h"

int main(int argc, char **argv)
{
	char *p = block(number(argv, argc - 1));
	void *again = accused(p);
	free(p);
	free(again);
	return 0;
}
