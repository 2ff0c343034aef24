/* SPDX-License-Identifier: MIT */
/* double_free_other_thread.c SIZE - freed here, then by another thread
 *
 * The thread exists beforehand: what it takes to create one may come to lie where the
 * freed block was.
 */
#include "misuse.h"

#include <pthread.h>

static pthread_barrier_t barrier;

static void *free_it(void *again)
{
	pthread_barrier_wait(&barrier);
	free(again);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread;
	char *p = block(number(argv, argc - 1));
	void *again = accused(p);
	pthread_barrier_init(&barrier, NULL, 2);
	pthread_create(&thread, NULL, free_it, again);
	free(p);
	pthread_barrier_wait(&barrier);
	pthread_join(thread, NULL);
	return 0;
}
