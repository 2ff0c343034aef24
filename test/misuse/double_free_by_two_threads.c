/* SPDX-License-Identifier: MIT */
/* double_free_by_two_threads.c SIZE - freed by a thread that ends, then by another */
#include "misuse.h"

#include <pthread.h>

static void *free_it(void *p)
{
	free(p);
	return NULL;
}

int main(int argc, char **argv)
{
	void *again = accused(block(number(argv, argc - 1)));
	for (int i = 0; i < 2; i++) {
		pthread_t thread;
		pthread_create(&thread, NULL, free_it, again);
		pthread_join(thread, NULL);
	}
	return 0;
}
