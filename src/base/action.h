/* SPDX-License-Identifier: MIT */
/* action.h - what a signal does, in the kernel's layout
 *
 * The C library's sigaction() may be another's, so os_fault.c makes the call.  On x86-64 the
 * kernel wants to be told how a handler returns.  Debuggers know the frame of a signal by these
 * bytes.
 */
#ifndef SEA_ACTION_H
#define SEA_ACTION_H

#include <signal.h>

#include "base/compiler.h"

struct sea_action {
	void (*handler)(int signal, siginfo_t *info, void *context); /* NULL: the default action */
	unsigned long flags;
#if defined(__x86_64__) || defined(__aarch64__)
	void (*restorer)(void);
#endif
	uint64_t mask;
};

#if defined(__x86_64__)

#define SEA_ACTION_RESTORER 0x04000000 /* SA_RESTORER, which the C library hides */

__attribute__((naked, unused)) static void sea_action_return(void) { __asm__("mov $15, %rax\n\tsyscall"); }

static inline struct sea_action sea_action_of(void (*handler)(int, siginfo_t *, void *), unsigned long flags)
{
	return (struct sea_action){.handler = handler, .flags = flags | SEA_ACTION_RESTORER, .restorer = sea_action_return};
}

#else

static inline struct sea_action sea_action_of(void (*handler)(int, siginfo_t *, void *), unsigned long flags)
{
	return (struct sea_action){.handler = handler, .flags = flags};
}

#endif

#endif
