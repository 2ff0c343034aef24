/* SPDX-License-Identifier: MIT */
/* write_freed.c SIZE WORD WAY - writes WORD into the first word of a block that was freed (live:
 * the address of a live block, own: its own address and 8), and then goes a WAY on which the
 * allocator follows that word: trim, exhaust (no memory is left), memalign, flush (at the end of
 * threads: what one has left goes)
 */
#include "misuse.h"

#include <errno.h>
#include <pthread.h>

enum { NR_BLOCKS = 4 };

static size_t size;
static const char *what;
static void *live;

static uintptr_t word_for(char *freed)
{
	if (strcmp(what, "live") == 0)
		return (uintptr_t)live;
	if (strcmp(what, "own") == 0)
		return (uintptr_t)freed + 8;
	return strtoul(what, NULL, 0);
}

/* The second of those that are freed: large chunks are cached by twos. */
static void *free_and_write(void *unused)
{
	char *blocks[NR_BLOCKS];
	for (int i = 0; i < NR_BLOCKS; i++)
		blocks[i] = block(size);
	for (int i = 0; i < NR_BLOCKS; i++)
		free(blocks[i]);
	uintptr_t *freed = accused(blocks[1]);
	*(volatile uintptr_t *)freed = word_for((char *)freed);
	return unused;
}

static void exhaust(void)
{
	volatile size_t most = PTRDIFF_MAX - 100000;
	if (malloc(most) != NULL || errno != ENOMEM)
		_exit(3);
}

static void align(void)
{
	for (int i = 0; i < 4; i++)
		if (memalign(4096, size) == NULL)
			_exit(3);
}

static void in_thread(void)
{
	pthread_t thread;
	if (pthread_create(&thread, NULL, free_and_write, NULL) != 0)
		_exit(3);
	pthread_join(thread, NULL);
	malloc_trim(0);
}

int main(int argc, char **argv)
{
	const char *way = argv[argc - 1];
	size = number(argv, argc - 3);
	what = argv[argc - 2];
	live = block(size);
	if (strcmp(way, "flush") != 0)
		free_and_write(NULL);
	if (strcmp(way, "trim") == 0)
		malloc_trim(0);
	else if (strcmp(way, "exhaust") == 0)
		exhaust();
	else if (strcmp(way, "memalign") == 0)
		align();
	else
		in_thread();
	return 0;
}
