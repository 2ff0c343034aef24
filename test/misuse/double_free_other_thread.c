/* SPDX-License-Identifier: MIT */
/* double_free_other_thread.c SIZE - freed here, then by another thread */
#include "misuse.h"

#include <pthread.h>

static void *free_it(void *again)
{
	free(again);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread;
	char *p = block(number(argv, argc - 1));
	void *again = accused(p);
	free(p);
	pthread_create(&thread, NULL, free_it, again);
	pthread_join(thread, NULL);
	return 0;
}
