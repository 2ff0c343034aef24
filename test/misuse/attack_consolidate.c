/* SPDX-License-Identifier: MIT */
/* attack_consolidate.c SIZE - a freed block and its neighbours are merged by a large request, and
 * it is freed again
 */
#include "misuse.h"

int main(int argc, char **argv)
{
	(void)argc;
	char *row[9];
	size_t size = number(argv, 1);
	for (int i = 0; i < 9; i++)
		row[i] = block(size);
	void *again = accused(row[8]);
	for (int i = 0; i < 9; i++)
		free(row[i]);
	void *large = malloc(300000);
	free(again);
	free(large);
	return 0;
}
