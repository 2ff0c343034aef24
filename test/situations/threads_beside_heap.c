/* SPDX-License-Identifier: MIT */
/* threads_beside_heap.c - threads that come, do a little, and go, beside a large heap
 *
 * None of them has to do with the heap, so none may pay for its size.
 */
#include "situation.h"

#include <pthread.h>

enum { SIZE = 100000, NR_BLOCKS = 50, TRIES = 3 };

static void *work_a_little(void *argument)
{
	void *blocks[NR_BLOCKS];
	for (size_t i = 0; i < NR_BLOCKS; i++)
		blocks[i] = malloc(100 + i);
	for (size_t i = 0; i < NR_BLOCKS; i++)
		free(blocks[i]);
	return argument;
}

/* Microseconds of CPU time of the process for a thread, with `heap` bytes allocated. */
static double cost_of_a_thread(size_t heap)
{
	size_t nr_threads = test_pick(1000, 2000, 20000);
	for (size_t i = 0; i < heap / SIZE; i++)
		CHECK(malloc(SIZE) != NULL);
	double least = 1e9;
	for (int try = 0; try < TRIES; try++) {
		double start = test_cpu_now();
		for (size_t i = 0; i < nr_threads; i++) {
			pthread_t thread;
			CHECK_EQ(pthread_create(&thread, NULL, work_a_little, NULL), 0);
			CHECK_EQ(pthread_join(thread, NULL), 0);
		}
		double each = (test_cpu_now() - start) * 1e6 / (double)nr_threads;
		least = each < least ? each : least;
	}
	return least;
}

static double beside_little(void) { return cost_of_a_thread(100 * MiB); }
static double beside_much(void) { return cost_of_a_thread(8 * GiB); }

static void threads_do_not_pay(void)
{
	double little = situation_apart(beside_little), much = situation_apart(beside_much);
	test_note("microseconds a thread: %.1f beside 0.1 GiB, %.1f beside 8 GiB\n", little, much);
	CHECK_AT_MOST(much * 1000, (2 * little + 10) * 1000);
}

static const struct test_case cases[] = {
	{.name = "a thread does not pay for 8 GiB", .run = threads_do_not_pay, .seconds = 180},
};

HARNESS_MAIN(cases)
