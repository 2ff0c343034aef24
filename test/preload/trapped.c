/* SPDX-License-Identifier: MIT */
/* trapped.c - forks between two instructions of the slow paths, and children that allocate
 *
 * The processor's trap flag lets a handler of SIGTRAP run after each instruction.  There it
 * forks, and the child allocates and frees until what the interrupted step had in hand has come
 * round: each block has a pattern of its own, so two owners of one byte are seen.  With a second
 * thread, the fork has to take all locks, also where the interrupted step was about to take one.
 */
#include "../harness.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

enum { NR_LIVE = 9000, NR_BURST = 120 };

static struct block {
	char *start;
	size_t size;
} live[NR_LIVE];

/* Traps since the last start, and at which of them a child is made. */
static size_t nr_traps, fork_from, fork_stride, nr_children;
static void (*in_child)(void);

static char pattern_of(const struct block *block) { return (char)(((uintptr_t)block->start >> 4) * 7 + block->size); }

static void fill(struct block *block, char *start, size_t size)
{
	*block = (struct block){start, size};
	memset(start, pattern_of(block), size);
}

static void drop(struct block *block)
{
	for (size_t i = 0; i < block->size; i++)
		if (block->start[i] != pattern_of(block))
			_exit(5);
	free(block->start);
	*block = (struct block){0};
}

/* Blocks of every kind beside those that live, then all are checked and freed. */
static void burst(void)
{
	static const size_t sizes[] = {24, 100, 100, 100, 700, 3000, 20000, 140000, 150000, 200000};
	static struct block blocks[sizeof(sizes) / sizeof(sizes[0])][NR_BURST];
	for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++)
		for (size_t i = 0; i < (sizes[k] < 3000 ? NR_BURST : 2); i++)
			fill(&blocks[k][i], malloc(sizes[k]), sizes[k]);
	for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++)
		for (size_t i = 0; i < NR_BURST; i++)
			drop(&blocks[k][i]);
}

static void drop_all(void)
{
	for (size_t i = 0; i < NR_LIVE; i++)
		drop(&live[i]);
}

static void burst_and_trim(void)
{
	burst();
	drop_all();
	malloc_trim(0);
	burst();
}

/* --- stepping ------------------------------------------------------------------------------- */

#if defined(__x86_64__)
static void set_trap_flag(bool on)
{
	if (on)
		__asm__ volatile("pushfq\n\torl $0x100, (%%rsp)\n\tpopfq" ::: "cc", "memory");
	else
		__asm__ volatile("pushfq\n\tandl $~0x100, (%%rsp)\n\tpopfq" ::: "cc", "memory");
}
#else
static void set_trap_flag(bool on) { (void)on; }
#endif

