/* SPDX-License-Identifier: MIT */
/* double_free_mixed.c SIZE - between the two, blocks of other sizes come and go, all
 * kept alive so that none takes the place of the freed one
 */
#include "misuse.h"

int main(int argc, char **argv)
{
	size_t size = number(argv, argc - 1);
	char *before = block(size), *p = block(size), *behind = block(size);
	void *again = accused(p);
	free(p);
	for (size_t i = 0; i < 10000; i++)
		block(size * 2 + 32 + i % 7 * 16);
	free(again);
	free(before);
	free(behind);
	return 0;
}
