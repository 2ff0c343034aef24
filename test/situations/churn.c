/* SPDX-License-Identifier: MIT */
/* churn.c THREADS STEPS - replaces and resizes blocks of all sizes, and checks what is in them
 *
 * Silent and 0 where all is well.  Run under tools and on emulated processors.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_THREADS = 8, NR_BLOCKS = 400, PAGE = 4096 };

struct block {
	unsigned char *start;
	size_t size;
	unsigned char value; /* of each byte */
};

static int nr_steps;

static void fail(const char *what)
{
	fprintf(stderr, "churn: not so: %s\n", what);
	exit(1);
}

static size_t any_size(unsigned *random)
{
	int is_large = rand_r(random) % 16 == 0;
	return 1 + (size_t)rand_r(random) % (is_large ? 6u << 20 : 3000u);
}

static void check(const struct block *b)
{
	for (size_t at = 0; at < b->size; at += PAGE)
		if (b->start[at] != b->value)
			fail("a block keeps its bytes");
}

static void resize(struct block *b, size_t size)
{
	unsigned char *start = realloc(b->start, size);
	if (start == NULL)
		fail("there is memory");
	if (size > b->size)
		memset(start + b->size, b->value, size - b->size);
	b->start = start;
	b->size = size;
}

static void replace(struct block *b, size_t size, unsigned char value)
{
	free(b->start);
	*b = (struct block){malloc(size), size, value};
	if (b->start == NULL)
		fail("there is memory");
	memset(b->start, value, size);
}

static void *churn(void *argument)
{
	static __thread struct block blocks[NR_BLOCKS];
	unsigned random = (unsigned)(size_t)argument;
	for (int i = 0; i < nr_steps; i++) {
		struct block *b = &blocks[rand_r(&random) % NR_BLOCKS];
		check(b);
		if (b->start != NULL && rand_r(&random) % 8 == 0)
			resize(b, any_size(&random));
		else
			replace(b, any_size(&random), (unsigned char)i);
	}
	for (int i = 0; i < NR_BLOCKS; i++)
		free(blocks[i].start);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[MAX_THREADS];
	int nr_threads = argc == 3 ? atoi(argv[1]) : 0;
	nr_steps = argc == 3 ? atoi(argv[2]) : 0;
	if (nr_steps < 1 || nr_threads < 1 || nr_threads > MAX_THREADS)
		return 2;
	for (int i = 1; i < nr_threads; i++)
		if (pthread_create(&threads[i], NULL, churn, (void *)(size_t)(i + 1)) != 0)
			return 3;
	churn((void *)(size_t)7);
	for (int i = 1; i < nr_threads; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
