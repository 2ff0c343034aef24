/* SPDX-License-Identifier: MIT */
/* os_fault.c - accesses that the processor refuses, the code they come from, and the process's end
 *
 * A part of os.c, which says what holds for all system calls.
 */
#define _GNU_SOURCE
#include "base/os.h"

#include <errno.h>
#include <link.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/syscall.h>

#include "base/action.h"
#include "base/machine.h"
#include "base/os_linux.h"

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

/* Claim: the instruction at fault comes again when the handler returns, and meets the default
 * action. */
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
	if (sea_os_is_confined() || !read_action(&action) || action.handler)
		return false;
	see_fault = see;
	action = sea_action_of(on_fault, SA_SIGINFO | SA_ONSTACK);
	if (!write_action(&action, &old))
		return false;
	/* It is ours if another thread does the same at this moment.  That thread puts the
	 * program's handler back if there is one; to put ours back now might undo that. */
	if (!old.handler || old.handler == on_fault)
		return true;
	write_action(&old, NULL); /* the program has installed one just now */
	return false;
}

bool sea_os_catches_faults(void)
{
	struct sea_action action;
	return !sea_os_is_confined() && read_action(&action) && action.handler == on_fault;
}

/* The kernel reads the set of signals before it finds that it does not know what to do with it.
 * Sandboxes allow this call: the C library makes it for each thread.  (The idea is Abseil's.) */
bool sea_os_can_read(const void *address)
{
	return !sea_os_is_confined() && SEA_CALL(SYS_rt_sigprocmask, -1, address, NULL, sizeof(uint64_t)) == -EINVAL;
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
		file = (const char *)sea_os_told_at_start(AT_EXECFN);
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

/* Sets the signal's default action, which ends the process, and sends the signal.  The zeros are
 * that action and a set without signals, in the kernel's layout. */
_Noreturn void sea_os_die(void)
{
	uint64_t action[4] = {0}, none = 0;
	SEA_CALL(SYS_rt_sigaction, SIGABRT, action, NULL, sizeof(none));
	SEA_CALL(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof(none));
	SEA_CALL(SYS_tgkill, SEA_CALL(SYS_getpid, 0), SEA_CALL(SYS_gettid, 0), SIGABRT);
	for (;;)
		SEA_CALL(SYS_exit_group, 128 + SIGABRT);
}
