/* SPDX-License-Identifier: MIT */
/* double_free_by_two_threads.c SIZE - freed by a thread that ends, then by another */
#include "misuse.h"

#include <pthread.h>

static pthread_barrier_t barriers[2];
static void *again;

static void *free_it(void *barrier)
{
	pthread_barrier_wait(barrier);
	free(again);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[2];
	again = accused(block(number(argv, argc - 1)));
	for (int i = 0; i < 2; i++) {
		pthread_barrier_init(&barriers[i], NULL, 2);
		pthread_create(&threads[i], NULL, free_it, &barriers[i]);
	}
	for (int i = 0; i < 2; i++) {
		pthread_barrier_wait(&barriers[i]);
		pthread_join(threads[i], NULL);
	}
	return 0;
}
