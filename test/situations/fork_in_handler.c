/* SPDX-License-Identifier: MIT */
/* fork_in_handler.c - one thread; a timer's handler forks, wherever the program is
 *
 * Also inside malloc.  fork() is safe in a signal handler by POSIX.1-2001 to 2017, and where
 * there is one thread, nobody else can hold a lock.  The child only ends, the parent waits.
 */
#include "situation.h"

enum { NR_BLOCKS = 4096, EXPECTED = 7 };

static volatile sig_atomic_t nr_forks, nr_wrong;

static void on_timer(int signal)
{
	int status = 0;
	(void)signal;
	pid_t child = fork();
	if (child == 0)
		_exit(EXPECTED);
	if (child < 0 || waitpid(child, &status, 0) != child || WEXITSTATUS(status) != EXPECTED)
		nr_wrong++;
	nr_forks++;
}

/* Starts the timer again once it has gone off: where forks are slow the program still gets on. */
static void arm_again(timer_t timer, uint64_t *random)
{
	static int nr_seen = -1;
	if (nr_forks == nr_seen)
		return;
	nr_seen = nr_forks;
	situation_arm(timer, 100 + situation_below(random, 2000));
}

/* Mostly small blocks, some of up to `large` bytes. */
static void work_and_fork(size_t large)
{
	static char *blocks[NR_BLOCKS];
	uint64_t random = test_seed();
	int wanted = (int)test_pick(400, 1000, 10000);
	signal(SIGUSR1, on_timer);
	timer_t timer = situation_timer(SIGUSR1);
	while (nr_forks < wanted) {
		arm_again(timer, &random);
		size_t i = situation_below(&random, NR_BLOCKS);
		size_t most = situation_below(&random, 256) == 0 ? large : 3000;
		free(blocks[i]);
		blocks[i] = situation_block(1 + situation_below(&random, most));
	}
	CHECK_EQ(nr_wrong, 0);
	for (size_t i = 0; i < NR_BLOCKS; i++)
		free(blocks[i]);
}

static void mixed(void) { work_and_fork(600000); }
static void small(void) { work_and_fork(3000); }

static const struct test_case cases[] = {
	{.name = "forks between small and large blocks", .run = mixed, .seconds = 30},
	{.name = "forks between small blocks", .run = small, .seconds = 30},
};

HARNESS_MAIN(cases)
