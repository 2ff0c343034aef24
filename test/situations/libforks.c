/* SPDX-License-Identifier: MIT */
/* libforks.c - a library with fork handlers, as libraries for numbers and databases have
 *
 * The program is linked with it, so that it registers its handlers before a preloaded
 * allocator runs its constructor.  Its prepare handler waits for a worker that allocates, or
 * for a mutex that others hold while they allocate.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdlib.h>

#include "libforks.h"

enum { NR_SMALL = 64, NR_LARGE = 40 };

enum forks_kind forks_kind;
pthread_mutex_t forks_registry = PTHREAD_MUTEX_INITIALIZER;

static pthread_t worker;
static sem_t is_ready, may_end;
static bool is_running;

/* It has blocks when the fork comes, and needs the heap to end. */
static void *work(void *argument)
{
	void *small[NR_SMALL], *large[NR_LARGE];
	for (size_t i = 0; i < NR_SMALL; i++)
		small[i] = malloc(300 + i);
	sem_post(&is_ready);
	sem_wait(&may_end);
	for (size_t i = 0; i < NR_SMALL; i++)
		free(small[i]);
	for (size_t i = 0; i < NR_LARGE; i++)
		large[i] = malloc(200000);
	for (size_t i = 0; i < NR_LARGE; i++)
		free(large[i]);
	return argument;
}

void forks_start_worker(void)
{
	if (is_running)
		return;
	sem_init(&is_ready, 0, 0);
	sem_init(&may_end, 0, 0);
	is_running = pthread_create(&worker, NULL, work, NULL) == 0;
	if (is_running)
		sem_wait(&is_ready);
}

static void before_fork(void)
{
	if (forks_kind == FORKS_LOCK)
		pthread_mutex_lock(&forks_registry);
	if (forks_kind != FORKS_JOIN || !is_running)
		return;
	sem_post(&may_end);
	pthread_join(worker, NULL);
	is_running = false;
}

static void after_fork(void)
{
	if (forks_kind == FORKS_LOCK)
		pthread_mutex_unlock(&forks_registry);
}

__attribute__((constructor)) static void start(void)
{
	pthread_atfork(before_fork, after_fork, after_fork);
}
