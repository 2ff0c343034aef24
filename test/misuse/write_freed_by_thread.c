/* SPDX-License-Identifier: MIT */
/* write_freed_by_thread.c SIZE - another thread writes to a freed block */
#include "misuse.h"

#include <pthread.h>

static void *write_to_it(void *p)
{
	*(volatile char *)p = 'x';
	return NULL;
}

int main(int argc, char **argv)
{
	(void)argc;
	size_t size = number(argv, 1);
	pthread_t thread;
	char *p = block(size);
	free(accused(p));
	if (pthread_create(&thread, NULL, write_to_it, p) != 0)
		return 3;
	pthread_join(thread, NULL);
	for (int i = 0; i < 100000; i++)
		free(malloc(size));
	_exit(0);
}