static void fork_here(int signal)
{
	int status, saved = errno;
	(void)signal;
	if (nr_traps++ % fork_stride != fork_from)
		return;
	pid_t child = fork();
	if (child == 0) {
		alarm(20);
		in_child();
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
		test_fail(__FILE__, __LINE__, "the child at trap %zu ended with %#x", nr_traps, (unsigned)status);
	nr_children++;
	errno = saved;
}

/* Runs a step with a fork at one instruction in `stride`, from the from-th on. */
static void step(void (*what)(void), size_t from, size_t stride)
{
	nr_traps = 0;
	fork_from = from;
	fork_stride = stride;
	set_trap_flag(true);
	what();
	set_trap_flag(false);
}

static void begin(void (*child)(void))
{
#if !defined(__x86_64__)
	test_skip("an x86-64 is needed");
#endif
	in_child = child;
	signal(SIGTRAP, fork_here);
}

/* --- what is interrupted ----------------------------------------------------------- */

static void trim(void) { malloc_trim(0); }

/* A few chunks of some classes: the rest of what a refill brings is fresh. */
static void draw_some(void)
{
	for (size_t i = 0; i < 24; i++)
		fill(&live[i], malloc(100 + i % 3 * 300), 100 + i % 3 * 300);
}

static void at_a_trim(void)
{
	size_t stride = test_pick(397, 41, 5);
	begin(burst_and_trim);
	for (size_t from = 0; from < stride; from += stride / test_pick(1, 4, 4) + 1) {
		draw_some();
		step(trim, from, stride);
		drop_all();
	}
	CHECK(nr_children > 20);
}

static char *run;
static void free_run(void) { free(run); }

/* Runs that a thread parks: the child asks for both lengths. */
static void at_a_large_free(void)
{
	size_t stride = test_pick(16, 7, 3);
	begin(burst);
	for (size_t i = 0; i < test_pick(6, 20, 60); i++) {
		/* parked, and served again: what is parked next is shorter or longer */
		free(malloc(200000));
		char *longer = malloc(200000);
		run = memset(malloc(i % 2 ? 140000 : 400000), 1, 140000);
		step(free_run, i % stride, stride);
		free(longer);
	}
	CHECK(nr_children > 20);
}

static void allocate_some(void)
{
	for (size_t i = 0; i < 40; i++)
		fill(&live[i], malloc(100), 100);
}

/* Frees far from each other fill the large stack of one class, and then its spill; the links of
 * what is in a spill are not links. */
static void scatter(void)
{
	for (size_t turn = 0; turn < 6; turn++) {
		for (size_t i = 0; i < NR_LIVE; i++)
			if (!live[i].start)
				fill(&live[i], malloc(100), 100);
		for (size_t i = 0; i < NR_LIVE; i++)
			drop(&live[i * 4441 % NR_LIVE]);
	}
}

static void burst_small(void)
{
	static struct block blocks[600];
	for (size_t i = 0; i < 600; i++)
		fill(&blocks[i], malloc(100), 100);
	for (size_t i = 0; i < 600; i++)
		drop(&blocks[i]);
}

static void at_a_scattered_stack(void)
{
	size_t stride = test_pick(37, 17, 5);
	begin(burst_small);
	for (size_t from = 0; from < stride; from += stride / 3 + 1) {
		scatter();
		step(allocate_some, from, stride);
		for (size_t i = 0; i < 40; i++)
			drop(&live[i]);
	}
	CHECK(nr_children > 20);
}

static void free_some(void)
{
	for (size_t i = 0; i < 400; i++)
		free(live[i * 13].start);
}

static void at_many_frees(void)
{
	size_t stride = test_pick(211, 101, 23);
	begin(burst_small);
	for (size_t from = 0; from < stride; from += stride / 3 + 1) {
		scatter();
		for (size_t i = 0; i < NR_LIVE; i++)
			fill(&live[i], malloc(100), 100);
		step(free_some, from, stride);
		for (size_t i = 0; i < 400; i++)
			live[i * 13] = (struct block){0};
	}
	CHECK(nr_children > 20);
}

enum { NR_BEFORE = 500, NR_FREED = 640, NR_DRAWN = 2000 };

static void free_some_more(void)
{
	for (size_t i = NR_BEFORE; i < NR_FREED; i++)
		free(live[i].start);
}

static void free_rest(void)
{
	for (size_t i = NR_FREED; i < NR_DRAWN; i++)
		drop(&live[i]);
	malloc_trim(0);
	burst_small();
}

/* Freed chunks leave by 64 at once; in hardened mode, by 32. */
static void at_a_teardown(void)
{
	size_t stride = test_pick(13, 7, 1);
	begin(free_rest);
	for (size_t i = 0; i < NR_DRAWN; i++)
		fill(&live[i], malloc(48), 48);
	for (size_t i = 0; i < NR_BEFORE; i++)
		drop(&live[i]);
	step(free_some_more, 0, stride);
	CHECK(nr_children > 20);
}

static void *wait_for_nothing(void *unused)
{
	for (;;)
		pause();
	return unused;
}

static void beside_a_thread(void)
{
	pthread_t thread;
	CHECK_EQ(pthread_create(&thread, NULL, wait_for_nothing, NULL), 0);
	at_a_trim();
}

static const struct test_case cases[] = {
	{.name = "a fork inside a trim: the child allocates", .run = at_a_trim, .engines = SEAM, .seconds = 60},
	{.name = "a fork inside a free of a run: the child allocates", .run = at_a_large_free, .engines = SEAM, .seconds = 60},
	{.name = "a fork inside allocations after frees in random order: the child allocates", .run = at_a_scattered_stack, .engines = SEAM, .seconds = 60},
	{.name = "a fork inside frees in random order: the child allocates", .run = at_many_frees, .engines = SEAM, .seconds = 60},
	{.name = "a fork inside frees in a teardown: the child allocates", .run = at_a_teardown, .engines = SEAM, .seconds = 60},
	{.name = "a fork inside a trim, beside another thread: the child allocates", .run = beside_a_thread, .engines = SEAM, .seconds = 60},
};

HARNESS_MAIN(cases)
