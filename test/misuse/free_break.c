/* SPDX-License-Identifier: MIT */
/* free_break.c - memory below the program break, with a header as glibc writes it */
#include "misuse.h"

int main(void)
{
	block(100);
	char *start = sbrk(64 * 1024);
	if (start == (void *)-1)
		return 3;
	size_t *header = (size_t *)(void *)(start + (16 - (uintptr_t)start % 16) % 16);
	header[1] = 0x91;
	header[1 + 0x90 / sizeof(size_t)] = 0x91;
	free(accused(header + 2));
	return 0;
}
