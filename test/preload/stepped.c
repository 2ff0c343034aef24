/* SPDX-License-Identifier: MIT */
/* stepped.c - a signal at each instruction of malloc and free
 *
 * A traced child allocates and frees.  In its i-th round the tracer lets it go i instructions into
 * the calls, one by one, and sends a signal there.  The handler forks a child that ends at once,
 * that ends by exit(), or that allocates; or a timer of 50 us sends the signal, again and again.
 * No round may hang, and all blocks keep their bytes.
 */
#include "../harness.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NR_BLOCKS = 40 };

static volatile int nr_signals;
static enum { ENDS_AT_ONCE, RUNS_EXIT_HANDLERS, ALLOCATES } child_does;

/* As many blocks as take a refill. */
static void allocate_in_child(void)
{
	static char *blocks[NR_BLOCKS];
	for (size_t i = 0; i < NR_BLOCKS; i++)
		memset(blocks[i] = malloc(100), (int)i, 100);
	for (size_t i = 0; i < NR_BLOCKS; i++) {
		if (blocks[i][0] != (char)i || blocks[i][99] != (char)i)
			_exit(5);
		free(blocks[i]);
	}
}

static void fork_here(int signal)
{
	int status, saved = errno;
	(void)signal;
	pid_t child = fork();
	if (child == 0 && child_does == ALLOCATES)
		allocate_in_child();
	if (child == 0 && child_does == RUNS_EXIT_HANDLERS)
		exit(0);
	if (child == 0)
		_exit(0);
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (child < 0 || status != 0)
		_exit(9);
	nr_signals++;
	errno = saved;
}

/* Allocations and frees of sizes that take all ways: a stack, a refill, a run of pages. */
static void round_of_calls(size_t i)
{
	static const size_t sizes[] = {24, 100, 700, 3000, 20000, 200000};
	static char *blocks[NR_BLOCKS];
	size_t at = i % NR_BLOCKS, size = sizes[i % (sizeof(sizes) / sizeof(sizes[0]))];
	char *more = malloc(size);
	if (blocks[at] && blocks[at][0] != (char)at)
		_exit(8);
	free(blocks[at]);
	blocks[at] = more;
	memset(more, (int)at, size);
	free(malloc(size / 2 + 1));
}

/* Blocks that are all fresh: 1 KiB of them, so the stack gets new ones in each round. */
static void take_fresh(void)
{
	for (size_t bytes = 0; bytes <= 1024; bytes += 112)
		if (!malloc(100))
			_exit(8);
}

/* --- by a tracer -------------------------------------------------------------------------- */

/* The child: stops before each round. */
static void be_traced(size_t nr_rounds)
{
	signal(SIGUSR1, fork_here);
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
		_exit(7);
	for (size_t i = 0; i < nr_rounds; i++) {
		raise(SIGSTOP);
		if (child_does == ALLOCATES)
			take_fresh();
		else
			round_of_calls(i);
	}
	_exit(nr_signals > (int)nr_rounds / 2 ? 0 : 6);
}

/* Waits for a stop.  False: the child has ended, with *status. */
static bool stopped(pid_t child, int *status)
{
	CHECK_EQ(waitpid(child, status, 0), child);
	return WIFSTOPPED(*status);
}

/* Goes so many instructions into a round, or to its end, and lets the rest run with a signal. */
static void step_into(pid_t child, size_t nr_steps)
{
	int status = 0;
	for (size_t n = 0; n < nr_steps && WSTOPSIG(status) != SIGSTOP; n++) {
		CHECK_EQ(ptrace(PTRACE_SINGLESTEP, child, NULL, NULL), 0);
		CHECK(stopped(child, &status));
	}
	CHECK_EQ(ptrace(PTRACE_CONT, child, NULL, (void *)(uintptr_t)SIGUSR1), 0);
}

static void trace(size_t nr_rounds, size_t stride)
{
	int status;
	pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0)
		be_traced(nr_rounds);
	for (size_t i = 0; stopped(child, &status);) {
		if (WSTOPSIG(status) == SIGSTOP)
			step_into(child, i++ * stride % 1500);
		else if (WSTOPSIG(status) == SIGCHLD || WSTOPSIG(status) == SIGUSR1)
			CHECK_EQ(ptrace(PTRACE_CONT, child, NULL, (void *)(uintptr_t)WSTOPSIG(status)), 0);
		else
			test_fail(__FILE__, __LINE__, "stopped by signal %d", WSTOPSIG(status));
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 7)
		test_skip("no ptrace here");
	CHECK_EQ(status, 0);
}

static void at_each_instruction(void) { trace(test_pick(300, 1000, 6000), 1); }

static void at_each_instruction_by_exit(void)
{
	child_does = RUNS_EXIT_HANDLERS;
	trace(test_pick(150, 400, 3000), 7);
}

static void at_each_instruction_allocates(void)
{
	child_does = ALLOCATES;
	trace(test_pick(300, 1000, 6000), 1);
}

/* --- by a timer --------------------------------------------------------------------------- */

static void by_a_timer(void)
{
	struct itimerval once = {{0, 0}, {0, 50}};
	size_t least = test_pick(100, 300, 3000);
	signal(SIGALRM, fork_here);
	for (size_t i = 0; nr_signals < (int)least; i++) {
		if (i % 20 == 0) /* not at an interval: a fork takes longer than that */
			setitimer(ITIMER_REAL, &once, NULL);
		round_of_calls(i);
	}
}

static const struct test_case cases[] = {
	{.name = "a fork at each instruction", .run = at_each_instruction, .engines = SEAM, .seconds = 60},
	{.name = "an exit in a child at each instruction", .run = at_each_instruction_by_exit, .engines = SEAM, .seconds = 60},
	{.name = "a child that allocates at each instruction", .run = at_each_instruction_allocates, .engines = SEAM,
	 .seconds = 60},
	{.name = "a fork each 50 us", .run = by_a_timer, .engines = SEAM, .seconds = 60},
};

HARNESS_MAIN(cases)
