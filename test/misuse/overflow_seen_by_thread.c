/* SPDX-License-Identifier: MIT */
/* overflow_seen_by_thread.c SIZE - one byte behind; another thread frees the block */
#include "misuse.h"

#include <pthread.h>

static void *free_it(void *p)
{
	free(p);
	return NULL;
}

int main(int argc, char **argv)
{
	(void)argc;
	size_t size = number(argv, 1);
	pthread_t thread;
	char *p = block(size), *q = (char *)accused(p);
	q[size] = 'x';
	if (pthread_create(&thread, NULL, free_it, p) != 0)
		return 3;
	pthread_join(thread, NULL);
	return 0;
}
