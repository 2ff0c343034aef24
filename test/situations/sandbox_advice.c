/* SPDX-License-Identifier: MIT */
/* sandbox_advice.c - a sandbox that kills for what it does not know
 *
 * Network daemons put themselves into one before they read from strangers.  Mapping calls are
 * allowed, but of madvise() only the kinds below, and no file may be opened.
 */
#include "situation.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* How glibc 2.42 and later guard the stack of a thread; an older <sys/mman.h> lacks the name. */
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define KILL BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)
#define ALLOW_IF(value) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1), ALLOW

static struct sock_filter filter[] = {
	LOAD(nr),
	ALLOW_IF(SYS_mmap), ALLOW_IF(SYS_munmap), ALLOW_IF(SYS_mremap), ALLOW_IF(SYS_mprotect), ALLOW_IF(SYS_brk),
	ALLOW_IF(SYS_futex), ALLOW_IF(SYS_sched_yield), ALLOW_IF(SYS_getcpu), ALLOW_IF(SYS_getpid),
	ALLOW_IF(SYS_read), ALLOW_IF(SYS_write), ALLOW_IF(SYS_close), ALLOW_IF(SYS_newfstatat),
	ALLOW_IF(SYS_clone3), ALLOW_IF(SYS_set_robust_list), ALLOW_IF(SYS_rseq), ALLOW_IF(SYS_rt_sigprocmask),
	ALLOW_IF(SYS_rt_sigaction),
	ALLOW_IF(SYS_clock_gettime), ALLOW_IF(SYS_getrandom), ALLOW_IF(SYS_exit), ALLOW_IF(SYS_exit_group),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 1, 0), KILL,
	LOAD(args[2]),
	ALLOW_IF(MADV_NORMAL), ALLOW_IF(MADV_DONTNEED), ALLOW_IF(MADV_FREE), ALLOW_IF(MADV_DONTDUMP),
	ALLOW_IF(MADV_WIPEONFORK), ALLOW_IF(MADV_DONTFORK), ALLOW_IF(MADV_GUARD_INSTALL),
	KILL,
};

enum { MAX_BLOCKS = 150000, SIZE = 1000 };

static char *blocks[MAX_BLOCKS];

/* It has been at work before, and may be about to grow. */
static void enter(void)
{
	struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
	for (size_t i = 0; i < 3000; i++)
		free(opaque(malloc(100 + i)));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		test_skip("no seccomp");
}

static void take(size_t count)
{
	for (size_t i = 0; i < count; i++) {
		CHECK((blocks[i] = malloc(SIZE)) != NULL);
		memset(blocks[i], 1, SIZE);
	}
}

static void release(size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(blocks[i]);
}

static void little(void)
{
	enter();
	take(2000);
}

static void much(void)
{
	enter();
	take(MAX_BLOCKS);
}

static void up_and_down(void)
{
	enter();
	for (size_t round = 0; round < test_pick(5, 20, 20); round++) {
		take(20000);
		release(20000);
	}
}

static void buffer_that_grows(void)
{
	enter();
	char *buffer = malloc(5 * MiB);
	for (size_t mib = 10; mib < 90; mib += 10) {
		CHECK((buffer = realloc(buffer, mib * MiB)) != NULL);
		buffer[mib * MiB / 2] = 1;
	}
	free(buffer);
}

static void *work(void *argument)
{
	for (size_t i = 0; i < 2000; i++)
		free(opaque(malloc(100 + i)));
	return argument;
}

static void thread(void)
{
	pthread_t thread;
	enter();
	CHECK_EQ(pthread_create(&thread, NULL, work, NULL), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
}

static const struct test_case cases[] = {
	{.name = "2 MiB", .run = little},
	{.name = "150 MiB", .run = much, .seconds = 60},
	{.name = "20 MiB, up and down", .run = up_and_down, .seconds = 60},
	{.name = "a buffer that grows", .run = buffer_that_grows},
	{.name = "a thread", .run = thread},
};

HARNESS_MAIN(cases)
