/* SPDX-License-Identifier: MIT */
/* mlockall_limit.c - a daemon without privileges locks its memory, then works
 *
 * Its limit, RLIMIT_MEMLOCK, is ample for what it has and for the MiB that it works with.
 * Addresses that are reserved for later must not count against it.
 */
#include "situation.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>

enum { NOBODY = 65534, NR_BLOCKS = 400, SIZE = 2000, LARGE = 200000, STACK = 64 * 1024 };

static void *work(void *argument)
{
	for (size_t i = 0; i < 1000; i++) {
		char *block = malloc(500 + i);
		if (block == NULL)
			return "malloc failed in the thread";
		memset(block, 1, 500);
		free(block);
	}
	return argument;
}

static void work_in_a_thread(void)
{
	pthread_t thread;
	pthread_attr_t attributes;
	void *complaint = NULL;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK);
	CHECK_EQ(pthread_create(&thread, &attributes, work, NULL), 0);
	CHECK_EQ(pthread_join(thread, &complaint), 0);
	CHECK(complaint == NULL);
}

static void give_up_privileges(size_t limit)
{
	struct rlimit both = {limit, limit};
	CHECK_EQ(setrlimit(RLIMIT_MEMLOCK, &both), 0);
	if (getuid() == 0)
		CHECK(setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
}

static void run_daemon(size_t limit, int flags)
{
	char *blocks[NR_BLOCKS], *large;
	free(opaque(malloc(1000)));
	give_up_privileges(limit);
	CHECK_EQ(mlockall(flags), 0);
	for (size_t i = 0; i < NR_BLOCKS; i++) {
		CHECK((blocks[i] = malloc(SIZE)) != NULL);
		memset(blocks[i], 1, SIZE);
	}
	CHECK((large = malloc(LARGE)) != NULL);
	memset(large, 1, LARGE);
	work_in_a_thread();
	for (size_t i = 0; i < NR_BLOCKS; i++)
		free(blocks[i]);
	free(large);
}

/* Each way in a process of its own: what is locked stays so. */
static void under_limits(int flags)
{
	for (size_t limit = 6 * MiB; limit <= 8 * MiB; limit += 2 * MiB) {
		int status = 0;
		pid_t child = fork();
		if (child == 0) {
			run_daemon(limit, flags);
			_exit(0);
		}
		CHECK_EQ(waitpid(child, &status, 0), child);
		if (status != 0)
			test_fail(__FILE__, __LINE__, "a daemon runs with %zu MiB", limit / MiB);
	}
}

static void current(void) { under_limits(MCL_CURRENT); }
static void future(void) { under_limits(MCL_FUTURE); }
static void both(void) { under_limits(MCL_CURRENT | MCL_FUTURE); }
static void on_fault(void) { under_limits(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT); }

static const struct test_case cases[] = {
	/* Missed today with MCL_CURRENT: addresses that are only reserved count against the limit,
	 * and a program that has allocated before has reserved an arena. */
	{.name = "MCL_CURRENT", .run = current, .engines = GLIBC},
	{.name = "MCL_FUTURE", .run = future},
	{.name = "MCL_CURRENT | MCL_FUTURE", .run = both, .engines = GLIBC},
	{.name = "MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT", .run = on_fault, .engines = GLIBC},
};

HARNESS_MAIN(cases)
