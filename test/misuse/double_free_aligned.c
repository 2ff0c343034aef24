/* SPDX-License-Identifier: MIT */
/* double_free_aligned.c ALIGN SIZE */
#include "misuse.h"

int main(int argc, char **argv)
{
	void *p = memalign(number(argv, argc - 2), number(argv, argc - 1));
	void *again = accused(p);
	free(p);
	free(again);
	return 0;
}
