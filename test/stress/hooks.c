/* SPDX-License-Identifier: MIT */
/* hooks.c - what threads run when they end, on the real system
 *
 * Each thread registers three hooks, as many threads at once.  Each hook must be called once for
 * each thread, with the argument that was registered with it: two hooks have keys of their own, the
 * third is a destructor of the C++ library's kind.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/os.h"

enum { NR_THREADS = 8, NR_HOOKS = 3, ROUNDS = 50 };

static unsigned nr_calls[NR_HOOKS][NR_THREADS];
static unsigned nr_wrong;
static pthread_barrier_t start;

/* The argument says which hook and which thread it is for. */
static void note(uintptr_t hook, void *argument)
{
	uintptr_t word = (uintptr_t)argument - 1;
	if (word / NR_THREADS != hook)
		__atomic_add_fetch(&nr_wrong, 1, __ATOMIC_RELAXED);
	else
		__atomic_add_fetch(&nr_calls[hook][word % NR_THREADS], 1, __ATOMIC_RELAXED);
}

static void first(void *argument) { note(0, argument); }
static void second(void *argument) { note(1, argument); }
static void third(void *argument) { note(2, argument); }

static void *live(void *number)
{
	static void (*const hooks[NR_HOOKS])(void *) = {first, second, third};
	pthread_barrier_wait(&start);
	for (uintptr_t i = 0; i < NR_HOOKS; i++) {
		uintptr_t hook = (i + (uintptr_t)number) % NR_HOOKS; /* each may be the first of the process */
		sea_os_at_thread_exit(hooks[hook], (void *)(hook * NR_THREADS + (uintptr_t)number + 1));
	}
	return NULL;
}

static void round_of_threads(void)
{
	pthread_t threads[NR_THREADS];
	for (uintptr_t i = 0; i < NR_THREADS; i++)
		if (pthread_create(&threads[i], NULL, live, (void *)i))
			abort();
	for (unsigned i = 0; i < NR_THREADS; i++)
		pthread_join(threads[i], NULL);
}

int main(void)
{
	if (pthread_barrier_init(&start, NULL, NR_THREADS))
		abort();
	for (int i = 0; i < ROUNDS; i++)
		round_of_threads();
	int passed = !nr_wrong;
	for (unsigned h = 0; h < NR_HOOKS; h++)
		for (unsigned t = 0; t < NR_THREADS; t++)
			passed &= nr_calls[h][t] == ROUNDS;
	printf("%d passed, %d failed\n", passed, !passed);
	return !passed;
}
