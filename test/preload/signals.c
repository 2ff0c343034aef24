/* SPDX-License-Identifier: MIT */
/* signals.c - signal handlers that use the heap, wherever it was interrupted
 *
 * A handler of SIGABRT is called by us when a mistake is found.  Other handlers may not allocate
 * by the letter, but many end the process by exit(); fork() is allowed to them.
 */
#include "../harness.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "seamalloc.h"

enum { NR_KEPT = 20000, NR_BLOCKS = 2000, MOST_USEC = 30000 };

/* --- a crash reporter ------------------------------------------------------------------- */

static void use_every_door(void)
{
	for (size_t size = 8; size < MiB; size *= 2) {
		char *block = malloc(size), *zeros = calloc(1, size), *aligned = aligned_alloc(64, size);
		CHECK(block != NULL && zeros != NULL && aligned != NULL);
		CHECK(test_is_zero(zeros, size) && (uintptr_t)aligned % 64 == 0);
		CHECK(malloc_usable_size(block) >= size);
		test_fill(block, size, 7);
		CHECK((block = realloc(block, 2 * size)) != NULL);
		CHECK(test_is_filled(block, size, 7));
		free(block);
		free(zeros);
		free(aligned);
	}
	malloc_trim(0);
	mallinfo2();
}

static void *of_the_heap; /* from before */

static void report(int signal_number)
{
	use_every_door();
	CHECK((of_the_heap = realloc(of_the_heap, 5000)) != NULL);
	CHECK(test_is_filled(of_the_heap, 1000, 3));
	free(of_the_heap);
	FILE *stream = fopen("/dev/null", "w");
	CHECK(stream != NULL && fprintf(stream, "%d", signal_number) > 0 && fclose(stream) == 0);
	pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		use_every_door();
		execl("/bin/true", "true", (char *)NULL);
		_exit(EXIT_FAILURE);
	}
	int status = 0;
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
	fprintf(stderr, "reported\n");
	signal(SIGABRT, SIG_DFL);
	raise(SIGABRT);
}

static void make_ready(void)
{
	CHECK((of_the_heap = malloc(1000)) != NULL);
	test_fill(of_the_heap, 1000, 3);
	CHECK(signal(SIGABRT, report) != SIG_ERR);
}

static void double_free_of(size_t size)
{
	make_ready();
	void *block = malloc(size);
	CHECK(block != NULL);
	free(opaque(block));
	free(opaque(block));
}

static void double_free_small(void) { double_free_of(40); }
static void double_free_run(void) { double_free_of(300000); }
static void double_free_whole(void) { double_free_of(100 * MiB); }

static void free_static(void)
{
	static char here[64];
	make_ready();
	free(opaque(here + 16));
}

static void *free_it(void *block)
{
	free(block);
	return NULL;
}

static void double_free_by_a_thread(void)
{
	pthread_t thread;
	void *block = malloc(48);
	make_ready();
	free(opaque(block));
	CHECK_EQ(pthread_create(&thread, NULL, free_it, opaque(block)), 0);
	pthread_join(thread, NULL);
}

/* Found under a lock. */
static void overwrite_free_memory(void)
{
	static char *blocks[400];
	make_ready();
	for (size_t i = 0; i < 400; i++)
		CHECK((blocks[i] = malloc(5000)) != NULL);
	for (size_t i = 1; i < 400; i += 2)
		free(blocks[i]);
	for (size_t i = 0; i < 3000; i++)
		free(opaque(malloc(7000 + 11 * i)));
	malloc_trim(0);
	for (size_t i = 2; i < 400; i += 2) /* the first lies between guards in hardened mode */
		memset(opaque(blocks[i]), 0x5a, 5200);
	for (size_t i = 0; i < 3000; i++)
		opaque(malloc(1500 + i % 900));
	for (size_t i = 0; i < 400; i += 2)
		free(blocks[i]);
	for (size_t i = 0; i < 3000; i++)
		opaque(malloc(2500 + i % 900));
}

static void overwrite_free_memory_with_threads(void)
{
	pthread_t thread;
	CHECK_EQ(pthread_create(&thread, NULL, free_it, malloc(10)), 0);
	pthread_join(thread, NULL);
	overwrite_free_memory();
}

