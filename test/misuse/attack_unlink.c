/* SPDX-License-Identifier: MIT */
/* attack_unlink.c SIZE - makes a false free block inside a block, and frees the one behind
 * it
 */
#include "misuse.h"

int main(int argc, char **argv)
{
	(void)argc;
	size_t size = number(argv, 1);
	uint64_t *a = (uint64_t *)block(size), *b = (uint64_t *)block(size);
	a[0] = 0, a[1] = size - 15, a[2] = (uintptr_t)&a - 24, a[3] = (uintptr_t)&a - 16;
	accused(a);
	memset(a + size / 8, 0, 16);
	free(a);
	free(b);
	_exit(0);
}
