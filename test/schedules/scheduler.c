/* SPDX-License-Identifier: MIT */
/* scheduler.c - coroutines with the thread-local storage of sleeping threads */
#include "scheduler.h"

#include <pthread.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/atomic.h"
#include "os_sim.h"
#include "unit.h"

#define STACK_SIZE (256 * KiB)
/* A schedule has some hundred to some ten thousand operations.  More: threads wait for each
 * other. */
#define MOST_OPERATIONS 20000000
/* Changes of priority in a schedule. */
#define NR_CHANGES 6
/* Operations among which they are chosen. */
#define CHANGES_WITHIN 4000

static struct coroutine {
	void *stopped_at;      /* its stack pointer while another one runs */
	unsigned long storage; /* its thread pointer */
	bool is_done;
	unsigned priority;
	char stack[STACK_SIZE] __attribute__((aligned(64)));
} coroutines[SCHEDULER_THREADS];

static struct {
	void *outside;	       /* the stack pointer of scheduler_run() */
	unsigned long storage; /* outside */
	struct schedule schedule;
	unsigned current;
	bool is_running;
	uint64_t random;
	unsigned one_in; /* 0: by priorities */
	size_t changes[NR_CHANGES];
	size_t nr_operations;
} now;

size_t scheduler_switches;

/* --- thread-local storage ---------------------------------------------------------------- */

#if defined(__x86_64__)
enum { SET = 0x1002, GET = 0x1003 }; /* ARCH_SET_FS, ARCH_GET_FS */

static unsigned long get_storage(void)
{
	unsigned long storage = 0;
	syscall(SYS_arch_prctl, GET, &storage);
	return storage;
}

/* The kernel lets programs use the instruction. */
#define HAS_WRFSBASE 2 /* of AT_HWCAP2 */
static bool has_wrfsbase;

/* By an instruction: the C library's syscall() sets errno, which is in the storage. */
static void set_storage(unsigned long storage)
{
	long result;
	if (has_wrfsbase)
		__asm__ volatile("wrfsbase %0" ::"r"(storage) : "memory");
	else
		__asm__ volatile("syscall" : "=a"(result) : "a"((long)SYS_arch_prctl), "D"((long)SET), "S"(storage) : "rcx", "r11", "memory");
}

/* Keeps the stack pointer in *from, with the registers that a function saves on that stack, and
 * goes on where `to` was kept.  swapcontext() makes a system call for the signal mask, half of a
 * run's time. */
void scheduler_jump(void **from, void *to);
__asm__(".text\n.globl scheduler_jump\n.type scheduler_jump, @function\nscheduler_jump:\n"
	"push %rbp\n push %rbx\n push %r12\n push %r13\n push %r14\n push %r15\n"
	"mov %rsp, (%rdi)\n mov %rsi, %rsp\n"
	"pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbx\n pop %rbp\n ret\n"
	".size scheduler_jump, .-scheduler_jump\n");

#define NR_SAVED 6

/* A stack on which scheduler_jump() finds zeros for the registers, and calls `body`. */
static void *new_stack(struct coroutine *coroutine, void (*body)(void))
{
	void **top = (void **)(coroutine->stack + STACK_SIZE) - 1; /* as after a call */
	*--top = (void *)body;
	for (unsigned i = 0; i < NR_SAVED; i++)
		*--top = NULL;
	return top;
}
#else
static bool has_wrfsbase;
static unsigned long get_storage(void) { return 0; }
static void set_storage(unsigned long storage) { (void)storage; }
static void scheduler_jump(void **from, void *to) { (void)from, (void)to; }
static void *new_stack(struct coroutine *coroutine, void (*body)(void)) { return (void)body, coroutine; }
#define HAS_WRFSBASE 0
#endif

static int nr_asleep;

static void *sleep_forever(void *storage)
{
	*(unsigned long *)storage = get_storage();
	__atomic_add_fetch(&nr_asleep, 1, __ATOMIC_SEQ_CST);
	for (;;)
		pause();
	return NULL;
}

/* --- choosing ------------------------------------------------------------------------------ */

