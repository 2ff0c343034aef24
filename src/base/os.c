/* SPDX-License-Identifier: MIT */
/* os.c - the operating system is Linux
 *
 * The only file of src/ that makes system calls, but for shared.c.  A sandbox may deny each call
 * that is optional (all but mmap, mprotect and munmap): the caller learns it and goes on without.
 * docs/system-calls.md says when each call is made.
 *
 * Calls are made by the instruction, not by the functions of the C library.  We may hold a lock, and
 * a tool that replaces those functions may allocate.
 */
#define _GNU_SOURCE
#include "base/os.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/action.h"
#include "base/atomic.h"
#include "base/check.h"
#include "base/machine.h"
#include "base/vdso.h"

#ifndef MREMAP_DONTUNMAP /* glibc before 2.32 */
#define MREMAP_DONTUNMAP 4
#endif

/* From this Linux on, a mapping for a stack has no huge pages. */
#define STACKS_ARE_PLAIN 0x60700
/* Largest affinity mask that we can read, in processors. */
#define MAX_CPUS 8192
/* Assumed if the kernel does not tell. */
#define FALLBACK_CPUS 4
/* An address so close to the stack pointer counts as "on the stack". */
#define STACK_REACH (8 * SEA_MIB)

/* A word that the kernel gave the process at its start; 0 if it did not. */
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

/* The kernel's functions in the process.  Two threads may find them at once and write the same, so
 * the fields are read by atomic loads. */
static const struct sea_vdso *vdso(void)
{
	static struct sea_vdso found;
	static uint32_t is_found;
	if (unlikely(!sea_load_acquire(&is_found))) {
		struct sea_vdso fresh;
		sea_vdso_read((const void *)told_at_start(AT_SYSINFO_EHDR), &fresh);
		sea_store_relaxed(&found.clock_gettime, fresh.clock_gettime);
		sea_store_relaxed(&found.getcpu, fresh.getcpu);
		sea_store_relaxed(&found.kernel, fresh.kernel);
		sea_store_release(&is_found, 1);
	}
	return &found;
}

/* The process has begun to give up rights; atomic. */
static uint32_t is_confined;

static bool may_ask(void) { return !sea_load_relaxed(&is_confined); }

bool sea_os_is_confined(void) { return !may_ask(); }

long sea_os_prctl(int operation, const unsigned long arguments[4])
{
	if (operation == PR_SET_SECCOMP || operation == PR_SET_NO_NEW_PRIVS)
		sea_store_relaxed(&is_confined, 1);
	return SEA_CALL(SYS_prctl, operation, arguments[0], arguments[1], arguments[2], arguments[3]);
}

unsigned sea_os_nr_cpus(void)
{
	uint64_t mask[MAX_CPUS / 64] = {0};
	if (!may_ask())
		return FALLBACK_CPUS;
	long bytes = SEA_CALL(SYS_sched_getaffinity, 0, sizeof(mask), mask);
	if (bytes <= 0)
		return FALLBACK_CPUS;
	unsigned count = 0;
	for (size_t i = 0; i < (size_t)bytes / 8; i++)
		count += (unsigned)__builtin_popcountll(mask[i]);
	return count ? count : 1;
}