/* A handler that makes a mistake itself, and does not return to default. */
static void err_again(int unused)
{
	static char here[64];
	(void)unused;
	if (realloc(opaque(here + 16), 100) == NULL)
		_exit(EXIT_FAILURE);
}

static void mistake_in_the_handler(void)
{
	static char here[64];
	signal(SIGABRT, err_again);
	free(opaque(here + 32));
}

/* --- one thread, interrupted anywhere -------------------------------------------------------- */

static uint64_t random_state;
static size_t most; /* bytes of a block */

static void churn(void)
{
	static void *blocks[NR_BLOCKS];
	size_t k = test_random(&random_state) % NR_BLOCKS;
	free(blocks[k]);
	CHECK((blocks[k] = malloc(test_random(&random_state) % most + 1)) != NULL);
	*(char *)blocks[k] = 1;
}

static void at_exit(void)
{
	void *blocks[20];
	for (size_t i = 0; i < 1000; i++) {
		free(i < 20 ? NULL : blocks[i % 20]);
		CHECK((blocks[i % 20] = malloc(20 + i % 20 * 40)) != NULL);
	}
	free(opaque(malloc(300000)));
}

static void on_timer_exit(int unused)
{
	(void)unused;
	exit(EXIT_SUCCESS);
}

static void start_timer(void (*handler)(int), unsigned usec, unsigned interval)
{
	struct itimerval timer = {{0, interval}, {0, usec}};
	CHECK(signal(SIGALRM, handler) != SIG_ERR);
	CHECK_EQ(setitimer(ITIMER_REAL, &timer, NULL), 0);
}

static void churn_until_exit(unsigned usec)
{
	atexit(at_exit);
	start_timer(on_timer_exit, usec, 0);
	for (;;)
		churn();
}

static void exit_in_a_handler(void)
{
	size_t nr_rounds = test_pick(20, 80, 1000);
	for (size_t i = 0; i < nr_rounds; i++) {
		random_state = test_seed() + i;
		most = i % 2 ? 2000 : 400000;
		int status = 0;
		pid_t child = fork();
		CHECK(child >= 0);
		if (child == 0)
			churn_until_exit(1000 + (unsigned)(test_random(&random_state) % MOST_USEC));
		CHECK_EQ(waitpid(child, &status, 0), child);
		CHECK_EQ(status, 0);
	}
}

static volatile sig_atomic_t nr_children;

static void on_timer_fork(int unused)
{
	int status, saved = errno;
	(void)unused;
	pid_t child = fork();
	if (child == 0)
		_exit(7);
	if (child > 0 && waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 7)
		nr_children++;
	errno = saved;
}

static void fork_in_a_handler(void)
{
	random_state = test_seed();
	most = 300000;
	for (size_t i = 0; i < test_pick(50, 300, 3000); i++) {
		sig_atomic_t before = nr_children;
		start_timer(on_timer_fork, 500 + (unsigned)(test_random(&random_state) % 3000), 0);
		while (nr_children == before)
			churn();
	}
}

#define REPORTED(what, function)                                                           \
	{                                                                                  \
		.name = "a reporter of " what, .run = function, .engines = SEAM,           \
		.signal = SIGABRT, .text = "reported"                                      \
	}

static const struct test_case cases[] = {
	REPORTED("a small block freed twice", double_free_small),
	REPORTED("a run of pages freed twice", double_free_run),
	REPORTED("a mapping freed twice", double_free_whole),
	REPORTED("static data freed", free_static),
	REPORTED("a block freed twice by a thread", double_free_by_a_thread),
	REPORTED("free memory overwritten", overwrite_free_memory),
	REPORTED("free memory overwritten, with threads", overwrite_free_memory_with_threads),
	{.name = "a reporter that makes a mistake", .run = mistake_in_the_handler, .engines = OURS, .signal = SIGABRT},
	{.name = "exit in a handler", .run = exit_in_a_handler, .seconds = 60},
	{.name = "fork in a handler", .run = fork_in_a_handler, .seconds = 60},
};

HARNESS_MAIN(cases)