static bool is_change(size_t operation)
{
	for (unsigned i = 0; i < NR_CHANGES; i++)
		if (now.changes[i] == operation)
			return true;
	return false;
}

/* A thread that is not done, other than the current one if there is one.  nr_threads: none is
 * left. */
static unsigned choose_other(void)
{
	unsigned nr = now.schedule.nr_threads, best = nr;
	unsigned first = (unsigned)below(&now.random, nr);
	for (unsigned i = 0; i < nr; i++) {
		unsigned t = (first + i) % nr;
		if (coroutines[t].is_done || t == now.current)
			continue;
		if (best == nr || (!now.one_in && coroutines[t].priority > coroutines[best].priority))
			best = t;
	}
	if (best == nr && !coroutines[now.current].is_done)
		best = now.current;
	return best;
}

static void switch_to(unsigned thread)
{
	unsigned from = now.current;
	if (thread == from)
		return;
	now.current = thread;
	scheduler_switches++;
	set_storage(coroutines[thread].storage);
	scheduler_jump(&coroutines[from].stopped_at, coroutines[thread].stopped_at);
}

static void count_operation(void)
{
	if (++now.nr_operations > MOST_OPERATIONS)
		test_fail(__FILE__, __LINE__, "no thread gets anywhere");
}

void sea_may_switch(void)
{
	if (!now.is_running)
		return;
	count_operation();
	if (now.one_in) {
		if (below(&now.random, now.one_in) == 0)
			switch_to(choose_other());
	} else if (is_change(now.nr_operations)) {
		coroutines[now.current].priority = 0;
		switch_to(choose_other());
	}
}

/* The thread waits for another one. */
static void give_way(void)
{
	if (!now.is_running)
		return;
	count_operation();
	coroutines[now.current].priority = 0;
	switch_to(choose_other());
}

/* --- running --------------------------------------------------------------------------------- */

static void enter(void)
{
	now.schedule.body(now.current);
	coroutines[now.current].is_done = true;
	unsigned next = choose_other();
	if (next < now.schedule.nr_threads)
		switch_to(next);
	now.is_running = false;
	set_storage(now.storage);
	scheduler_jump(&coroutines[now.current].stopped_at, now.outside);
}

static void choose_policy(void)
{
	static const unsigned chances[] = {0, 2, 5, 20, 0, 100, 500, 0};
	now.one_in = chances[below(&now.random, NR(chances))];
	for (unsigned i = 0; i < NR_CHANGES; i++)
		now.changes[i] = 1 + below(&now.random, CHANGES_WITHIN >> below(&now.random, 8));
}

/* The child of a fork has the calling thread only, which goes on without a switch. */
static void end(void) { now.is_running = false; }

/* Registered before the core's handlers, so that ours is the first to run in a child. */
bool scheduler_init(void)
{
	pthread_t thread;
	now.storage = get_storage();
	has_wrfsbase = getauxval(AT_HWCAP2) & HAS_WRFSBASE;
	if (!now.storage)
		return false;
	for (unsigned t = 0; t < SCHEDULER_THREADS; t++)
		CHECK_EQ(pthread_create(&thread, NULL, sleep_forever, &coroutines[t].storage), 0);
	while (__atomic_load_n(&nr_asleep, __ATOMIC_SEQ_CST) < SCHEDULER_THREADS)
		usleep(100);
	sim.on_yield = give_way;
	pthread_atfork(NULL, NULL, end);
	return true;
}

size_t scheduler_run(const struct schedule *schedule)
{
	now.schedule = *schedule;
	now.random = schedule->seed * 0x9e3779b97f4a7c15ull | 1;
	now.nr_operations = 0;
	choose_policy();
	for (unsigned t = 0; t < schedule->nr_threads; t++) {
		struct coroutine *coroutine = &coroutines[t];
		coroutine->is_done = false;
		coroutine->priority = 1 + (unsigned)below(&now.random, 1000);
		coroutine->stopped_at = new_stack(coroutine, enter);
	}
	now.is_running = true;
	now.current = (unsigned)below(&now.random, schedule->nr_threads);
	set_storage(coroutines[now.current].storage);
	scheduler_jump(&now.outside, coroutines[now.current].stopped_at);
	return now.nr_operations;
}
