/* SPDX-License-Identifier: MIT */
/* os.h - everything the core asks of the operating system
 *
 * os.c, os_thread.c and os_fault.c answer with Linux system calls.  The unit tests link a
 * simulated kernel instead, which can make any call fail.  Rules for all functions: addresses and
 * sizes are multiples of the page size; a bool is true on success; a failure changes nothing;
 * errno is not touched.
 */
#ifndef SEA_OS_H
#define SEA_OS_H

#include "base/compiler.h"

/* Advice about huge pages for a range. */
enum sea_huge { SEA_HUGE_NEVER, SEA_HUGE_AUTO, SEA_HUGE_ALWAYS };

/* Bytes of a page; constant, 4 KiB or more. */
size_t sea_os_page_size(void);

/* Processors that the process may run on, at least 1.  Control groups may allow less: cpus.h. */
unsigned sea_os_nr_cpus(void);

/* Reads a text file of the kernel from byte `from` on.  Returns the bytes read; 0 if there are
 * none or the file cannot be read. */
size_t sea_os_read_file(const char *path, size_t from, char *text, size_t room);

/* Opens a file of the user for reading, if that can neither wait nor have an effect: only regular
 * files, and none once the process is confined (sea_os_prctl). */
enum sea_opened { SEA_OPENED, SEA_NO_FILE, SEA_NO_PERMISSION, SEA_NOT_REGULAR, SEA_NOT_OPENED };
enum sea_opened sea_os_open(const char *path, int *file);

/* Reads on.  Returns the bytes read; 0 at the end of the file, or if it cannot be read. */
size_t sea_os_read(int file, char *text, size_t room);
void sea_os_close(int file);

/* The program's name: the last part of the path by which it was executed. */
const char *sea_os_program(void);

/* 64 bits that differ between processes.  No system call. */
uint64_t sea_os_secret(void);

/* 64 bits that nobody can guess; from the kernel, else made from the secret above and the
 * clock. */
uint64_t sea_os_random(void);

/* True if the environment must not be trusted (setuid and the like). */
bool sea_os_is_secure(void);

/* Reserves address space without memory; NULL: the system refuses. */
void *sea_os_reserve(size_t size);

/* The same at `hint` (may be NULL) if that is free, else elsewhere.  Plain: committed memory has
 * no huge pages unless they are asked for. */
void *sea_os_reserve_at(void *hint, size_t size, bool is_plain);

/* The same as sea_os_reserve(), but the range reads as zero.  It may be committed, and must not be
 * written to before. */
void *sea_os_reserve_zeros(size_t size);

/* Bytes of address space that the process may have (RLIMIT_AS); SIZE_MAX: no limit. */
size_t sea_os_address_space(void);

/* Makes a reserved range readable and writable; it reads as zero. */
bool sea_os_commit(void *base, size_t size);

/* Makes a committed range fault at any access.  Its memory stays.  sea_os_commit() ends that. */
bool sea_os_protect(void *base, size_t size);

/* Frees the memory of a committed range; the range stays committed.  True: it reads as zero
 * now. */
bool sea_os_purge(void *base, size_t size);

struct sea_os_range {
	void *base;
	size_t size;
};

/* Purges several ranges by one system call.  Returns how many of the first were purged; 0 if the
 * system has no such call.  The caller then purges the others one by one. */
unsigned sea_os_purge_many(const struct sea_os_range *ranges, unsigned nr);

/* Gives memory to the pages of a committed range that have none, by one system call.  Does nothing
 * if the system has no such call, or may not be asked. */
void sea_os_populate(void *base, size_t size);

/* Makes a range of ours reserved address space again.  Frees its memory and undoes what the
 * program has asked the system for it. */
bool sea_os_reset(void *base, size_t size);

/* Releases the address space.  May fail if the process has too many mappings. */
bool sea_os_release(void *base, size_t size);

/* Moves the memory of [from, from + size) to the committed range `to`.  `from` stays committed and
 * reads as zero. */
enum sea_moved {
	SEA_MOVED,
	SEA_STAYED, /* both ranges are as they were */
	SEA_LOST,   /* the memory stayed, and `to` may not be ours any more */
};
enum sea_moved sea_os_move(void *from, void *to, size_t size);

/* Gives advice.  False: the system refuses, or is not asked any more (sea_os_prctl). */
bool sea_os_advise_huge(void *base, size_t size, enum sea_huge huge);

/* Claim: the system is the guest of a hypervisor, as far as the processor says so (x86). */
bool sea_os_is_guest(void);

/* madvise() for the program.  Returns 0, or a negative error number. */
long sea_os_madvise(void *base, size_t size, int advice);

