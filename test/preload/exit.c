/* SPDX-License-Identifier: MIT */
/* exit.c - the heap works until the process is gone */
#include "../harness.h"

#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *kept[100];

static void use_heap(void)
{
	for (size_t i = 0; i < 100; i++) {
		if (kept[i] != NULL)
			CHECK(test_is_filled(kept[i], i * 400, i));
		free(kept[i]);
		CHECK((kept[i] = malloc(i * 400)) != NULL);
		test_fill(kept[i], i * 400, i);
	}
	char *block = calloc(1, 3 * MiB);
	CHECK(block != NULL && test_is_zero(block, 3 * MiB));
	free(block);
}

static void use_heap_with_status(int status, void *argument)
{
	CHECK_EQ(status, 0);
	use_heap();
	free(argument);
}

static void use_heap_again(void)
{
	use_heap();
	CHECK_EQ(atexit(use_heap), 0);
}

/* After every handler, and after main's objects. */
__attribute__((destructor)) static void last(void)
{
	use_heap();
	for (size_t i = 0; i < 100; i++)
		free(kept[i]);
}

static void handlers(void)
{
	CHECK_EQ(atexit(use_heap), 0);
	use_heap();
	CHECK_EQ(on_exit(use_heap_with_status, malloc(100)), 0);
	CHECK_EQ(atexit(use_heap_again), 0);
	for (int i = 0; i < 100; i++) /* glibc allocates room for them */
		CHECK_EQ(atexit(use_heap), 0);
}

static void *exit_here(void *unused)
{
	CHECK_EQ(atexit(use_heap), 0);
	use_heap();
	exit(EXIT_SUCCESS);
	return unused;
}

static void exit_from_a_thread(void)
{
	pthread_t thread;
	CHECK_EQ(pthread_create(&thread, NULL, exit_here, NULL), 0);
	pause();
}

static void main_thread_leaves_first(void)
{
	pthread_t thread;
	use_heap();
	CHECK_EQ(pthread_create(&thread, NULL, exit_here, NULL), 0);
	pthread_exit(NULL);
}

static void quick_handler(void)
{
	use_heap();
}

static void leave_quickly(void)
{
	CHECK_EQ(at_quick_exit(quick_handler), 0);
	use_heap();
	quick_exit(EXIT_SUCCESS);
}

static const struct test_case cases[] = {
	{.name = "exit handlers and destructors allocate and free", .run = handlers},
	{.name = "exit from another thread", .run = exit_from_a_thread},
	{.name = "the main thread leaves first", .run = main_thread_leaves_first},
	{.name = "quick_exit", .run = leave_quickly},
};

HARNESS_MAIN(cases)
