/* SPDX-License-Identifier: MIT */
/* double_free_after_thread.c SIZE - freed by another thread, which still lives, then here */
#include "misuse.h"

#include <pthread.h>

static pthread_barrier_t barrier;

static void *free_it(void *p)
{
	free(p);
	pthread_barrier_wait(&barrier);
	pause();
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread;
	void *again = accused(block(number(argv, argc - 1)));
	pthread_barrier_init(&barrier, NULL, 2);
	pthread_create(&thread, NULL, free_it, again);
	pthread_barrier_wait(&barrier);
	free(again);
	return 0;
}
