/* SPDX-License-Identifier: MIT */
/* underflow_of_first.c SIZE - one byte in front of a block that is the first of its slab */
#include "misuse.h"

enum { NR_BYTES = 6 << 20, PAGE = 4096, MIB = 1 << 20 };

/* Bytes of a slab with cells for `size`: src/secure/cell.h. */
static size_t slab_size(size_t size)
{
	return size <= 56 ? PAGE : size <= 1016 ? 4 * PAGE : size <= 8184 ? 16 * PAGE : 64 * PAGE;
}

int main(int argc, char **argv)
{
	(void)argc;
	char *first = NULL;
	size_t size = number(argv, 1);
	for (size_t bytes = 0; bytes < NR_BYTES; bytes += size) {
		char *p = block(size);
		uintptr_t at = (uintptr_t)p;
		if (at % slab_size(size) == 0 && at % MIB != 0 && bytes < NR_BYTES / 3)
			first = p;
	}
	if (!first)
		return 3;
	char *q = (char *)accused(first);
	q[-1] ^= 0x41;
	free(first);
	return 0;
}
