/* SPDX-License-Identifier: MIT */
/* pair.c [PAIRS [SIZE]] - malloc and free of one size, again and again
 *
 * The block comes from the thread's cache every time.  Linked to no allocator: it
 * comes in by LD_PRELOAD.  scripts/count-instructions counts what a pair takes.
 */
#include <stdlib.h>

int main(int argc, char **argv)
{
	long pairs = argc > 1 ? atol(argv[1]) : 1000000;
	size_t size = argc > 2 ? (size_t)atol(argv[2]) : 64;
	for (long i = 0; i < pairs; i++) {
		void *block = malloc(size);
		__asm__ volatile("" : : "r"(block) : "memory");
		free(block);
	}
	return 0;
}
