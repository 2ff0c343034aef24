/* SPDX-License-Identifier: MIT */
/* shared.c - files that processes share, locks that the kernel drops, and waiting
 *
 * Only the message heaps make these calls (docs/system-calls.md).
 */
#define _GNU_SOURCE
#include "base/shared.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/machine.h"
#include "base/text.h"

#ifndef MADV_WIPEONFORK /* glibc before 2.26 */
#define MADV_WIPEONFORK 18
#endif

/* Room for "/proc/self/fd/" and a number. */
#define FD_PATH_ROOM 40

#define NS_PER_S 1000000000

int sea_shared_open(const char *path)
{
	struct stat status;
	long file = SEA_CALL(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (file < 0)
		return (int)file;
	if (SEA_CALL(SYS_fstat, file, &status) == 0 && S_ISREG(status.st_mode))
		return (int)file;
	sea_shared_close((int)file);
	return -EINVAL;
}

int sea_shared_unnamed(const char *folder, unsigned mode)
{
	return (int)SEA_CALL(SYS_openat, AT_FDCWD, folder, O_TMPFILE | O_RDWR | O_CLOEXEC, mode);
}

static void put_fd_path(struct sea_text *path, int file)
{
	SEA_ASSERT(file >= 0);
	sea_text_put(path, "/proc/self/fd/");
	sea_text_put_number(path, (size_t)file, 10);
}

int sea_shared_link(int file, const char *path)
{
	char source[FD_PATH_ROOM] = "";
	struct sea_text text = SEA_TEXT_IN(source);
	put_fd_path(&text, file);
	return (int)SEA_CALL(SYS_linkat, AT_FDCWD, source, AT_FDCWD, path, AT_SYMLINK_FOLLOW);
}

int sea_shared_unlink(const char *path) { return (int)SEA_CALL(SYS_unlinkat, AT_FDCWD, path, 0); }

int sea_shared_memory(void)
{
	long file = SEA_CALL(SYS_memfd_create, "seamalloc-msg", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (file >= 0)
		SEA_CALL(SYS_fcntl, file, F_ADD_SEALS, F_SEAL_SHRINK);
	return (int)file;
}

int sea_shared_reopen(int file)
{
	char path[FD_PATH_ROOM] = "";
	struct sea_text text = SEA_TEXT_IN(path);
	put_fd_path(&text, file);
	return (int)SEA_CALL(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
}

void sea_shared_close(int file) { SEA_CALL(SYS_close, file); }

int64_t sea_shared_length(int file, bool *is_linked)
{
	struct stat status;
	long error = SEA_CALL(SYS_fstat, file, &status);
	if (error < 0)
		return error;
	*is_linked = status.st_nlink > 0;
	return status.st_size;
}

/* Claim: the process may have files of this length.  Beyond it the system would send SIGXFSZ. */
static bool is_allowed(size_t length)
{
	struct rlimit limit;
	return SEA_CALL(SYS_prlimit64, 0, RLIMIT_FSIZE, NULL, &limit) != 0 || length <= limit.rlim_cur;
}

int sea_shared_lengthen(int file, size_t length)
{
	SEA_ASSERT(file >= 0 && length <= INT64_MAX);
	bool is_linked;
	int64_t now = sea_shared_length(file, &is_linked);
	if (now < 0)
		return (int)now;
	if ((size_t)now >= length)
		return 0;
	return is_allowed(length) ? (int)SEA_CALL(SYS_ftruncate, file, length) : -ENOSPC;
}

int sea_shared_fill(int file, size_t from, size_t to)
{
	long error;
	if (from >= to)
		return 0;
	do
		error = SEA_CALL(SYS_fallocate, file, FALLOC_FL_KEEP_SIZE, from, to - from);
	while (error == -EINTR);
	return (int)error;
}

static void *map(size_t size, int flags, int file)
{
	SEA_ASSERT(size > 0);
	long base = SEA_CALL(SYS_mmap, NULL, size, PROT_READ | PROT_WRITE, flags, file, 0);
	return base < 0 && base > -4096 ? NULL : (void *)base;
}

void *sea_shared_map(int file, size_t size) { return map(size, MAP_SHARED | MAP_NORESERVE, file); }

void *sea_shared_private(size_t size) { return map(size, MAP_PRIVATE | MAP_ANONYMOUS, -1); }

void sea_shared_unmap(void *base, size_t size) { SEA_CALL(SYS_munmap, base, size); }

bool sea_shared_wipe_on_fork(void *base, size_t size)
{
	return SEA_CALL(SYS_madvise, base, size, MADV_WIPEONFORK) == 0;
}

/* --- locks of bytes ------------------------------------------------------------------ */

static struct flock range(short type, uint64_t from, uint64_t nr)
{
	SEA_ASSERT(nr > 0 && from + nr > from);
	return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)from, .l_len = (off_t)nr};
}

bool sea_shared_try_lock(int file, uint64_t from, uint64_t nr)
{
	struct flock lock = range(F_WRLCK, from, nr);
	return SEA_CALL(SYS_fcntl, file, F_OFD_SETLK, &lock) == 0;
}

void sea_shared_drop_lock(int file, uint64_t from, uint64_t nr)
{
	struct flock lock = range(F_UNLCK, from, nr);
	SEA_CALL(SYS_fcntl, file, F_OFD_SETLK, &lock);
}

/* If the kernel cannot be asked, nobody is declared dead. */
bool sea_shared_is_locked(int file, uint64_t from, uint64_t nr)
{
	struct flock lock = range(F_WRLCK, from, nr);
	return SEA_CALL(SYS_fcntl, file, F_OFD_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
}

/* --- waiting ------------------------------------------------------------------------- */

int sea_shared_wait(uint32_t *word, uint32_t value, int64_t ns)
{
	SEA_ASSERT((uintptr_t)word % sizeof(*word) == 0);
	struct timespec time = {.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};
	long result = SEA_CALL(SYS_futex, word, FUTEX_WAIT, value, ns < 0 ? NULL : &time);
	return result == -ETIMEDOUT || result == -EINTR ? (int)result : 0;
}

void sea_shared_wake(uint32_t *word, unsigned nr) { SEA_CALL(SYS_futex, word, FUTEX_WAKE, nr); }

int64_t sea_shared_now(void)
{
	struct timespec now = {0};
	SEA_CALL(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

int sea_shared_event(void) { return (int)SEA_CALL(SYS_eventfd2, 0, EFD_CLOEXEC | EFD_NONBLOCK); }

int sea_shared_copy(int file) { return (int)SEA_CALL(SYS_fcntl, file, F_DUPFD_CLOEXEC, 0); }

void sea_shared_signal(int event)
{
	uint64_t one = 1;
	SEA_CALL(SYS_write, event, &one, sizeof(one));
}

unsigned sea_shared_process(void) { return (unsigned)SEA_CALL(SYS_getpid, 0); }
