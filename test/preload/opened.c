/* SPDX-License-Identifier: MIT */
/* opened.c LIBRARY - a normal program that loads the allocator late, by dlopen(), and
 * uses its prefixed functions beside the malloc of libc
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NR_THREADS = 100, NR_BLOCKS = 300 };

static void *(*sea_malloc)(size_t);
static void *(*sea_realloc)(void *, size_t);
static void (*sea_free)(void *);

static void *use(void *before)
{
	void *blocks[NR_BLOCKS];
	for (size_t i = 0; i < NR_BLOCKS; i++) {
		blocks[i] = sea_malloc(i * 37);
		free(malloc(i * 37));
		if (blocks[i] == NULL)
			abort();
		memset(blocks[i], 1, i * 37);
	}
	blocks[7] = sea_realloc(blocks[7], 500000);
	for (size_t i = 0; i < NR_BLOCKS; i++)
		sea_free(blocks[i]);
	sea_free(before);
	return sea_malloc(100);
}

static void start_threads(void)
{
	pthread_t threads[NR_THREADS];
	for (int i = 0; i < NR_THREADS; i++)
		if (pthread_create(&threads[i], NULL, use, sea_malloc(3000)) != 0)
			abort();
	for (int i = 0; i < NR_THREADS; i++) {
		void *block;
		pthread_join(threads[i], &block);
		sea_free(block);
	}
}

int main(int argc, char **argv)
{
	int status = 0;
	void *library = dlopen(argv[argc - 1], RTLD_NOW | RTLD_LOCAL);
	if (library == NULL) {
		fprintf(stderr, "%s\n", dlerror());
		return 1;
	}
	sea_malloc = (void *(*)(size_t))dlsym(library, "sea_malloc");
	sea_realloc = (void *(*)(void *, size_t))dlsym(library, "sea_realloc");
	sea_free = (void (*)(void *))dlsym(library, "sea_free");
	if (sea_malloc == NULL || sea_realloc == NULL || sea_free == NULL)
		return 2;
	void *kept = sea_malloc(1000);
	start_threads();
	if (fork() == 0)
		_exit(use(kept) == NULL);
	wait(&status);
	dlclose(library); /* it stays: threads hold its destructors */
	sea_free(use(kept));
	return status;
}
