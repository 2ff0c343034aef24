/* SPDX-License-Identifier: MIT */
/* libhandlers.c - a library with fork handlers, registered by its constructor, which runs before
 * the program's and before that of most libraries
 *
 * The one before the fork waits: for a thread of its own that allocates, as a library of linear
 * algebra stops its workers; or for a mutex that other threads hold while they allocate.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

int handlers_kind; /* 0: waits for its thread, 1: for the mutex */
pthread_mutex_t handlers_mutex = PTHREAD_MUTEX_INITIALIZER;
void handlers_start(void);

static pthread_t worker;
static sem_t go, is_ready;
static int is_running;

/* Has a cache before it waits, and sends much back behind it. */
static void *work(void *unused)
{
	void *few[64], *many[40];
	for (int i = 0; i < 64; i++)
		few[i] = malloc(300 + (size_t)i);
	sem_post(&is_ready);
	sem_wait(&go);
	for (int i = 0; i < 64; i++)
		free(few[i]);
	for (int i = 0; i < 40; i++)
		many[i] = malloc(200000);
	for (int i = 0; i < 40; i++)
		free(many[i]);
	return unused;
}

void handlers_start(void)
{
	sem_init(&go, 0, 0);
	sem_init(&is_ready, 0, 0);
	if (pthread_create(&worker, NULL, work, NULL))
		abort();
	is_running = 1;
	sem_wait(&is_ready);
}

static void before(void)
{
	if (handlers_kind == 1)
		pthread_mutex_lock(&handlers_mutex);
	if (handlers_kind == 0 && is_running) {
		sem_post(&go);
		pthread_join(worker, NULL);
		is_running = 0;
	}
}

static void after(void)
{
	if (handlers_kind == 1)
		pthread_mutex_unlock(&handlers_mutex);
}

__attribute__((constructor)) static void start(void) { pthread_atfork(before, after, after); }
