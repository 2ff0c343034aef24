/* SPDX-License-Identifier: MIT */
/* fork_handlers.c - forks of a program that is linked with a library with fork handlers
 *
 * The handlers wait for threads that allocate.  So the heap may be locked for the fork only
 * after they have run, and must be free again before the handlers behind it run.
 */
#include "situation.h"

#include <pthread.h>
#include <stdatomic.h>

#include "libforks.h"

enum { NR_USERS = 3, NR_BLOCKS = 256 };

static atomic_bool is_over;

static void replace_some(void **blocks, uint64_t *random)
{
	for (size_t i = 0; i < 64; i++) {
		size_t k = situation_below(random, NR_BLOCKS);
		free(blocks[k]);
		blocks[k] = situation_block(1 + situation_below(random, 60000));
	}
}

/* Allocates while it holds the registry. */
static void *use_the_registry(void *argument)
{
	void *blocks[NR_BLOCKS] = {NULL};
	uint64_t random = (uint64_t)(uintptr_t)argument;
	while (!is_over) {
		pthread_mutex_lock(&forks_registry);
		replace_some(blocks, &random);
		pthread_mutex_unlock(&forks_registry);
	}
	for (size_t i = 0; i < NR_BLOCKS; i++)
		free(blocks[i]);
	return NULL;
}

static void fork_once(void)
{
	int status = 0;
	pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		memset(situation_block(100000), 1, 100000);
		_exit(0);
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
}

static void worker_is_joined(void)
{
	forks_kind = FORKS_JOIN;
	for (size_t i = 0; i < test_pick(200, 500, 5000); i++) {
		forks_start_worker();
		fork_once();
	}
}

static void mutex_is_taken(void)
{
	pthread_t users[NR_USERS];
	forks_kind = FORKS_LOCK;
	for (size_t i = 0; i < NR_USERS; i++)
		CHECK_EQ(pthread_create(&users[i], NULL, use_the_registry, (void *)(i + 1)), 0);
	for (size_t i = 0; i < test_pick(50, 300, 5000); i++)
		fork_once();
	is_over = true;
	for (size_t i = 0; i < NR_USERS; i++)
		CHECK_EQ(pthread_join(users[i], NULL), 0);
}

static const struct test_case cases[] = {
	{.name = "a prepare handler joins a worker that allocates", .run = worker_is_joined, .seconds = 30},
	{.name = "a prepare handler takes a mutex of allocating threads", .run = mutex_is_taken, .seconds = 60},
};

HARNESS_MAIN(cases)
