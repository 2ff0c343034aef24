/* SPDX-License-Identifier: MIT */
/* os.c - the operating system is Linux (layer 1)
 *
 * The only file of src/ that makes system calls.  Each call that is optional (all
 * but mmap, mprotect and munmap) may be denied by a sandbox: the caller is told
 * and goes on without.
 */
#define _GNU_SOURCE
#include "os.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "atomic.h"

/* Largest machine whose affinity mask we can read, in processors. */
#define MAX_CPUS 8192
/* Assumed where the kernel will not say. */
#define FALLBACK_CPUS 4
/* How far from the stack pointer an address still counts as "on the stack". */
#define STACK_REACH (8 * SEA_MIB)

/* A word that the kernel has told the process at its start; 0 if it has not. */
static unsigned long told_at_start(unsigned long type)
{
	int saved = errno;
	unsigned long value = getauxval(type);
	errno = saved;
	return value;
}

size_t sea_os_page_size(void)
{
	static size_t page_size;
	size_t known = sea_load_relaxed(&page_size);
	if (known)
		return known;
	known = told_at_start(AT_PAGESZ);
	if (!known)
		known = 4096;
	sea_store_relaxed(&page_size, known);
	return known;
}

unsigned sea_os_nr_cpus(void)
{
	uint64_t mask[MAX_CPUS / 64] = {0};
	int saved = errno;
	long bytes = syscall(SYS_sched_getaffinity, 0, sizeof(mask), mask);
	errno = saved;
	if (bytes <= 0)
		return FALLBACK_CPUS;
	unsigned count = 0;
	for (size_t i = 0; i < (size_t)bytes / 8; i++)
		count += (unsigned)__builtin_popcountll(mask[i]);
	return count ? count : 1;
}

/* Not by the functions of the C library: they are points of cancellation, and tools that
 * put others in their place may allocate. */
size_t sea_os_read_file(const char *path, size_t from, char *text, size_t room)
{
	int saved = errno;
	long file = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	long bytes = file < 0 ? 0 : syscall(SYS_pread64, file, text, room, from);
	if (file >= 0)
		syscall(SYS_close, file);
	errno = saved;
	return bytes > 0 ? (size_t)bytes : 0;
}

uint64_t sea_os_secret(void)
{
	uint64_t secret = 0x9e3779b97f4a7c15ull;
	const void *random = (const void *)told_at_start(AT_RANDOM);
	if (random)
		memcpy(&secret, random, sizeof(secret));
	return secret;
}

bool sea_os_is_secure(void) { return told_at_start(AT_SECURE) != 0; }

