/* SPDX-License-Identifier: MIT */
/* abort_handler.c - a crash reporter: a handler of SIGABRT that allocates and starts a child
 *
 * A process that is ended for a mistake, or because its heap is damaged, still runs the
 * handler.  That one needs malloc and fork, so the thread that ends the process may hold no
 * lock.  A mistake that may go unnoticed is followed by abort(): the handler runs then.
 */
#include "situation.h"

#include <execinfo.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>

enum { NR_BLOCKS = 20000, NR_NEIGHBOURS = 400, SIZE = 48 };

static char *blocks[NR_BLOCKS];

/* --- the reporter ----------------------------------------------------------------------- */

static void use_the_heap(void)
{
	void *frames[30];
	int count = backtrace(frames, 30);
	free(backtrace_symbols(frames, count));
	for (size_t size = 8; size < MiB; size *= 2)
		free(opaque(malloc(size)));
	FILE *file = fopen("/dev/null", "w");
	if (file != NULL) {
		fprintf(file, "%d frames", count);
		fclose(file);
	}
}

static void start_a_child(void)
{
	pid_t child = fork();
	if (child == 0) {
		execl("/bin/true", "true", (char *)NULL);
		_exit(1);
	}
	waitpid(child, NULL, 0);
}

static void report(int signal_number)
{
	use_the_heap();
	start_a_child();
	test_note("reported\n");
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

static void install_reporter(void)
{
	CHECK(signal(SIGABRT, report) != SIG_ERR);
	for (size_t i = 0; i < NR_BLOCKS; i++)
		CHECK((blocks[i] = malloc(SIZE)) != NULL);
}

/* --- the mistakes ------------------------------------------------------------------------- */

static void free_twice(size_t size)
{
	install_reporter();
	char *block = situation_block(size);
	free(block);
	free(opaque(block));
}

static void small(void) { free_twice(40); }
static void run_of_pages(void) { free_twice(300000); }
static void mapping(void) { free_twice(100 * MiB); }

static void static_memory(void)
{
	static char memory[64];
	install_reporter();
	free(opaque(memory + 16));
}

static void inside(void)
{
	install_reporter();
	free(opaque(situation_block(40) + 16));
}

static void realloc_of_freed(void)
{
	install_reporter();
	free(blocks[5]);
	blocks[6] = realloc(opaque(blocks[5]), 100);
}

static void in_a_teardown(void)
{
	install_reporter();
	for (size_t i = 0; i < NR_BLOCKS; i++)
		free(blocks[i]);
	free(opaque(blocks[NR_BLOCKS - 10]));
	for (size_t i = 0; i < NR_BLOCKS; i++)
		blocks[i] = malloc(SIZE);
}

static void at_exit(void)
{
	install_reporter();
	for (size_t i = 0; i < NR_BLOCKS; i += 2)
		free(blocks[i]);
	free(opaque(blocks[NR_BLOCKS - 2]));
	exit(0);
}

static void *free_it(void *block)
{
	free(block);
	return NULL;
}

static void free_in_thread(void *block)
{
	pthread_t thread;
	CHECK_EQ(pthread_create(&thread, NULL, free_it, block), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
}

static void other_thread_first(void)
{
	install_reporter();
	free_in_thread(blocks[100]);
	free(opaque(blocks[100]));
}

static void other_thread_after_a_teardown(void)
{
	install_reporter();
	for (size_t i = 0; i < NR_BLOCKS; i++)
		free(blocks[i]);
	free_in_thread(opaque(blocks[3]));
	abort();
}

/* Blocks overflow into their free neighbours, and the heap is used further. */
static void overflow(void)
{
	char *neighbours[NR_NEIGHBOURS];
	for (size_t i = 0; i < NR_NEIGHBOURS; i++)
		neighbours[i] = malloc(5000);
	for (size_t i = 1; i < NR_NEIGHBOURS; i += 2)
		free(neighbours[i]);
	for (size_t i = 0; i < 3000; i++)
		free(opaque(malloc(7000 + 11 * i)));
	malloc_trim(0);
	for (size_t i = 2; i < NR_NEIGHBOURS; i += 2)
		memset(opaque(neighbours[i]), 0x5a, 5000 + 200);
	for (size_t i = 0; i < 3000; i++)
		opaque(malloc(1500 + i % 900));
	for (size_t i = 0; i < NR_NEIGHBOURS; i += 2)
		free(neighbours[i]);
	for (size_t i = 0; i < 3000; i++)
		opaque(malloc(2500 + i % 900));
	abort();
}

static void overflow_of_one_thread(void)
{
	install_reporter();
	overflow();
}

static void overflow_after_threads(void)
{
	install_reporter();
	free_in_thread(malloc(10));
	overflow();
}

#define ENDS .signal = SIGABRT, .text = "reported"

/* What glibc does not promise to notice is not asked of it. */
static const struct test_case cases[] = {
	{.name = "a small block freed twice", .run = small, ENDS},
	{.name = "a run of pages freed twice", .run = run_of_pages, .engines = SEAM, ENDS},
	{.name = "a mapping freed twice", .run = mapping, .engines = SEAM, ENDS},
	{.name = "static memory freed", .run = static_memory, ENDS},
	{.name = "the middle of a block freed", .run = inside, ENDS},
	{.name = "a freed block resized", .run = realloc_of_freed, .engines = SEAM, ENDS},
	{.name = "freed twice in a teardown", .run = in_a_teardown, .engines = SEAM, ENDS},
	{.name = "freed twice, noticed at exit at the latest", .run = at_exit, .engines = SEAM, ENDS},
	{.name = "freed by another thread, then here", .run = other_thread_first, .engines = SEAM, ENDS},
	{.name = "freed in a teardown, then by another thread", .run = other_thread_after_a_teardown, ENDS},
	{.name = "an overflow into free memory", .run = overflow_of_one_thread, .engines = SEAM, ENDS},
	{.name = "an overflow into free memory, after threads", .run = overflow_after_threads, .engines = SEAM, ENDS},
};

HARNESS_MAIN(cases)
