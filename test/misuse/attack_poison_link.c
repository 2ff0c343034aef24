/* SPDX-License-Identifier: MIT */
/* attack_poison_link.c SIZE - writes the address of a target into a freed block: 1 if
 * malloc() hands the target out
 */
#include "misuse.h"

int main(int argc, char **argv)
{
	(void)argc;
	size_t size = number(argv, 1);
	static char target[4096] __attribute__((aligned(64)));
	void *a = block(size), *b = block(size);
	free(a);
	free(b);
	*(void *volatile *)accused(b) = target + 64;
	for (int i = 0; i < 2000; i++) {
		char *p = (char *)malloc(size);
		if (p >= target && p < target + sizeof(target))
			_exit(1);
	}
	_exit(0);
}