/* Claim: the advice changes the memory until the program takes it back: a child does not see the
 * memory, or an access ends in a signal. */
bool sea_os_is_lasting(int advice);

/* prctl() for the program.  Returns its result; negative: an error number.  A process that is
 * about to be confined to some system calls calls it.  From then on we make only the calls that
 * memory needs (mmap, munmap, mprotect, mremap, madvise with MADV_DONTNEED, futex), and
 * sched_yield and clock_gettime when threads wait for each other (docs/system-calls.md): a sandbox
 * may kill the process for others. */
long sea_os_prctl(int operation, const unsigned long arguments[4]);

/* Claim: the process has begun to give up rights (sea_os_prctl). */
bool sea_os_is_confined(void);

/* Sleeps while *word == value, until a wake at most. */
void sea_os_wait(uint32_t *word, uint32_t value);
void sea_os_wake(uint32_t *word);

/* The CPU clock of the calling thread, for other threads to read; 0: it has none. */
int sea_os_thread_clock(void);

/* Nanoseconds of CPU time that the clock's thread has used; 0: not known. */
uint64_t sea_os_thread_time(int clock);

/* The id of the calling thread, without a system call; 0: not known. */
size_t sea_os_thread_id(void);

/* Starts a detached thread that runs body(), takes no signals and is shown as `name` (at most 15
 * bytes).  False: the system refuses.  Starting it allocates, so the caller holds no lock. */
bool sea_os_start_thread(void (*body)(void), const char *name);

/* Sleeps, for so long at least; false: the system does not let us, or the process has given up
 * rights meanwhile. */
bool sea_os_sleep(unsigned ms);

/* Lets other threads run. */
void sea_os_yield(void);

/* Milliseconds of a monotonic clock, which advances in steps of some; and microseconds of a clock
 * that costs more to read. */
uint64_t sea_os_now_ms(void);
uint64_t sea_os_now_us(void);

/* Calls hook(argument) when the calling thread ends.  The process has one hook. */
void sea_os_at_thread_exit(void (*hook)(void *argument), void *argument);

/* Writes one line on standard error, if it can be written. */
void sea_os_report(const char *text, size_t length);

/* Notes which file standard error is.  Later true: it is still that file, or one opened for
 * appending, so a report does no harm.  Also false if that cannot be asked any more
 * (sea_os_prctl). */
void sea_os_note_error(void);
bool sea_os_error_is_as_noted(void);

/* A file without a name, for memory that another process can map: of `size` bytes, which cannot
 * change.  Negative: the system refuses. */
int sea_os_share_make(size_t size);

/* Bytes of such a file, if it cannot shrink; else 0. */
size_t sea_os_share_size(int file);

/* Maps its first `size` bytes; a child of a fork does not have the mapping.  NULL: the system
 * refuses. */
void *sea_os_share(int file, size_t size);
void sea_os_unshare(void *base, size_t size);

/* The process id. */
size_t sea_os_process(void);

/* The environment that a constructor gets.  It is used until the C library has found its own. */
void sea_os_note_environment(char **environment);

/* False before either is known. */
bool sea_os_has_environment(void);

/* Value of an environment variable, or NULL. */
const char *sea_os_environment(const char *name);

/* Claim: `address` is on the calling thread's stack, whose pointer is near `here`. */
bool sea_os_is_on_stack(const void *here, const void *address);

/* Claim: the 8 bytes at `address` can be read.  Asks the kernel. */
bool sea_os_can_read(const void *address);

/* The machine code around an address. */
struct sea_code {
	const char *file;	 /* path of the library or program */
	bool is_library;
	uintptr_t base;		 /* what is added to the file's own addresses */
	const void *frame_table; /* its index of unwind tables (eh_frame_hdr), or NULL */
};

/* False: there is no code, or the C library (before glibc 2.35) does not tell.  Takes no lock. */
bool sea_os_find_code(uintptr_t pc, struct sea_code *code);

/* An access to memory that the processor refused. */
struct sea_fault {
	const void *address;
	const void *context; /* registers, for context.h */
};

/* From now on see() is called for each SIGSEGV that an access causes.  Then the signal takes its
 * default action, as without us.  False: the program has a handler or ignores the signal, and
 * nothing changes.  A handler that the program installs later replaces ours. */
bool sea_os_catch_faults(void (*see)(const struct sea_fault *fault));

/* Claim: see() would be called. */
bool sea_os_catches_faults(void);

/* Calls first(), then abort(), so a handler of the program may run.  (The simulated kernel returns
 * to the test instead.) */
_Noreturn void sea_os_abort(void (*first)(void));

/* Ends the process by SIGABRT at once.  No handler runs. */
_Noreturn void sea_os_die(void);

#endif
