/* SPDX-License-Identifier: MIT */
/* odd_places.c - the heap is used where programs rarely use it
 *
 * On a coroutine's stack that is a block of the heap, also one that moves between threads; on a thread's
 * stack that is one; in a child of vfork(); in a thread of a timer; after the process has sworn off
 * new code, or all system calls.
 */
#include "situation.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#endif

#define NR(array) (sizeof(array) / sizeof((array)[0]))

enum { STACK = 64 * 1024, NR_COROUTINES = 20, NR_ROUNDS = 10 };

/* Blocks of many sizes come and go, and keep their bytes. */
static void use(uint64_t seed, unsigned steps)
{
	struct {
		unsigned char *start;
		size_t size;
	} blocks[32] = {{NULL, 0}};
	while (steps-- > 0) {
		size_t i = test_random(&seed) % NR(blocks);
		if (blocks[i].start)
			CHECK(blocks[i].start[0] == i && blocks[i].start[blocks[i].size - 1] == i);
		free(blocks[i].start);
		blocks[i].size = 1 + test_random_size(&seed, 60000);
		blocks[i].start = malloc(blocks[i].size);
		CHECK(blocks[i].start != NULL);
		memset(blocks[i].start, (int)i, blocks[i].size);
	}
	for (size_t i = 0; i < NR(blocks); i++)
		free(blocks[i].start);
}

/* --- stacks ---------------------------------------------------------------------------------- */

static ucontext_t coroutine[NR_COROUTINES], *volatile back[NR_COROUTINES];
static int nr_done;

static void run_coroutine(int i)
{
	for (int round = 0; round < NR_ROUNDS; round++) {
		use((uint64_t)(i * NR_ROUNDS + round + 1), 50);
		swapcontext(&coroutine[i], back[i]);
	}
	__atomic_add_fetch(&nr_done, 1, __ATOMIC_RELAXED);
	setcontext(back[i]);
}

static void make(int i)
{
	getcontext(&coroutine[i]);
	coroutine[i].uc_stack.ss_sp = malloc(STACK);
	coroutine[i].uc_stack.ss_size = STACK;
	makecontext(&coroutine[i], (void (*)(void))run_coroutine, 1, i);
}

static void resume(int i)
{
	ucontext_t here;
	back[i] = &here;
	swapcontext(&here, &coroutine[i]);
}

static void coroutines(void)
{
	for (int i = 0; i < NR_COROUTINES; i++)
		make(i);
	for (int round = 0; round <= NR_ROUNDS; round++)
		for (int i = 0; i < NR_COROUTINES; i++)
			resume(i);
	CHECK_EQ(nr_done, NR_COROUTINES);
	for (int i = 0; i < NR_COROUTINES; i++)
		free(coroutine[i].uc_stack.ss_sp);
}

static void *resume_in_thread(void *number)
{
	resume((int)(intptr_t)number);
	return NULL;
}

static void coroutine_that_moves(void)
{
	make(0);
	for (int round = 0; round <= NR_ROUNDS; round++) {
		pthread_t thread;
		CHECK_EQ(pthread_create(&thread, NULL, resume_in_thread, NULL), 0);
		pthread_join(thread, NULL);
	}
	CHECK_EQ(nr_done, 1);
	free(coroutine[0].uc_stack.ss_sp);
}

static void *use_in_thread(void *seed)
{
	use((uint64_t)(uintptr_t)seed, 100);
	return NULL;
}

static void stacks_of_the_heap(void)
{
	for (uintptr_t round = 1; round <= 20; round++) {
		pthread_t thread[4];
		void *stack[NR(thread)];
		for (size_t i = 0; i < NR(thread); i++) {
			pthread_attr_t attributes;
			pthread_attr_init(&attributes);
			stack[i] = aligned_alloc(4096, STACK);
			CHECK_EQ(pthread_attr_setstack(&attributes, stack[i], STACK), 0);
			CHECK_EQ(pthread_create(&thread[i], &attributes, use_in_thread, (void *)(round * 8 + i)), 0);
		}
		for (size_t i = 0; i < NR(thread); i++) {
			pthread_join(thread[i], NULL);
			free(stack[i]);
		}
	}
}

/* --- children and timers --------------------------------------------------------------------- */

/* It shares the heap with its parent, which waits.  Not allowed by POSIX, and done all the same. */
static void __attribute__((noinline)) make_child(void)
{
	int status;
	pid_t child = vfork();
	if (child == 0) {
		use(11, 20);
		_exit(0);
	}
	CHECK(child > 0 && waitpid(child, &status, 0) == child);
	CHECK_EQ(status, 0);
}

static void child_of_vfork(void)
{
	for (uint64_t round = 1; round <= 100; round++) {
		use(round, 20);
		make_child();
	}
}

static void beside_threads(void)
{
	pthread_t thread[3];
	for (uintptr_t i = 0; i < NR(thread); i++)
		CHECK_EQ(pthread_create(&thread[i], NULL, use_in_thread, (void *)(i + 1)), 0);
	child_of_vfork();
	for (size_t i = 0; i < NR(thread); i++)
		pthread_join(thread[i], NULL);
}

static void on_time(union sigval value)
{
	(void)value;
	use(7, 5);
}

static void threads_of_a_timer(void)
{
	struct sigevent event = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = on_time};
	struct itimerspec each = {{0, 500000}, {0, 500000}};
	timer_t timer;
	CHECK_EQ(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
	CHECK_EQ(timer_settime(timer, 0, &each, NULL), 0);
	use(3, 5000);
	timer_delete(timer);
	usleep(20000);
}

/* --- what the process may not do ------------------------------------------------------------- */

static void no_new_code(void)
{
	if (prctl(PR_SET_MDWE, 1, 0, 0, 0))
		test_skip("this kernel has no PR_SET_MDWE");
	use(5, 3000);
}

/* Only read, write and exit are left.  Blocks that the thread has freed serve it all the same. */
static void no_system_call(void)
{
	void *blocks[50];
	pid_t child = fork();
	int status;
	if (child == 0) {
		for (int round = 0; round < 1000; round++) {
			for (size_t i = 0; i < NR(blocks); i++)
				blocks[i] = malloc(100);
			for (size_t i = 0; i < NR(blocks); i++)
				free(blocks[i]);
			if (round == 100 && prctl(PR_SET_SECCOMP, 1, 0, 0, 0))
				_exit(0);
		}
		syscall(SYS_exit, 0);
	}
	CHECK(child > 0 && waitpid(child, &status, 0) == child);
	CHECK_EQ(status, 0);
}

static const struct test_case cases[] = {
	{.name = "coroutines with stacks of the heap", .run = coroutines, .seconds = 60},
	{.name = "a coroutine that each thread goes on with", .run = coroutine_that_moves},
	{.name = "threads with stacks of the heap", .run = stacks_of_the_heap, .seconds = 60},
	{.name = "a child of vfork() allocates", .run = child_of_vfork, .seconds = 60},
	{.name = "the same beside threads", .run = beside_threads, .seconds = 60},
	{.name = "threads of a timer", .run = threads_of_a_timer, .seconds = 60},
	{.name = "PR_SET_MDWE", .run = no_new_code},
	{.name = "strict seccomp", .run = no_system_call},
};

HARNESS_MAIN(cases)
