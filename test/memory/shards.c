/* SPDX-License-Identifier: MIT */
/* shards.c - as many threads as the first argument says allocate at once; then malloc_stats()
 * writes to standard error */
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>

enum { MAX_THREADS = 64 };

static pthread_barrier_t barrier;

static void *allocate(void *unused)
{
	void *block = malloc(1000);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	free(block);
	return unused;
}

int main(int argc, char **argv)
{
	pthread_t threads[MAX_THREADS];
	int nr_threads = argc > 1 ? atoi(argv[1]) : 8;
	if (nr_threads < 1 || nr_threads > MAX_THREADS)
		return 2;
	pthread_barrier_init(&barrier, NULL, (unsigned)nr_threads + 1);
	for (int i = 0; i < nr_threads; i++)
		if (pthread_create(&threads[i], NULL, allocate, NULL) != 0)
			return 2;
	pthread_barrier_wait(&barrier);
	malloc_stats();
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < nr_threads; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
