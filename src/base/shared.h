/* SPDX-License-Identifier: MIT */
/* shared.h - what the messages ask of the operating system: files that processes share
 *
 * Beside os.h, because the unit tests replace that by a simulated kernel, and these calls are
 * about several processes, which no simulation has.  Results: 0 or more is success, a negative
 * number is an error number of the system.  errno is not touched.
 */
#ifndef SEA_SHARED_H
#define SEA_SHARED_H

#include "base/compiler.h"

/* Opens a regular file for reading and writing; symbolic links are refused.  Returns the file. */
int sea_shared_open(const char *path);

/* A file in a folder that has no name yet, with the rights in `mode`; sea_shared_link() gives it
 * one, if nothing has that name. */
int sea_shared_unnamed(const char *folder, unsigned mode);
int sea_shared_link(int file, const char *path);
int sea_shared_unlink(const char *path);

/* A file that has no name and cannot be shortened. */
int sea_shared_memory(void);

/* Opens the file again: locks that are taken through the new number are not those of
 * `file`.  Needs /proc. */
int sea_shared_reopen(int file);
void sea_shared_close(int file);

/* Bytes of the file; *is_linked: it has a name. */
int64_t sea_shared_length(int file, bool *is_linked);

/* Makes the file at least `length` bytes long.  The new bytes read as zero and have no memory yet.
 * -ENOSPC also for a length above RLIMIT_FSIZE. */
int sea_shared_lengthen(int file, size_t length);

/* Takes memory for bytes [from, to) now, so that no later access fails for want of it. */
int sea_shared_fill(int file, size_t from, size_t to);

/* Maps `size` bytes of the file; those behind its end become accessible when it grows.  NULL: the
 * system refuses. */
void *sea_shared_map(int file, size_t size);

/* Private memory that reads as zero, in whole pages. */
void *sea_shared_private(size_t size);
void sea_shared_unmap(void *base, size_t size);

/* In the child of a fork the pages read as zero.  False: the system is older than 4.14. */
bool sea_shared_wipe_on_fork(void *base, size_t size);

/* Locks bytes of the file until the last copy of this open file is closed, at the latest by the
 * kernel when the process dies.  False: another open file has one of them locked. */
bool sea_shared_try_lock(int file, uint64_t from, uint64_t nr);
void sea_shared_drop_lock(int file, uint64_t from, uint64_t nr);

/* Claim: another open file has one of these bytes locked. */
bool sea_shared_is_locked(int file, uint64_t from, uint64_t nr);

/* Sleeps while *word == value, `ns` at most (negative: no limit).  0: woken, or the value is
 * another; -ETIMEDOUT; -EINTR: a signal handler ran. */
int sea_shared_wait(uint32_t *word, uint32_t value, int64_t ns);
void sea_shared_wake(uint32_t *word, unsigned nr);

/* Nanoseconds of a monotonic clock. */
int64_t sea_shared_now(void);

/* A counter that event loops wait for, another number for the same, and adding 1 to it. */
int sea_shared_event(void);
int sea_shared_copy(int file);
void sea_shared_signal(int event);

/* The process id. */
unsigned sea_shared_process(void);

#endif
