/* SPDX-License-Identifier: MIT */
/* confined.c - in a sandbox that kills for what it does not know
 *
 * Each case has been at work before, then confines itself: calls that memory takes are allowed,
 * of madvise() a few kinds of advice, and no open of any kind.
 */
#include "../harness.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IF_EQUAL(value, skip_if, skip_else) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, skip_if, skip_else)
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define KILL BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)
#define CALL(name) IF_EQUAL(SYS_##name, 0, 1), ALLOW
#define ADVICE(kind) IF_EQUAL(kind, 0, 1), ALLOW

/* Advice of Linux 6.13: glibc 2.42 makes the guard pages of a thread's stack by it. */
#define GUARD_INSTALL 102

static void confine(void)
{
	/* The signals and what follows are what starting a thread takes. */
	static struct sock_filter filter[] = {
		LOAD(nr), CALL(mmap), CALL(munmap), CALL(mremap), CALL(mprotect), CALL(brk), CALL(futex), CALL(write),
		CALL(exit), CALL(exit_group), CALL(clock_gettime), CALL(getcpu), CALL(sched_yield),
		CALL(rt_sigprocmask), CALL(rt_sigaction), CALL(clone), CALL(clone3), CALL(rseq), CALL(set_robust_list),
		IF_EQUAL(SYS_madvise, 1, 0), KILL,
		LOAD(args[2]), ADVICE(MADV_NORMAL), ADVICE(MADV_DONTNEED), ADVICE(MADV_FREE), ADVICE(GUARD_INSTALL), KILL};
	struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
	for (size_t i = 0; i < 3000; i++)
		free(opaque(malloc(100 + i)));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		test_skip("seccomp is not available");
}

static void grow_by_small_blocks(void)
{
	enum { NR = 150000 };
	static char *blocks[NR];
	confine();
	for (size_t i = 0; i < NR; i++) {
		CHECK((blocks[i] = malloc(1000)) != NULL);
		memset(blocks[i], 1, 1000);
	}
	for (size_t i = 0; i < NR; i++)
		free(blocks[i]);
}

static void grow_one_block(void)
{
	confine();
	char *block = NULL;
	for (size_t mib = 5; mib < 90; mib += 10) {
		CHECK((block = realloc(block, mib * MiB)) != NULL);
		block[mib * MiB / 2] = 1;
	}
	free(block);
}

static void *use_heap(void *unused)
{
	for (size_t i = 0; i < 2000; i++)
		free(opaque(malloc(100 + i)));
	return unused;
}

static void start_threads(void)
{
	pthread_t threads[4];
	confine();
	for (int i = 0; i < 4; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, use_heap, NULL), 0);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
}

static const struct test_case cases[] = {
	{.name = "150 MB in small blocks", .run = grow_by_small_blocks},
	{.name = "a block that grows", .run = grow_one_block},
	{.name = "threads", .run = start_threads},
};

HARNESS_MAIN(cases)
