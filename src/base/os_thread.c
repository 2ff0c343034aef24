/* SPDX-License-Identifier: MIT */
/* os_thread.c - threads: where they run, when, and how they wait, start and end
 *
 * A part of os.c, which says what holds for all system calls.
 */
#define _GNU_SOURCE
#include "base/os.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/atomic.h"
#include "base/check.h"
#include "base/machine.h"
#include "base/os_linux.h"
#include "base/vdso.h"

/* Largest affinity mask that we can read, in processors. */
#define MAX_CPUS 8192
/* Assumed if the kernel does not tell. */
#define FALLBACK_CPUS 4

/* The kernel's functions in the process.  Two threads may find them at once and write the same, so
 * the fields are read by atomic loads. */
static const struct sea_vdso *vdso(void)
{
	static struct sea_vdso found;
	static uint32_t is_found;
	if (unlikely(!sea_load_acquire(&is_found))) {
		struct sea_vdso fresh;
		sea_vdso_read((const void *)sea_os_told_at_start(AT_SYSINFO_EHDR), &fresh);
		sea_store_relaxed(&found.clock_gettime, fresh.clock_gettime);
		sea_store_relaxed(&found.kernel, fresh.kernel);
		sea_store_release(&is_found, 1);
	}
	return &found;
}

uint32_t sea_os_kernel(void) { return sea_load_relaxed(&vdso()->kernel); }

/* --- processors, clocks, waiting ------------------------------------------------------ */

unsigned sea_os_nr_cpus(void)
{
	uint64_t mask[MAX_CPUS / 64] = {0};
	if (sea_os_is_confined())
		return FALLBACK_CPUS;
	long bytes = SEA_CALL(SYS_sched_getaffinity, 0, sizeof(mask), mask);
	if (bytes <= 0)
		return FALLBACK_CPUS;
	unsigned count = 0;
	for (size_t i = 0; i < (size_t)bytes / 8; i++)
		count += (unsigned)__builtin_popcountll(mask[i]);
	return count ? count : 1;
}

void sea_os_yield(void) { SEA_CALL(SYS_sched_yield, 0); }

void sea_os_wait(uint32_t *word, uint32_t value)
{
	SEA_ASSERT((uintptr_t)word % sizeof(*word) == 0);
	if (SEA_CALL(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL) == -ENOSYS)
		sea_os_yield();
}

void sea_os_wake(uint32_t *word) { SEA_CALL(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1); }

