/* SPDX-License-Identifier: MIT */
/* attack_force.c SIZE - writes -1 behind a block, where some heaps have the size of what is
 * unused, and asks for so much that the next block would lie on a target: 1 if it does
 */
#include "misuse.h"

static char target[4096] __attribute__((aligned(64)));

int main(int argc, char **argv)
{
	(void)argc;
	size_t size = number(argv, 1);
	char *last = (char *)accused(block(size));
	/* up to the end of that size, and no further */
	memset(last + size, 0xff, size % 16 ? 8 : 16);
	void *volatile between = malloc((uintptr_t)target - (uintptr_t)last - size - 64);
	char *next = (char *)malloc(size);
	(void)between;
	if (next >= target && next < target + sizeof(target))
		_exit(1);
	return 0;
}
