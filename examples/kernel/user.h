/* SPDX-License-Identifier: MIT */
/* user.h - what the kernel and its processes agree on
 *
 *    MACHINE_USER      code, only to be read
 *    + 8 MiB           struct argument: one page, which the kernel writes
 *    + 16 MiB          memory that the process asks for
 *    below + 1 GiB     stack
 */
#ifndef KERNEL_USER_H
#define KERNEL_USER_H

#include "kernel.h"

#define USER_ARGUMENT (MACHINE_USER + (8 << 20))
#define USER_HEAP (MACHINE_USER + (16 << 20))
#define USER_STACK_END (MACHINE_USER + (1 << 30))
#define USER_STACK (64ull << 10)

/* The calls; a, b, c are their arguments.  Results are numbers; NO is the error of all. */
enum {
	CALL_PRINT,   /* text a of b bytes, and the number c */
	CALL_GROW,    /* a bytes more memory: their address */
	CALL_SEND,    /* to process a: b of c bytes */
	/* into a with room for b bytes: the message's handle; waits for one.  NO: all others
	 * wait, too, or have ended */
	CALL_RECEIVE,
	CALL_FREE,    /* the message with the handle a */
	CALL_EXIT,    /* with the status a */
};
#define NO (~0ull)

enum { ROLE_WRITER, ROLE_READER, ROLE_TRESPASSER, NR_ROLES };

struct argument {
	uint64_t role, other; /* the number of the other process */
	uint64_t memory;      /* bytes of the machine */
	char word[64];
};

#define MESSAGE_MAX 512

#endif
