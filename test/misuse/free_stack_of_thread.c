/* SPDX-License-Identifier: MIT */
/* free_stack_of_thread.c - an array on the stack of another thread than main */
#include "misuse.h"

#include <pthread.h>

static void *run(void *unused)
{
	(void)unused;
	_Alignas(16) char local[256] = {0};
	free(accused(local + 64));
	return (void *)(uintptr_t)local[0];
}

int main(void)
{
	pthread_t thread;
	pthread_create(&thread, NULL, run, NULL);
	pthread_join(thread, NULL);
	return 0;
}
