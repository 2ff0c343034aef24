/* SPDX-License-Identifier: MIT */
/* underflow_by_word.c SIZE - writes to where other allocators have the size of the block */
#include "misuse.h"

int main(int argc, char **argv)
{
	(void)argc;
	size_t size = number(argv, 1);
	char *p = block_that_is_not_first(size);
	uint64_t *q = (uint64_t *)accused(p);
	q[-1] = 0x111;
	free(p);
	return 0;
}
