/* SPDX-License-Identifier: MIT */
/* context.c - the registers that Linux passes to a signal handler */
#include "base/context.h"

#include <ucontext.h>

#if defined(__x86_64__)

void sea_context_of_signal(const void *context, struct sea_registers *registers)
{
	/* the places of DWARF's registers 0 to 16 in the kernel's list: rax rdx rcx rbx rsi rdi
	 * rbp rsp r8 to r15 rip */
	static const unsigned char place[SEA_NR_REGISTERS] = {13, 12, 14, 11, 9, 8, 10, 15, 0, 1, 2, 3, 4, 5, 6, 7, 16};
	const ucontext_t *interrupted = context;
	for (unsigned i = 0; i < SEA_NR_REGISTERS; i++)
		registers->value[i] = (uintptr_t)interrupted->uc_mcontext.gregs[place[i]];
}

/* Bit 1 of the error code of a page fault: a write. */
enum sea_access sea_context_access(const void *context)
{
	const unsigned error_code = 19;
	const ucontext_t *interrupted = context;
	return interrupted->uc_mcontext.gregs[error_code] & 2 ? SEA_ACCESS_WRITE : SEA_ACCESS_READ;
}

#elif defined(__aarch64__)

void sea_context_of_signal(const void *context, struct sea_registers *registers)
{
	const ucontext_t *interrupted = context;
	for (unsigned i = 0; i <= SEA_REGISTER_RETURN; i++)
		registers->value[i] = interrupted->uc_mcontext.regs[i];
	registers->value[SEA_REGISTER_SP] = interrupted->uc_mcontext.sp;
	registers->value[SEA_REGISTER_PC] = interrupted->uc_mcontext.pc;
}

#elif defined(__riscv)

/* The kernel keeps the program counter in the place of x0. */
void sea_context_of_signal(const void *context, struct sea_registers *registers)
{
	const ucontext_t *interrupted = context;
	for (unsigned i = 1; i < SEA_REGISTER_PC; i++)
		registers->value[i] = interrupted->uc_mcontext.__gregs[i];
	registers->value[0] = 0;
	registers->value[SEA_REGISTER_PC] = interrupted->uc_mcontext.__gregs[0];
}

#endif

#if !defined(__x86_64__)

enum sea_access sea_context_access(const void *context)
{
	(void)context;
	return SEA_ACCESS_UNKNOWN;
}

#endif
