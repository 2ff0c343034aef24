/* SPDX-License-Identifier: MIT */
/* os.h - everything the core asks of the operating system
 *
 * This header is the link seam: os.c answers with Linux system calls, the tests
 * link a simulated kernel in its place that can fail any call.  Rules for all:
 * addresses and sizes are multiples of the page size; a bool is true on success;
 * a failure changes nothing; errno is not touched.
 */
#ifndef SEA_OS_H
#define SEA_OS_H

#include "base/compiler.h"

/* What to advise about huge pages for a range. */
enum sea_huge { SEA_HUGE_NEVER, SEA_HUGE_AUTO, SEA_HUGE_ALWAYS };

/* Bytes of a page; constant, 4 KiB or more. */
size_t sea_os_page_size(void);

/* Processors this process may run on, 1 or more.  Control groups may allow less: cpus.h. */
unsigned sea_os_nr_cpus(void);

/* Reads a text file of the kernel from byte `from` on; bytes read, 0 if there are none or
 * the file cannot be read. */
size_t sea_os_read_file(const char *path, size_t from, char *text, size_t room);

/* Opens a file of the user's for reading, unless that could wait or have an effect: only
 * regular files, and none once the process is confined (sea_os_prctl). */
enum sea_opened { SEA_OPENED, SEA_NO_FILE, SEA_NO_PERMISSION, SEA_NOT_REGULAR, SEA_NOT_OPENED };
enum sea_opened sea_os_open(const char *path, int *file);

/* Reads on; bytes read, 0 at the end of the file and where it cannot be read. */
size_t sea_os_read(int file, char *text, size_t room);
void sea_os_close(int file);

/* What the process runs: the last part of the path it was executed by. */
const char *sea_os_program(void);

/* 64 bits that differ from process to process; no system call. */
uint64_t sea_os_secret(void);

/* True where the environment must not be trusted (setuid and the like). */
bool sea_os_is_secure(void);

/* Address space without memory, or NULL. */
void *sea_os_reserve(size_t size);

/* The same at `hint` (may be NULL) if that is free, else elsewhere.  Plain: what is committed of it has
 * no huge pages unless they are asked for. */
void *sea_os_reserve_at(void *hint, size_t size, bool is_plain);

/* The same as the first, but the range reads as zero; it may be committed, and must not be written
 * to before. */
void *sea_os_reserve_zeros(size_t size);

/* Bytes of address space that the process may have (RLIMIT_AS); SIZE_MAX: no limit. */
size_t sea_os_address_space(void);

/* Makes a reserved range readable and writable; it reads as zero. */
bool sea_os_commit(void *base, size_t size);

/* Gives the memory of a committed range back; the range stays committed.  True
 * means that it reads as zero from now on. */
bool sea_os_purge(void *base, size_t size);

/* Makes a range that is ours reserved address space again: memory goes, and so does what
 * the program has asked the system to do with it. */
bool sea_os_reset(void *base, size_t size);

/* Gives the address space back.  May fail where the process has too many mappings. */
bool sea_os_release(void *base, size_t size);

/* Moves the memory of [from, from + size) to the committed range `to`; `from` stays
 * committed and reads as zero. */
enum sea_moved {
	SEA_MOVED,
	SEA_STAYED, /* both ranges are as they were */
	SEA_LOST,   /* the memory stayed, and `to` may be somebody else's by now */
};
enum sea_moved sea_os_move(void *from, void *to, size_t size);

/* Advice; false: the system does not take it, or is not asked any more (see sea_os_prctl). */
bool sea_os_advise_huge(void *base, size_t size, enum sea_huge huge);

/* prctl(), for the program; its result, negative: an error's number.  A process that is about to
 * be confined to some system calls says so by this one.  From then on we make none but those
 * that memory takes (mmap, munmap, mprotect, mremap, madvise with MADV_DONTNEED, futex), and
 * sched_yield and clock_gettime where threads wait for each other (docs/system-calls.md): a
 * sandbox may kill for the others. */
long sea_os_prctl(int operation, const unsigned long arguments[4]);

/* Sleeps while *word == value, at most until a wake. */
void sea_os_wait(uint32_t *word, uint32_t value);
void sea_os_wake(uint32_t *word);

/* Number of the processor the caller runs on, now; a hint. */
unsigned sea_os_current_cpu(void);

/* Names the CPU clock of the calling thread, for others to read; 0: it has none. */
int sea_os_thread_clock(void);

/* Nanoseconds of CPU time that the thread of this clock has had so far; 0: not known. */
uint64_t sea_os_thread_time(int clock);

/* Starts a detached thread that runs body(), takes no signals and is shown as `name` (15 bytes at
 * most); false if the system refuses.  It comes to us for memory as any thread does: no lock may
 * be held. */
bool sea_os_start_thread(void (*body)(void), const char *name);

/* Sleeps, for so long at least; false: the system does not let us, and no time has passed. */
bool sea_os_sleep(unsigned ms);

/* Lets other threads run. */
void sea_os_yield(void);

/* Milliseconds of a clock that never goes back, which may stand still for some; and
 * microseconds of a clock that costs more to read. */
uint64_t sea_os_now_ms(void);
uint64_t sea_os_now_us(void);

/* Calls hook(argument) when the calling thread ends; one hook for the process. */
void sea_os_at_thread_exit(void (*hook)(void *argument), void *argument);

/* Writes one line on standard error, as far as it can be written. */
void sea_os_report(const char *text, size_t length);

/* Notes which file standard error is.  True later: it still is, or it is one opened for appending, so
 * that a report does no harm; false also where that cannot be asked any more (sea_os_prctl). */
void sea_os_note_error(void);
bool sea_os_error_is_as_noted(void);

/* Number of the process. */
size_t sea_os_process(void);

/* The environment, as a constructor is told; it counts until the C library has found its own. */
void sea_os_note_environment(char **environment);

/* False before either is known. */
bool sea_os_has_environment(void);

/* Value of an environment variable, or NULL. */
const char *sea_os_environment(const char *name);

/* The calling thread's stack pointer lies at `here`: is `address` on that stack? */
bool sea_os_is_on_stack(const void *here, const void *address);

/* Calls first(), then abort(): a handler of the program may run.  (The simulated kernel
 * goes back to the test instead.) */
_Noreturn void sea_os_abort(void (*first)(void));

/* Ends the process by SIGABRT at once: no handler runs. */
_Noreturn void sea_os_die(void);

#endif
