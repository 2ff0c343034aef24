/* SPDX-License-Identifier: MIT */
/* traced.c - every function that takes a block of another's malloc, in four threads; for a
 * tool that has malloc, calloc, realloc and free only.  Exit status 0 if all is well; with
 * libtracer.so also that it has seen every block go.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NR_THREADS = 4, LENGTH = 3000 };

/* Where the C library has none of these, ours has. */
static void (*release[3])(void *, size_t, size_t);

static void find_releases(void)
{
	static const char *const names[] = {"cfree", "free_sized", "free_aligned_sized"};
	for (int i = 0; i < 3; i++)
		release[i] = (void (*)(void *, size_t, size_t))dlsym(RTLD_DEFAULT, names[i]);
}

/* free_sized(p, size) takes what free_aligned_sized(p, align, size) ignores. */
static void drop(void *block, size_t size, int way)
{
	if (way < 3 && release[way] != NULL)
		release[way](block, way == 2 ? 16 : size, size);
	else
		free(block);
}

/* In a way that fits the free: only what aligned_alloc() made has an alignment. */
static void *make(size_t size, int way)
{
	return way == 2 ? aligned_alloc(16, size) : way % 2 ? malloc(size) : reallocarray(NULL, 1, size);
}

static void *work(void *unused)
{
	size_t room = 4;
	int *numbers = malloc(room * sizeof(*numbers));
	for (int i = 0; numbers != NULL && i < LENGTH; i++) {
		if ((size_t)i == room)
			numbers = reallocarray(numbers, room *= 2, sizeof(*numbers));
		if (numbers == NULL)
			return NULL;
		numbers[i] = i;
	}
	for (int i = 0; i < LENGTH; i++)
		if (numbers[i] != i)
			return NULL;
	free(numbers);
	for (int i = 0; i < 1000; i++) {
		/* a multiple of the alignment: tools ask for it */
		size_t size = (size_t)i * 7 % 3000 / 16 * 16 + 16;
		drop(memset(make(size, i % 4), 1, size), size, i % 4);
		free(memset(aligned_alloc(64, 128), 1, 128));
	}
	return unused;
}

int main(void)
{
	pthread_t threads[NR_THREADS];
	int nr_wrong = 0;
	find_releases();
	long (*live)(void) = (long (*)(void))dlsym(RTLD_DEFAULT, "tracer_live");
	long before = live ? live() : 0;
	nr_wrong += work(threads) == NULL;
	if (live && live() != before) {
		fprintf(stderr, "%ld blocks of the tracer's went past it\n", live() - before);
		nr_wrong++;
	}
	for (int i = 0; i < NR_THREADS; i++)
		pthread_create(&threads[i], NULL, work, threads);
	for (int i = 0; i < NR_THREADS; i++) {
		void *result;
		pthread_join(threads[i], &result);
		nr_wrong += result == NULL;
	}
	if (nr_wrong)
		fprintf(stderr, "%d threads were wrong\n", nr_wrong);
	return nr_wrong != 0;
}
