/* SPDX-License-Identifier: MIT */
/* underflow_of_first.c SIZE THREADS MIB - one byte in front of the first block of a slab
 *
 * Beside so many threads that sleep.  After that block so many MiB of others are allocated: then
 * the slab before it is in use.  With 0 it mostly is not yet.
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

static char *first_of_a_slab(size_t size)
{
	for (size_t bytes = 0; bytes < NR_BYTES; bytes += size) {
		char *start = block(size);
		if ((uintptr_t)start % slab_size(size) == 0)
			return start;
	}
	_exit(3);
}

int main(int argc, char **argv)
{
	(void)argc;
	size_t size = number(argv, 1);
	pthread_t thread;
	for (size_t i = 0; i < number(argv, 2); i++)
		if (pthread_create(&thread, NULL, sleep_for_ever, NULL))
			return 3;
	char *first = first_of_a_slab(size);
	for (size_t bytes = 0; bytes < number(argv, 3) << 20; bytes += size)
		block(size);
	char *q = (char *)accused(first);
	q[-1] ^= 0x41;
	free(first);
	return 0;
}
