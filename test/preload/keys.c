/* SPDX-License-Identifier: MIT */
/* keys.c LIBRARY - a program that has taken all keys of pthread_key_create() before it opens
 * the allocator: threads that come and go leave their caches all the same.  Exit status 0 if
 * all is well.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NR_THREADS = 40, NR_BLOCKS = 1000 };

static void *(*sea_malloc)(size_t);
static void (*sea_free)(void *);
static int (*sea_malloc_info)(int, FILE *);

static void *use(void *unused)
{
	void *blocks[NR_BLOCKS];
	for (size_t i = 0; i < NR_BLOCKS; i++)
		blocks[i] = sea_malloc(i);
	for (size_t i = 0; i < NR_BLOCKS; i++)
		sea_free(blocks[i]);
	return unused;
}

/* Threads that have a cache, as malloc_info() says; -1: it does not. */
static long nr_caches(void)
{
	static const char before[] = "<total type=\"cached\" count=\"";
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);
	sea_malloc_info(0, stream);
	fclose(stream);
	const char *at = strstr(text, before);
	long nr = at ? strtol(at + sizeof(before) - 1, NULL, 10) : -1;
	free(text);
	return nr;
}

int main(int argc, char **argv)
{
	pthread_key_t key;
	int nr_keys = 0;
	while (pthread_key_create(&key, NULL) == 0)
		nr_keys++;
	void *library = dlopen(argv[argc - 1], RTLD_NOW | RTLD_LOCAL);
	if (library == NULL || nr_keys == 0)
		return 2;
	sea_malloc = (void *(*)(size_t))dlsym(library, "sea_malloc");
	sea_free = (void (*)(void *))dlsym(library, "sea_free");
	sea_malloc_info = (int (*)(int, FILE *))dlsym(library, "sea_malloc_info");
	sea_free(sea_malloc(1));
	for (int i = 0; i < NR_THREADS; i++) {
		pthread_t thread;
		if (pthread_create(&thread, NULL, use, NULL) != 0 || pthread_join(thread, NULL) != 0)
			return 3;
	}
	long nr = nr_caches();
	if (nr != 1)
		fprintf(stderr, "%ld threads have a cache after %d have ended\n", nr, NR_THREADS);
	return nr != 1;
}
