/* SPDX-License-Identifier: MIT */
/* handlers.c - fork handlers of a library that the program is linked with, which wait
 *
 * Ours have to run last before the fork and first after it: while we hold our locks, nobody for
 * whom a handler waits could go on.
 */
#include "../harness.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NR_USERS = 3 };

extern int handlers_kind;
extern pthread_mutex_t handlers_mutex;
void handlers_start(void);

static atomic_bool stop;

static void fork_once(void)
{
	int status = 0;
	pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		char *block = malloc(100000);
		memset(block, 1, 100000);
		free(block);
		_exit(EXIT_SUCCESS);
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
}

static void waits_for_its_thread(void)
{
	for (size_t i = 0; i < test_pick(50, 300, 3000); i++) {
		handlers_start();
		fork_once();
	}
}

static void *use_under_mutex(void *unused)
{
	uint64_t random = test_seed() + (uintptr_t)&random;
	void *blocks[256] = {0};
	while (!atomic_load(&stop)) {
		pthread_mutex_lock(&handlers_mutex);
		for (int i = 0; i < 64; i++) {
			size_t k = test_random(&random) % 256;
			free(blocks[k]);
			CHECK((blocks[k] = malloc(test_random(&random) % 60000 + 1)) != NULL);
		}
		pthread_mutex_unlock(&handlers_mutex);
		usleep(100); /* the mutex is not fair: the fork's handler has to get it, too */
	}
	for (size_t k = 0; k < 256; k++)
		free(blocks[k]);
	return unused;
}

static void waits_for_a_mutex(void)
{
	pthread_t users[NR_USERS];
	handlers_kind = 1;
	for (int i = 0; i < NR_USERS; i++)
		CHECK_EQ(pthread_create(&users[i], NULL, use_under_mutex, NULL), 0);
	for (size_t i = 0; i < test_pick(50, 300, 3000); i++)
		fork_once();
	atomic_store(&stop, true);
	for (int i = 0; i < NR_USERS; i++)
		CHECK_EQ(pthread_join(users[i], NULL), 0);
}

static const struct test_case cases[] = {
	{.name = "a library's fork handler waits for its thread", .run = waits_for_its_thread, .seconds = 60},
	{.name = "a library's fork handler waits for a mutex", .run = waits_for_a_mutex, .seconds = 60},
};

HARNESS_MAIN(cases)