static void *map(void *at, size_t size, int protection, int flags)
{
	int saved = errno;
	void *base = mmap(at, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
	errno = saved;
	return base == MAP_FAILED ? NULL : base;
}

void *sea_os_reserve(size_t size) { return map(NULL, size, PROT_NONE, 0); }

void *sea_os_reserve_zeros(size_t size) { return map(NULL, size, PROT_READ, MAP_NORESERVE); }

size_t sea_os_address_space(void)
{
	int saved = errno;
	struct rlimit limit;
	bool known = getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
	errno = saved;
	return known ? (size_t)limit.rlim_cur : SIZE_MAX;
}

bool sea_os_commit(void *base, size_t size)
{
	int saved = errno;
	bool done = mprotect(base, size, PROT_READ | PROT_WRITE) == 0;
	errno = saved;
	return done;
}

static bool advise(void *base, size_t size, int advice)
{
	int saved = errno;
	bool done = madvise(base, size, advice) == 0;
	errno = saved;
	return done;
}

/* Some emulators accept MADV_DONTNEED and do nothing.  The first purge finds out. */
static bool dontneed_zeroes(void *base, size_t size)
{
	static int verdict; /* 0 unknown, 1 yes, -1 no; any thread */
	int known = sea_load_relaxed(&verdict);
	if (known)
		return known > 0;
	volatile unsigned char *probe = base;
	unsigned char before = *probe;
	*probe = 1;
	if (advise(base, size, MADV_DONTNEED))
		known = *probe == 0 ? 1 : -1;
	if (known <= 0)
		*probe = before;
	if (known)
		sea_store_relaxed(&verdict, known);
	return known > 0;
}

bool sea_os_purge(void *base, size_t size)
{
	return dontneed_zeroes(base, size) && advise(base, size, MADV_DONTNEED);
}

bool sea_os_release(void *base, size_t size)
{
	int saved = errno;
	bool done = munmap(base, size) == 0;
	errno = saved;
	return done;
}

bool sea_os_move(void *from, void *to, size_t size)
{
	int saved = errno;
	void *moved = mremap(from, size, size, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, to);
	/* Kernels before 6.16 unmap the target before they find that they cannot move. */
	if (moved == MAP_FAILED)
		map(to, size, PROT_READ | PROT_WRITE, MAP_FIXED_NOREPLACE);
	errno = saved;
	return moved != MAP_FAILED;
}

bool sea_os_advise_huge(void *base, size_t size, enum sea_huge huge)
{
	return huge == SEA_HUGE_AUTO || advise(base, size, huge == SEA_HUGE_ALWAYS ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
}

void sea_os_wait(uint32_t *word, uint32_t value)
{
	int saved = errno;
	if (syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0) && errno == ENOSYS)
		sched_yield();
	errno = saved;
}

void sea_os_wake(uint32_t *word)
{
	int saved = errno;
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	errno = saved;
}

unsigned sea_os_current_cpu(void)
{
	int saved = errno;
	int cpu = sched_getcpu();
	errno = saved;
	return cpu < 0 ? 0 : (unsigned)cpu;
}

static uint64_t now_us(clockid_t clock)
{
	int saved = errno;
	struct timespec now = {0};
	clock_gettime(clock, &now);
	errno = saved;
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t sea_os_now_ms(void) { return now_us(CLOCK_MONOTONIC_COARSE) / 1000; }

uint64_t sea_os_now_us(void) { return now_us(CLOCK_MONOTONIC); }

/* Made from the thread's number, which the C library knows: no system call. */
int sea_os_thread_clock(void)
{
	clockid_t clock = 0;
	return pthread_getcpuclockid(pthread_self(), &clock) ? 0 : clock;
}

uint64_t sea_os_thread_time(int clock)
{
	int saved = errno;
	struct timespec time = {0};
	if (!clock || syscall(SYS_clock_gettime, clock, &time))
		time = (struct timespec){0};
	errno = saved;
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

void sea_os_yield(void)
{
	int saved = errno;
	sched_yield();
	errno = saved;
}

void sea_os_at_thread_exit(void (*hook)(void *), void *argument)
{
	static uint32_t progress; /* 0 no key yet, 1 being made, 2 made */
	static pthread_key_t key;
	if (sea_load_acquire(&progress) != 2 && sea_swap_if(&progress, 0, 1))
		sea_store_release(&progress, pthread_key_create(&key, hook) ? 0 : 2);
	while (sea_load_acquire(&progress) == 1)
		sched_yield();
	if (sea_load_acquire(&progress) == 2)
		pthread_setspecific(key, argument);
}

void sea_os_report(const char *text, size_t length)
{
	int saved = errno;
	while (length) {
		ssize_t written = write(STDERR_FILENO, text, length);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			break;
		text += written;
		length -= (size_t)written;
	}
	errno = saved;
}

bool sea_os_has_environment(void) { return environ != NULL; }

const char *sea_os_environment(const char *name) { return environ ? getenv(name) : NULL; }

bool sea_os_is_on_stack(const void *here, const void *address)
{
	uintptr_t distance = (uintptr_t)address - (uintptr_t)here;
	return distance < STACK_REACH;
}

_Noreturn void sea_os_abort(void) { abort(); }
