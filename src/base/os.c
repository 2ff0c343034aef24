/* SPDX-License-Identifier: MIT */
/* os.c - the operating system is Linux: memory, files, and what the process was given
 *
 * Only this file, os_thread.c, os_fault.c and shared.c make system calls.  A sandbox may deny each
 * call that is optional (all but mmap, mprotect and munmap): the caller learns it and goes on
 * without.  docs/system-calls.md says when each call is made.
 *
 * Calls are made by the instruction, not by the functions of the C library.  We may hold a lock,
 * and a tool that replaces those functions may allocate.
 */
#define _GNU_SOURCE
#include "base/os.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/check.h"
#include "base/machine.h"
#include "base/os_linux.h"

#ifndef SYS_process_madvise /* glibc before 2.33 */
#define SYS_process_madvise 440
#endif
#ifndef MADV_GUARD_INSTALL /* glibc before 2.41 */
#define MADV_GUARD_INSTALL 102
#endif
#ifndef MADV_POPULATE_WRITE /* glibc before 2.35 */
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MREMAP_DONTUNMAP /* glibc before 2.32 */
#define MREMAP_DONTUNMAP 4
#endif

/* From this Linux on, a mapping for a stack has no huge pages. */
#define STACKS_ARE_PLAIN 0x60700
/* From this Linux on, process_madvise() frees the memory of several ranges of the own process, and
 * flushes the TLB once. */
#define PURGES_MANY 0x61000
/* From this Linux on, madvise() gives memory to a range. */
#define POPULATES 0x50e00
/* The own process, in place of a descriptor. */
#define SELF (-10000)
/* /proc/self/status has 1.5 KiB; more if the process is in hundreds of groups.  It is read in
 * pieces: a coroutine may have little stack. */
#define STATUS_ROOM 512
enum { MAY_ASK = 1, MAY_NOT };
/* An address so close to the stack pointer counts as "on the stack". */
#define STACK_REACH (8 * SEA_MIB)

unsigned long sea_os_told_at_start(unsigned long type)
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
	known = sea_os_told_at_start(AT_PAGESZ);
	if (!known)
		known = 4096;
	sea_store_relaxed(&page_size, known);
	return known;
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
	const char *path = (const char *)sea_os_told_at_start(AT_EXECFN);
	const char *slash = path ? strrchr(path, '/') : NULL;
	return slash ? slash + 1 : path ? path : "";
}

uint64_t sea_os_secret(void)
{
	uint64_t secret = 0x9e3779b97f4a7c15ull;
	const void *random = (const void *)sea_os_told_at_start(AT_RANDOM);
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

bool sea_os_is_secure(void) { return sea_os_told_at_start(AT_SECURE) != 0; }

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
	if (base && is_plain && sea_os_kernel() < STACKS_ARE_PLAIN)
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

/* A filter that was there before the program may kill for a call that it does not know. */
static SEA_NOINLINE bool is_filtered(void)
{
	static const char none[] = "\nSeccomp:\t0\n";
	char text[STATUS_ROOM];
	size_t from = 0, bytes, wanted = sizeof(none) - 1;
	while ((bytes = sea_os_read_file("/proc/self/status", from, text, sizeof(text))) >= wanted) {
		if (memmem(text, bytes, none, wanted))
			return false;
		/* the line may lie across the border of two pieces */
		from += bytes - (wanted - 1);
	}
	return true;
}

/* Claim: the system may be asked for what it has only since version `least`.  Looks for a filter
 * the first time. */
static bool may_ask_for(uint32_t least)
{
	static uint32_t verdict; /* 0, MAY_ASK or MAY_NOT; atomic */
	if (sea_os_kernel() < least)
		return false;
	if (unlikely(!sea_load_relaxed(&verdict)))
		sea_store_relaxed(&verdict, is_filtered() ? MAY_NOT : MAY_ASK);
	return sea_load_relaxed(&verdict) == MAY_ASK && may_ask();
}

_Static_assert(sizeof(struct sea_os_range) == sizeof(struct iovec), "the kernel's layout");
_Static_assert(offsetof(struct sea_os_range, size) == offsetof(struct iovec, iov_len), "the kernel's layout");

/* The kernel stops at the first range that it refuses. */
static unsigned count_purged(const struct sea_os_range *ranges, unsigned nr, long bytes)
{
	unsigned done = 0;
	for (; done < nr && bytes >= (long)ranges[done].size; done++)
		bytes -= (long)ranges[done].size;
	return done;
}

unsigned sea_os_purge_many(const struct sea_os_range *ranges, unsigned nr)
{
	static uint32_t is_refused; /* atomic */
	SEA_ASSERT(nr > 0);
	if (sea_load_relaxed(&is_refused) || !may_ask_for(PURGES_MANY) ||
	    !dontneed_zeroes(ranges[0].base, ranges[0].size))
		return 0;
	long bytes = SEA_CALL(SYS_process_madvise, SELF, ranges, nr, MADV_DONTNEED, 0);
	if (bytes == -ENOSYS || bytes == -EPERM || bytes == -EBADF)
		sea_store_relaxed(&is_refused, 1);
	return count_purged(ranges, nr, bytes);
}

void sea_os_populate(void *base, size_t size)
{
	static uint32_t is_refused; /* atomic */
	SEA_ASSERT(is_whole_pages(base, size) && size > 0);
	if (sea_load_relaxed(&is_refused) || !may_ask_for(POPULATES))
		return;
	long error = SEA_CALL(SYS_madvise, base, size, MADV_POPULATE_WRITE);
	if (error == -EINVAL || error == -EPERM || error == -ENOSYS)
		sea_store_relaxed(&is_refused, 1);
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
	int advice = huge == SEA_HUGE_ALWAYS ? MADV_HUGEPAGE : MADV_NOHUGEPAGE;
	return huge == SEA_HUGE_AUTO || (may_ask() && advise(base, size, advice));
}

long sea_os_madvise(void *base, size_t size, int advice) { return SEA_CALL(SYS_madvise, base, size, advice); }

bool sea_os_is_lasting(int advice)
{
	return advice == MADV_DONTFORK || advice == MADV_WIPEONFORK || advice == MADV_GUARD_INSTALL;
}

bool sea_os_is_guest(void) { return sea_machine_is_guest(); }

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