size_t sea_os_read_file(const char *path, size_t from, char *text, size_t room)
{
	if (!may_ask())
		return 0;
	long file = SEA_CALL(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	long bytes = file < 0 ? 0 : SEA_CALL(SYS_pread64, file, text, room, from);
	if (file >= 0)
		SEA_CALL(SYS_close, file);
	return bytes > 0 ? (size_t)bytes : 0;
}

static enum sea_opened opened(long result)
{
	switch (result) {
	case -ENOENT:
	case -ENOTDIR: return SEA_NO_FILE;
	case -EACCES: return SEA_NO_PERMISSION;
	default: return SEA_NOT_OPENED;
	}
}

/* The flags: opening a FIFO must not wait for a writer, and a terminal must not become our
 * controlling one. */
enum sea_opened sea_os_open(const char *path, int *file)
{
	if (!may_ask())
		return SEA_NOT_OPENED;
	long result = SEA_CALL(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (result < 0)
		return opened(result);
	struct stat status;
	*file = (int)result;
	if (SEA_CALL(SYS_fstat, result, &status) == 0 && S_ISREG(status.st_mode))
		return SEA_OPENED;
	sea_os_close(*file);
	return SEA_NOT_REGULAR;
}

size_t sea_os_read(int file, char *text, size_t room)
{
	long bytes;
	do
		bytes = SEA_CALL(SYS_read, file, text, room);
	while (bytes == -EINTR);
	return bytes > 0 ? (size_t)bytes : 0;
}

void sea_os_close(int file) { SEA_CALL(SYS_close, file); }

const char *sea_os_program(void)
{
	const char *path = (const char *)told_at_start(AT_EXECFN);
	const char *slash = path ? strrchr(path, '/') : NULL;
	return slash ? slash + 1 : path ? path : "";
}

uint64_t sea_os_secret(void)
{
	uint64_t secret = 0x9e3779b97f4a7c15ull;
	const void *random = (const void *)told_at_start(AT_RANDOM);
	if (random)
		memcpy(&secret, random, sizeof(secret));
	return secret;
}

uint64_t sea_os_random(void)
{
	uint64_t random;
	if (may_ask() && SEA_CALL(SYS_getrandom, &random, sizeof(random), GRND_NONBLOCK) == sizeof(random))
		return random;
	return sea_os_secret() ^ sea_os_now_us() * 0x9e3779b97f4a7c15ull;
}

bool sea_os_is_secure(void) { return told_at_start(AT_SECURE) != 0; }

/* Claim: what os.h asks of every range. */
static bool is_whole_pages(const void *base, size_t size)
{
	return ((uintptr_t)base | size) % sea_os_page_size() == 0;
}

static void *map(void *at, size_t size, int protection, int flags)
{
	long base = SEA_CALL(SYS_mmap, at, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
	return base < 0 && base > -4096 ? NULL : (void *)base;
}

void *sea_os_reserve(size_t size) { return sea_os_reserve_at(NULL, size, false); }

/* From Linux 6.7 on a mapping for a stack gets no huge pages, and needs no advice. */
void *sea_os_reserve_at(void *hint, size_t size, bool is_plain)
{
	SEA_ASSERT(is_whole_pages(hint, size) && size > 0);
	void *base = map(hint, size, PROT_NONE, is_plain ? MAP_STACK : 0);
	if (base && is_plain && sea_load_relaxed(&vdso()->kernel) < STACKS_ARE_PLAIN)
		sea_os_advise_huge(base, size, SEA_HUGE_NEVER);
	return base;
}

void *sea_os_reserve_zeros(size_t size) { return map(NULL, size, PROT_READ, MAP_NORESERVE); }

size_t sea_os_address_space(void)
{
	struct rlimit limit;
	bool known = SEA_CALL(SYS_prlimit64, 0, RLIMIT_AS, NULL, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
	return known ? (size_t)limit.rlim_cur : SIZE_MAX;
}

bool sea_os_commit(void *base, size_t size)
{
	SEA_ASSERT(is_whole_pages(base, size));
	return SEA_CALL(SYS_mprotect, base, size, PROT_READ | PROT_WRITE) == 0;
}

bool sea_os_protect(void *base, size_t size)
{
	SEA_ASSERT(is_whole_pages(base, size));
	return SEA_CALL(SYS_mprotect, base, size, PROT_NONE) == 0;
}

static bool advise(void *base, size_t size, int advice) { return SEA_CALL(SYS_madvise, base, size, advice) == 0; }

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
	SEA_ASSERT(is_whole_pages(base, size) && size > 0);
	return dontneed_zeroes(base, size) && advise(base, size, MADV_DONTNEED);
}

bool sea_os_reset(void *base, size_t size)
{
	SEA_ASSERT(base && is_whole_pages(base, size)); /* a wrong range would be unmapped */
	return map(base, size, PROT_NONE, MAP_FIXED) != NULL;
}

bool sea_os_release(void *base, size_t size)
{
	SEA_ASSERT(base && is_whole_pages(base, size));
	return SEA_CALL(SYS_munmap, base, size) == 0;
}

/* Kernels before 6.16 unmap the target before they find that they cannot move, and then another
 * thread may map something there.  The target is ours for certain only if nothing is there. */
enum sea_moved sea_os_move(void *from, void *to, size_t size)
{
	SEA_ASSERT(is_whole_pages(from, size) && is_whole_pages(to, size));
	SEA_ASSERT((uintptr_t)from + size <= (uintptr_t)to || (uintptr_t)to + size <= (uintptr_t)from);
	int flags = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;
	if (SEA_CALL(SYS_mremap, from, size, size, flags, to) == (long)to)
		return SEA_MOVED;
	void *again = map(to, size, PROT_READ | PROT_WRITE, MAP_FIXED_NOREPLACE);
	if (again == to)
		return SEA_STAYED;
	if (again) /* before Linux 4.17 the address is only a hint */
		sea_os_release(again, size);
	return SEA_LOST;
}

int sea_os_share_make(size_t size)
{
	SEA_ASSERT(is_whole_pages(NULL, size) && size > 0);
	long file = may_ask() ? SEA_CALL(SYS_memfd_create, "seamalloc", MFD_CLOEXEC | MFD_ALLOW_SEALING) : -1;
	if (file < 0)
		return -1;
	if (SEA_CALL(SYS_ftruncate, file, size) == 0 &&
	    SEA_CALL(SYS_fcntl, file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
		return (int)file;
	SEA_CALL(SYS_close, file);
	return -1;
}

size_t sea_os_share_size(int file)
{
	struct stat status;
	long seals = may_ask() ? SEA_CALL(SYS_fcntl, file, F_GET_SEALS) : -1;
	if (seals < 0 || !(seals & F_SEAL_SHRINK) || SEA_CALL(SYS_fstat, file, &status) != 0)
		return 0;
	return status.st_size > 0 ? (size_t)status.st_size : 0;
}

void *sea_os_share(int file, size_t size)
{
	SEA_ASSERT(file >= 0 && is_whole_pages(NULL, size));
	long base = SEA_CALL(SYS_mmap, NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (base < 0 && base > -4096)
		return NULL;
	if (advise((void *)base, size, MADV_DONTFORK))
		return (void *)base;
	sea_os_release((void *)base, size);
	return NULL;
}

void sea_os_unshare(void *base, size_t size) { sea_os_release(base, size); }

bool sea_os_advise_huge(void *base, size_t size, enum sea_huge huge)
{
	SEA_ASSERT(is_whole_pages(base, size));
	if (huge == SEA_HUGE_AUTO)
		return true;
	return may_ask() && advise(base, size, huge == SEA_HUGE_ALWAYS ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
}

void sea_os_yield(void) { SEA_CALL(SYS_sched_yield, 0); }

void sea_os_wait(uint32_t *word, uint32_t value)
{
	SEA_ASSERT((uintptr_t)word % sizeof(*word) == 0);
	if (SEA_CALL(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL) == -ENOSYS)
		sea_os_yield();
}

void sea_os_wake(uint32_t *word) { SEA_CALL(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1); }

/* The kernel keeps this up to date for each thread (rseq) if the C library has asked for it (glibc
 * 2.35).  The second word is the processor; negative: not known. */
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned __rseq_size __attribute__((weak));

static int cpu_of_thread(void)
{
	if (!&__rseq_offset || !&__rseq_size || !__rseq_size)
		return -1;
	const int32_t *area = (const int32_t *)(sea_machine_thread_pointer() + __rseq_offset);
	return sea_load_relaxed(&area[1]);
}

unsigned sea_os_current_cpu(void)
{
	int known = cpu_of_thread();
	unsigned cpu = 0;
	if (likely(known >= 0))
		return (unsigned)known;
	__auto_type getcpu = sea_load_relaxed(&vdso()->getcpu);
	if (getcpu)
		getcpu(&cpu, NULL, NULL);
	else
		SEA_CALL(SYS_getcpu, &cpu, NULL, NULL);
	return cpu;
}

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
	if (!start || !pthread_create || !may_ask() || pthread_attr_init(&attributes))
		return false;
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, THREAD_STACK);
	pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED); /* not real time, if the caller is */
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
	return result == 0 && may_ask();
}

/* C++ registers the destructors of thread-local objects with it.  It calls malloc(). */
extern int __cxa_thread_atexit_impl(void (*hook)(void *), void *argument, void *in_library) __attribute__((weak));

/* The process's key for the hook.  False: no key is left. */
static bool find_exit_key(void (*hook)(void *), pthread_key_t *found)
{
	static uint32_t progress; /* 0 no key yet, 1 being made, 2 made */
	static pthread_key_t key;
	if (sea_load_acquire(&progress) != 2 && sea_swap_if(&progress, 0, 1))
		sea_store_release(&progress, pthread_key_create(&key, hook) ? 0 : 2);
	while (sea_load_acquire(&progress) == 1)
		sea_os_yield();
	*found = key;
	return sea_load_acquire(&progress) == 2;
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

void sea_os_report(const char *text, size_t length)
{
	while (length) {
		long written = SEA_CALL(SYS_write, STDERR_FILENO, text, length);
		if (written == -EINTR)
			continue;
		if (written <= 0)
			break;
		text += written;
		length -= (size_t)written;
	}
}

static struct {
	bool is_known;
	dev_t device;
	ino_t file;
} noted; /* written at the start */

static bool stat_error(struct stat *status) { return may_ask() && SEA_CALL(SYS_fstat, STDERR_FILENO, status) == 0; }

void sea_os_note_error(void)
{
	struct stat status;
	noted.is_known = stat_error(&status);
	if (!noted.is_known)
		return;
	noted.device = status.st_dev;
	noted.file = status.st_ino;
}

/* The program may have closed standard error and opened a data file under its number. */
bool sea_os_error_is_as_noted(void)
{
	struct stat status;
	if (!noted.is_known || !stat_error(&status))
		return false;
	if (status.st_dev == noted.device && status.st_ino == noted.file)
		return true;
	long flags = SEA_CALL(SYS_fcntl, STDERR_FILENO, F_GETFL);
	return flags > 0 && flags & O_APPEND;
}

size_t sea_os_process(void) { return (size_t)SEA_CALL(SYS_getpid, 0); }

static char **told_environment; /* used until the C library has found it */

void sea_os_note_environment(char **environment)
{
#ifdef __GLIBC__
	told_environment = environment;
#else
	(void)environment; /* other C libraries call constructors without arguments */
#endif
}

static char **environment(void) { return environ ? environ : told_environment; }

bool sea_os_has_environment(void) { return environment() != NULL; }

/* The value if the entry is "name=value", or NULL. */
static const char *value_in(const char *entry, const char *name)
{
	while (*name && *entry == *name)
		entry++, name++;
	return !*name && *entry == '=' ? entry + 1 : NULL;
}

/* Not by getenv(), which some programs replace. */
const char *sea_os_environment(const char *name)
{
	const char *value = NULL;
	for (char **at = environment(); at && *at && !value; at++)
		value = value_in(*at, name);
	return value;
}

bool sea_os_is_on_stack(const void *here, const void *address)
{
	uintptr_t distance = (uintptr_t)address - (uintptr_t)here;
	return distance < STACK_REACH;
}

/* --- faults ----------------------------------------------------------------------- */

static void (*see_fault)(const struct sea_fault *fault);

static bool read_action(struct sea_action *action)
{
	*action = (struct sea_action){0};
	return SEA_CALL(SYS_rt_sigaction, SIGSEGV, NULL, action, sizeof(action->mask)) == 0;
}

static bool write_action(const struct sea_action *action, struct sea_action *old)
{
	return SEA_CALL(SYS_rt_sigaction, SIGSEGV, action, old, sizeof(action->mask)) == 0;
}

/* Claim: the instruction at fault comes again when the handler returns, and meets the default action. */
static bool is_of_an_access(const siginfo_t *info)
{
	return info->si_code == SEGV_MAPERR || info->si_code == SEGV_ACCERR || info->si_code == SI_KERNEL;
}

/* Uses little stack if the fault is none of ours: it may run on a small stack for signals. */
static void on_fault(int signal, siginfo_t *info, void *context)
{
	if (info->si_code == SEGV_ACCERR) {
		struct sea_fault fault = {info->si_addr, context};
		see_fault(&fault);
	}
	write_action(&(struct sea_action){.handler = NULL}, NULL);
	if (!is_of_an_access(info))
		SEA_CALL(SYS_tgkill, SEA_CALL(SYS_getpid, 0), SEA_CALL(SYS_gettid, 0), signal);
}

bool sea_os_catch_faults(void (*see)(const struct sea_fault *fault))
{
	struct sea_action action, old = {0};
	if (!may_ask() || !read_action(&action) || action.handler)
		return false;
	see_fault = see;
	action = sea_action_of(on_fault, SA_SIGINFO | SA_ONSTACK);
	if (!write_action(&action, &old))
		return false;
	/* It is ours if another thread does the same at this moment.  That thread puts the program's
	 * handler back if there is one; to put ours back now might undo that. */
	if (!old.handler || old.handler == on_fault)
		return true;
	write_action(&old, NULL); /* the program has installed one just now */
	return false;
}

bool sea_os_catches_faults(void)
{
	struct sea_action action;
	return may_ask() && read_action(&action) && action.handler == on_fault;
}

/* The kernel reads the set of signals before it finds that it does not know what to do with it.
 * Sandboxes allow this call: the C library makes it for each thread.  (The idea is Abseil's.) */
bool sea_os_can_read(const void *address)
{
	return may_ask() && SEA_CALL(SYS_rt_sigprocmask, -1, address, NULL, sizeof(uint64_t)) == -EINVAL;
}

/* What _dl_find_object() of glibc 2.35 and later fills.  Older headers have neither. */
struct found_object {
	unsigned long long flags;
	void *start, *end;
	const struct link_map *map;
	void *frame_table;
	unsigned long long reserved[7];
};
extern int find_object(void *pc, struct found_object *found) __asm__("_dl_find_object") __attribute__((weak));

bool sea_os_find_code(uintptr_t pc, struct sea_code *code)
{
	struct found_object found;
	if (!find_object || find_object((void *)pc, &found) || !found.map)
		return false;
	const char *file = found.map->l_name;
	code->is_library = file && *file;
	if (!code->is_library)
		file = (const char *)told_at_start(AT_EXECFN);
	code->file = file ? file : "";
	code->base = found.map->l_addr;
	code->frame_table = found.frame_table;
	return true;
}

_Noreturn void sea_os_abort(void (*first)(void))
{
	first();
	abort();
}

/* Sets the signal's default action, which ends the process, and sends the signal. */
_Noreturn void sea_os_die(void)
{
	uint64_t action[4] = {0}, none = 0; /* in the kernel's layout: the default action, and no signal
						blocked */
	SEA_CALL(SYS_rt_sigaction, SIGABRT, action, NULL, sizeof(none));
	SEA_CALL(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof(none));
	SEA_CALL(SYS_tgkill, SEA_CALL(SYS_getpid, 0), SEA_CALL(SYS_gettid, 0), SIGABRT);
	for (;;)
		SEA_CALL(SYS_exit_group, 128 + SIGABRT);
}