static uint64_t now_us(int clock)
{
	struct timespec now = {0};
	__auto_type clock_gettime = sea_load_relaxed(&vdso()->clock_gettime);
	if (likely(clock_gettime))
		clock_gettime(clock, &now);
	else
		SEA_CALL(SYS_clock_gettime, clock, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t sea_os_now_ms(void) { return now_us(CLOCK_MONOTONIC_COARSE) / 1000; }

uint64_t sea_os_now_us(void) { return now_us(CLOCK_MONOTONIC); }

/* Made from the thread id, which the C library knows: no system call. */
int sea_os_thread_clock(void)
{
	clockid_t clock = 0;
	return pthread_getcpuclockid(pthread_self(), &clock) ? 0 : clock;
}

/* The kernel's clock of an id (CPUCLOCK in its sources) has ~id in all but the last three bits. */
size_t sea_os_thread_id(void)
{
	int clock = sea_os_thread_clock();
	return clock ? (size_t)~(clock >> 3) : 0;
}

uint64_t sea_os_thread_time(int clock)
{
	struct timespec time = {0};
	if (!clock || SEA_CALL(SYS_clock_gettime, clock, &time))
		return 0;
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* --- a thread of ours ------------------------------------------------------------- */

/* Before glibc 2.34 a program may not have it. */
#pragma weak pthread_create

/* Address space only: two pages are touched.  The C library puts thread-local data there, too. */
#define THREAD_STACK (256 * SEA_KIB)

struct thread_start {
	void (*body)(void);
	const char *name;
};

static void *run_thread(void *argument)
{
	struct thread_start start = *(struct thread_start *)argument;
	SEA_CALL(SYS_prctl, PR_SET_NAME, start.name, 0, 0, 0);
	start.body();
	return NULL;
}

/* The new thread inherits that all signals are blocked. */
static bool create_thread(const pthread_attr_t *attributes, struct thread_start *start)
{
	sigset_t all, before;
	pthread_t thread;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	bool is_created = !pthread_create(&thread, attributes, run_thread, start);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return is_created;
}

/* A record for each body: a thread may read its own after the next one has been started. */
static struct thread_start *start_for(void (*body)(void), const char *name)
{
	static struct thread_start starts[2]; /* the idle thread, and those that watch ports */
	for (unsigned i = 0; i < sizeof(starts) / sizeof(*starts); i++)
		if (sea_swap_if(&starts[i].body, NULL, body) || sea_load_relaxed(&starts[i].body) == body) {
			sea_store_relaxed(&starts[i].name, name);
			return &starts[i];
		}
	return NULL;
}

bool sea_os_start_thread(void (*body)(void), const char *name)
{
	struct thread_start *start = start_for(body, name);
	pthread_attr_t attributes;
	int saved = errno;
	if (!start || !pthread_create || sea_os_is_confined() || pthread_attr_init(&attributes))
		return false;
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, THREAD_STACK);
	/* Not in real time, although the caller may be. */
	pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED);
	bool is_created = create_thread(&attributes, start);
	pthread_attr_destroy(&attributes);
	errno = saved;
	return is_created;
}

bool sea_os_sleep(unsigned ms)
{
	struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
	long result;
	do
		result = SEA_CALL(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &left, &left);
	while (result == -EINTR);
	return result == 0 && !sea_os_is_confined();
}

/* C++ registers the destructors of thread-local objects with it.  It calls malloc(). */
extern int __cxa_thread_atexit_impl(void (*hook)(void *), void *argument, void *in_library) __attribute__((weak));

/* A key calls one hook, and a thread may need two: it has a thread cache and a cell cache. */
struct exit_key {
	void (*hook)(void *); /* NULL: not in use; atomic */
	uint32_t progress;    /* NO_KEY, KEY_BEING_MADE or KEY_MADE; atomic */
	pthread_key_t key;
};

enum { NO_KEY, KEY_BEING_MADE, KEY_MADE };

static struct exit_key *key_for(void (*hook)(void *))
{
	static struct exit_key keys[2];
	for (unsigned i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (sea_swap_if(&keys[i].hook, NULL, hook) || sea_load_relaxed(&keys[i].hook) == hook)
			return &keys[i];
	return NULL;
}

/* The process's key for the hook.  False: no key is left. */
static bool find_exit_key(void (*hook)(void *), pthread_key_t *found)
{
	struct exit_key *exit_key = key_for(hook);
	if (!exit_key)
		return false;
	uint32_t *progress = &exit_key->progress;
	if (sea_load_acquire(progress) != KEY_MADE && sea_swap_if(progress, NO_KEY, KEY_BEING_MADE))
		sea_store_release(progress, pthread_key_create(&exit_key->key, hook) ? NO_KEY : KEY_MADE);
	while (sea_load_acquire(progress) == KEY_BEING_MADE)
		sea_os_yield();
	*found = exit_key->key;
	return sea_load_acquire(progress) == KEY_MADE;
}

/* There are few keys, and pthread_setspecific() must allocate for most of them. */
void sea_os_at_thread_exit(void (*hook)(void *), void *argument)
{
	static char in_library;
	pthread_key_t key;
	if (find_exit_key(hook, &key) && !pthread_setspecific(key, argument))
		return;
	if (__cxa_thread_atexit_impl)
		__cxa_thread_atexit_impl(hook, argument, &in_library);
}
