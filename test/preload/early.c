/* SPDX-License-Identifier: MIT */
/* early.c - a program whose library allocates before the allocator is initialised, and
 * allocates in fork handlers that were registered before it
 *
 * 0 where all went well; hangs or dies otherwise.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern void *early_block;
extern int early_nr_handled;

enum { NR_FORKS = 100, NR_BUSY = 3 };

static _Atomic int stop;

static void allocate(void)
{
	for (size_t size = 16; size < 300000; size *= 3)
		free(memset(malloc(size), 1, size));
}

/* Rests after 200 MiB where the engine keeps all it ever gave. */
static void *stay_busy(void *unused)
{
	const char *engine = getenv("SEA_TEST_ENGINE");
	size_t nr_left = engine != NULL && strcmp(engine, "watermark") == 0 ? 500 : (size_t)-1;
	for (; !stop && nr_left > 0; nr_left--)
		allocate();
	return unused;
}

static int fork_once(void)
{
	int status = 0;
	pid_t child = fork();
	if (child == 0) {
		alarm(20);
		allocate();
		early_block = realloc(early_block, 2000);
		_exit(early_block == NULL);
	}
	return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

int main(void)
{
	pthread_t threads[NR_BUSY];
	const char *kept = early_block;
	for (int i = 0; i < 1000; i++)
		if (kept[i] != 7)
			return 1;
	early_block = realloc(early_block, 5000);
	if (early_block == NULL || memcmp(early_block, "\a\a\a\a", 4) != 0)
		return 1;
	if (pthread_atfork(allocate, allocate, allocate) != 0)
		return 1;
	for (int i = 0; i < NR_BUSY; i++)
		if (pthread_create(&threads[i], NULL, stay_busy, NULL) != 0)
			return 1;
	for (int i = 0; i < NR_FORKS; i++)
		if (!fork_once())
			return 2;
	stop = 1;
	for (int i = 0; i < NR_BUSY; i++)
		pthread_join(threads[i], NULL);
	return early_nr_handled == 2 * NR_FORKS ? 0 : 3;
}
