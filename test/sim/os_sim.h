/* SPDX-License-Identifier: MIT */
/* os_sim.h - a kernel for tests, linked in place of src/base/os*.c
 *
 * It serves real memory, so that the core can work on it, and keeps a shadow: which
 * ranges are reserved, and which of these are committed.  A call that breaks a rule
 * of os.h (a range that was not reserved, an address that is no multiple of the page,
 * a range released twice) ends the test with a line that says so.
 *
 * Everything else a test can choose: the size of a page, the processor, the clock,
 * the environment, limits, and which call fails.
 */
#ifndef SEA_TEST_OS_SIM_H
#define SEA_TEST_OS_SIM_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The calls that may fail. */
enum sim_call { SIM_RESERVE, SIM_COMMIT, SIM_PURGE, SIM_RELEASE, SIM_RESET, SIM_MOVE, SIM_READ, SIM_ADVISE, SIM_NR_CALLS };
#define SIM_ANY SIM_NR_CALLS

struct sea_fault;

struct sim_variable {
	const char *name, *value;
};

struct sim_file {
	const char *path, *text;
};

struct sim {
	/* What a test sets, before it first calls the core. */
	size_t page_size;      /* 4 KiB (as at first), 16 KiB or 64 KiB */
	unsigned nr_cpus;
	uint64_t secret;
	uint64_t now_ms;
	uint64_t huge_ms;      /* that each huge page takes */
	bool is_guest;         /* of a hypervisor */
	uint64_t purge_ms;     /* that each purge takes */
	size_t nr_purge_many;  /* calls that purged several ranges */
	bool is_secure;
	bool refuse_threads;	      /* the system starts none */
	bool refuse_sleep;	      /* the system lets no thread sleep */
	void (*while_asleep)(void); /* what the program does while a thread of ours sleeps */
	bool has_environment;
	bool purge_is_ignored; /* as emulators do: nothing is zeroed, and the caller is told */
	bool others_run;       /* CPU clocks of other threads go on while somebody looks at them */
	bool move_unmaps;      /* as Linux before 6.16 does: a move that fails unmaps its target */
	/* then this comes: another thread may map something there */
	void (*on_unmap)(char *to, size_t size);
	bool is_confined;      /* the process has given up rights */
	bool handles_faults;   /* the program has a handler for SIGSEGV */
	bool refuse_stacks;    /* no page but that of the stack pointer can be read */
	bool is_quiet;	       /* reports are kept, but not shown on standard error */
	uintptr_t lowest, highest; /* addresses are given out between these, if highest is not 0 */
	/* from the lowest on, as some kernels do; else from the highest down */
	bool is_upward;
	bool ignores_hints;    /* as under some emulators */
	size_t max_mappings;   /* vm.max_map_count; 0: no limit */
	size_t max_reserved;   /* bytes; 0: as much as there is */
	size_t max_committed;
	size_t address_space;  /* what the process is told; 0: no limit */
	struct sim_variable environment[8];
	struct sim_file files[24]; /* all that can be read */
	int refusals[24];	   /* for each of them, what sea_os_open() says; 0: it is opened */
	bool error_is_another;	   /* standard error is not what it was at the start */
	const char *program;	   /* its name */
	/* what a thread does that waits for others; NULL: sched_yield() */
	void (*on_yield)(void);
	void (*on_read)(void);     /* called when a file is read */
	jmp_buf *on_abort;     /* where sea_os_abort() goes; NULL: it aborts */

	/* What a test reads. */
	void (*see_fault)(const struct sea_fault *fault); /* NULL: nobody asked for faults */
	void (*thread_body)(void); /* of the last thread that was started */
	unsigned nr_threads_started;
	size_t reserved, committed, purged, populated; /* bytes */
	size_t huge;			    /* bytes for which huge pages are wanted */
	size_t nr_calls[SIM_NR_CALLS + 1];  /* by kind; the last is their sum */
	size_t nr_failed;		    /* calls that were made to fail */
	size_t nr_waits, nr_wakes;
	size_t nr_opens;
	int nr_open; /* files */
	char report[4096];		    /* all reports, one behind the other */
	size_t report_length;
};
extern struct sim sim;

/* The n-th call of this kind from now on fails (1 is the next); if persistent, so do
 * all after it.  Calls of other kinds go on working. */
void sim_fail(enum sim_call kind, size_t n, bool persistent);

/* No call fails any more. */
void sim_heal(void);

/* Calls visit() for each range of one state, in address order. */
void sim_walk(void (*visit)(char *base, size_t size, bool is_committed, void *context), void *context);

/* True if all of [base, base + size) is reserved, or committed. */
bool sim_is_reserved(const void *base, size_t size);
bool sim_is_committed(const void *base, size_t size);

/* Does what the end of the calling thread would do, and the thread goes on. */
void sim_end_thread(void);

void sim_forget_reports(void);

/* Runs the statement, which is expected to end the process: true if it tried to. */
#define SIM_ABORTS(statement)                                                                      \
	({                                                                                         \
		jmp_buf target_;                                                                   \
		volatile bool aborted_ = true;                                                     \
		sim.on_abort = &target_;                                                           \
		sim_forget_reports();                                                              \
		if (!setjmp(target_)) {                                                            \
			statement;                                                                 \
			aborted_ = false;                                                          \
		}                                                                                  \
		sim.on_abort = NULL;                                                               \
		aborted_;                                                                          \
	})

#endif
