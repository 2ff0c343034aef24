/* SPDX-License-Identifier: MIT */
/* underflow_of_lone_first.c SIZE THREADS - one byte in front of the first block of a slab, as soon as there
 * is one, so that the slab before it is mostly not in use yet; beside so many threads that sleep
 */
#include "misuse.h"

#include <pthread.h>

enum { NR_BYTES = 64 << 20, PAGE = 4096 };

/* Bytes of a slab with cells for `size`: src/secure/cell.h. */
static size_t slab_size(size_t size)
{
	return size <= 56 ? PAGE : size <= 1016 ? 4 * PAGE : size <= 8184 ? 16 * PAGE : 64 * PAGE;
}

static void *sleep_for_ever(void *unused)
{
	for (;;)
		pause();
	return unused;
}

int main(int argc, char **argv)
{
	(void)argc;
	size_t size = number(argv, 1);
	pthread_t thread;
	for (size_t i = 0; i < number(argv, 2); i++)
		if (pthread_create(&thread, NULL, sleep_for_ever, NULL))
			return 3;
	char *first = NULL;
	for (size_t bytes = 0; bytes < NR_BYTES && !first; bytes += size) {
		char *p = block(size);
		if ((uintptr_t)p % slab_size(size) == 0)
			first = p;
	}
	if (!first)
		return 3;
	char *q = (char *)accused(first);
	q[-1] ^= 0x41;
	free(first);
	return 0;
}
