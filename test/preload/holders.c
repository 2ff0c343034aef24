/* SPDX-License-Identifier: MIT */
/* holders.c [NUMBER] - so many threads (8) hold a block each at the same time; then
 * malloc_stats() says how the heap is divided
 *
 * A thread's first block may make the allocator look at files of the kernel: errno is
 * as before, and no descriptor stays open.
 */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAX_THREADS = 64 };

static pthread_barrier_t all_hold, all_may_go;

static void *hold(void *unused)
{
	errno = -1;
	void *block = malloc(100);
	int error = errno;
	pthread_barrier_wait(&all_hold);
	pthread_barrier_wait(&all_may_go);
	free(block);
	return block && error == -1 ? unused : &all_hold;
}

static int next_descriptor(void)
{
	int next = dup(STDERR_FILENO);
	close(next);
	return next;
}

int main(int argc, char **argv)
{
	static pthread_t threads[MAX_THREADS];
	int nr = argc > 1 ? atoi(argv[1]) : 8;
	if (nr < 0 || nr > MAX_THREADS)
		return 2;
	free(malloc(100));
	int descriptor = next_descriptor();
	pthread_barrier_init(&all_hold, NULL, (unsigned)nr + 1);
	pthread_barrier_init(&all_may_go, NULL, (unsigned)nr + 1);
	for (int i = 0; i < nr; i++)
		if (pthread_create(&threads[i], NULL, hold, NULL))
			return 3;
	pthread_barrier_wait(&all_hold);
	malloc_stats();
	pthread_barrier_wait(&all_may_go);
	for (int i = 0; i < nr; i++) {
		void *failed;
		pthread_join(threads[i], &failed);
		if (failed)
			return 4;
	}
	return next_descriptor() == descriptor ? 0 : 5;
}
