/* SPDX-License-Identifier: MIT */
/* refused_purge.c - memory that the system does not take back
 *
 * All of it is locked, or a sandbox denies madvise().  The program then keeps what it freed,
 * but it must not pay for a refusal at each free; and a block that is to be zeroed is.
 */
#include "situation.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>

enum { NR_BUFFERS = 3000, BUFFER = 60000, NR_SMALL = 20000, TRIES = 2, PAGE = 4096 };

/* Refusals in a run that frees 180 MB at once, and then 12,000 blocks and more one by one: 1,060,
 * where each was asked for, 65,000. */
#define MAX_REFUSALS 2000

static char *buffers[NR_BUFFERS], *blocks[NR_SMALL];

/* --- the work ------------------------------------------------------------------------- */

static void fill_and_free_buffers(void)
{
	for (size_t i = 0; i < NR_BUFFERS; i++) {
		CHECK((buffers[i] = malloc(BUFFER)) != NULL);
		memset(buffers[i], 1, BUFFER);
	}
	for (size_t i = 0; i < NR_BUFFERS; i++)
		free(buffers[i]);
}

static void free_at_once(uint64_t *random, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char *large = situation_block(300000 + situation_below(random, 300000));
		char *medium = situation_block(9000 + situation_below(random, 50000));
		free(large);
		free(medium);
	}
}

static void small_blocks(uint64_t *random, size_t nr_rounds)
{
	for (size_t round = 0; round < nr_rounds; round++) {
		for (size_t i = 0; i < NR_SMALL; i++)
			blocks[i] = situation_block(100 + situation_below(random, 3000));
		for (size_t i = 0; i < NR_SMALL; i++)
			free(blocks[i]);
	}
}

/* Returns the CPU seconds that it took. */
static double work(void)
{
	uint64_t random = 3;
	double start = situation_cpu();
	fill_and_free_buffers();
	free_at_once(&random, test_pick(6000, 40000, 40000));
	small_blocks(&random, test_pick(4, 20, 20));
	return situation_cpu() - start;
}

/* --- the refusals ------------------------------------------------------------------------ */

static void lock_all(void)
{
	if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0)
		test_skip("mlockall is not permitted");
}

/* madvise() is answered as `answer`, an action of seccomp, says. */
static void answer_madvise(unsigned answer)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, answer),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		test_skip("no seccomp");
}

static double work_when_locked(void)
{
	lock_all();
	return work();
}

static double work_when_denied(void)
{
	answer_madvise(SECCOMP_RET_ERRNO | EPERM);
	return work();
}

/* What is locked is faulted in when it is mapped: twice the time is for that. */
static void all_is_locked(void)
{
	double usual = situation_least(work, TRIES), locked = situation_least(work_when_locked, TRIES);
	test_note("CPU seconds: %.3f as usual, %.3f when locked\n", usual, locked);
	CHECK_AT_MOST(locked * 1e3, (2 * usual + 0.3) * 1e3);
}

static void madvise_is_denied(void)
{
	double usual = situation_least(work, TRIES), denied = situation_least(work_when_denied, TRIES);
	test_note("CPU seconds: %.3f as usual, %.3f when denied\n", usual, denied);
	CHECK_AT_MOST(denied * 1e3, (1.6 * usual + 0.1) * 1e3);
}

/* --- how often it is asked in vain ---------------------------------------------------------- */

#ifdef __x86_64__
static volatile size_t nr_refusals;
static long refusal; /* what madvise() returns */

/* Counts a call, and answers it. */
static void on_madvise(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)info;
	nr_refusals++;
	((ucontext_t *)context)->uc_mcontext.gregs[REG_RAX] = refusal;
}

static void count_refusals(int error)
{
	struct sigaction action = {.sa_sigaction = on_madvise, .sa_flags = SA_SIGINFO | SA_NODEFER};
	CHECK_EQ(sigaction(SIGSYS, &action, NULL), 0);
	refusal = -error;
	answer_madvise(SECCOMP_RET_TRAP);
	work();
	CHECK_AT_MOST(nr_refusals, MAX_REFUSALS);
}
#else
static void count_refusals(int error)
{
	(void)error;
	test_skip("the answer to a trapped call is only known for x86-64");
}
#endif

/* As the kernel answers for locked memory, and as sandboxes answer. */
static void asked_in_vain_locked(void) { count_refusals(EINVAL); }
static void asked_in_vain_denied(void) { count_refusals(EPERM); }

/* --- zeros ----------------------------------------------------------------------------------- */

/* A block of which the inner pages are locked, as programs do with keys; it is freed so. */
static void free_a_locked_block(size_t size)
{
	char *block = malloc(size);
	uintptr_t from = ((uintptr_t)block + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
	size_t pages = size < 2 * PAGE ? 0 : (size - PAGE) & ~(size_t)(PAGE - 1);
	CHECK(block != NULL);
	if (pages > 0 && mlock((void *)from, pages) != 0)
		test_skip("mlock is not permitted");
	memset(block, 7, size);
	free(block);
}

static void locked_parts_are_zeroed(void)
{
	static const size_t sizes[] = {3000, 20000, 100000, 400000, 3000000, 20000000, 50000000};
	for (size_t round = 0; round < test_pick(4, 40, 400); round++)
		for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
			free_a_locked_block(sizes[s]);
			for (size_t i = 0; i < 30; i++)
				free(opaque(malloc(200000 + 30000 * i)));
			char *clean = calloc(1, sizes[s]);
			CHECK(clean != NULL && test_is_zero(clean, sizes[s]));
			free(clean);
		}
}

/* The same where the system says no to all. */
static void denied_parts_are_zeroed(void)
{
	uint64_t random = test_seed();
	answer_madvise(SECCOMP_RET_ERRNO | EPERM);
	for (size_t i = 0; i < test_pick(1000, 10000, 100000); i++) {
		size_t size = 1 + test_random_size(&random, 3 * MiB);
		char *dirty = malloc(size);
		CHECK(dirty != NULL);
		memset(dirty, 7, size);
		free(dirty);
		size = 1 + situation_below(&random, 2 * size);
		char *clean = calloc(1, size);
		CHECK(clean != NULL && test_is_zero(clean, size));
		free(clean);
	}
}

static const struct test_case cases[] = {
	{.name = "all memory is locked: CPU time", .run = all_is_locked, .seconds = 180},
	{.name = "madvise is denied: CPU time", .run = madvise_is_denied, .seconds = 180},
	{.name = "the answer EINVAL is remembered", .run = asked_in_vain_locked, .seconds = 60},
	{.name = "the answer EPERM is remembered", .run = asked_in_vain_denied, .seconds = 60},
	{.name = "locked by the program: calloc is zero", .run = locked_parts_are_zeroed, .seconds = 120},
	{.name = "madvise is denied: calloc is zero", .run = denied_parts_are_zeroed, .seconds = 120},
};

HARNESS_MAIN(cases)
