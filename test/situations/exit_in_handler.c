/* SPDX-License-Identifier: MIT */
/* exit_in_handler.c - one thread, whose signal handler calls exit()
 *
 * Undefined by the letter, common in life: handlers of SIGTERM do it.  What atexit() has
 * registered allocates and frees, wherever the program was when the signal came.  It must not
 * wait for a lock that nobody but itself can hold.  That it ends in another way, because the
 * heap was found half changed, is within the letter.
 */
#include "situation.h"

enum { MAX_BLOCKS = 200000, SECONDS_TO_END = 10 };

static char *blocks[MAX_BLOCKS];

/* What programs do at their end. */
static void say_goodbye(void)
{
	for (size_t round = 0; round < 50; round++) {
		void *some[20];
		for (size_t i = 0; i < 20; i++)
			some[i] = malloc(20 + i * 40);
		for (size_t i = 0; i < 20; i++)
			free(some[i]);
	}
	free(opaque(malloc(300000)));
}

static void on_signal(int signal)
{
	(void)signal;
	exit(0);
}

/* Works on `count` blocks of `least` to `most` bytes until the signal comes. */
__attribute__((noreturn)) static void work(uint64_t seed, size_t count, size_t least, size_t most)
{
	uint64_t random = seed * 77777 + 12345;
	alarm(SECONDS_TO_END);
	atexit(say_goodbye);
	signal(SIGUSR1, on_signal);
	situation_arm(situation_timer(SIGUSR1), 5000 + situation_below(&random, 30000));
	for (;;) {
		size_t i = situation_below(&random, count);
		free(blocks[i]);
		blocks[i] = situation_block(least + situation_below(&random, most - least));
	}
}

static void ends(size_t count, size_t least, size_t most)
{
	size_t nr_runs = test_pick(40, 100, 2000), nr_other = 0;
	for (size_t run = 0; run < nr_runs; run++) {
		int status = 0;
		pid_t child = fork();
		CHECK(child >= 0);
		if (child == 0)
			work(test_seed() + run, count, least, most);
		CHECK_EQ(waitpid(child, &status, 0), child);
		if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
			test_fail(__FILE__, __LINE__, "run %zu of %zu ends", run, nr_runs);
		nr_other += status != 0;
	}
	test_note("%zu of %zu runs end otherwise than with 0\n", nr_other, nr_runs);
}

static void small(void) { ends(20000, 16, 2016); }
static void tiny(void) { ends(MAX_BLOCKS, 16, 136); }
static void large(void) { ends(2000, 4096, 404096); }

/* glibc fails an assertion of its own in most runs, and now and then hangs. */
static const struct test_case cases[] = {
	{.name = "among blocks of 16 to 2,016 bytes", .run = small, .engines = SEAM, .seconds = 120},
	{.name = "among blocks of 16 to 136 bytes", .run = tiny, .engines = SEAM, .seconds = 120},
	{.name = "among blocks of 4 to 400 KB", .run = large, .engines = SEAM, .seconds = 120},
};

HARNESS_MAIN(cases)
