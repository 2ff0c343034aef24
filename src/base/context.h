/* SPDX-License-Identifier: MIT */
/* context.h - the registers of a thread, now or where a signal interrupted it
 *
 * Registers have the numbers that the DWARF tables of the processor's ABI give them.  Only those
 * that a function saves for its caller are needed to find the callers.
 */
#ifndef SEA_CONTEXT_H
#define SEA_CONTEXT_H

#include "base/compiler.h"

/* What an instruction did when it faulted. */
enum sea_access { SEA_ACCESS_UNKNOWN, SEA_ACCESS_READ, SEA_ACCESS_WRITE };

/* SEA_REGISTER_SP: the stack pointer.  SEA_REGISTER_FP: the frame pointer; SEA_FRAME_RECORD: where
 * the caller's frame pointer and the return address are, in bytes from it.  SEA_REGISTER_RETURN:
 * in which register a return address is at the start of a function.  SEA_REGISTER_PC: where we
 * keep the program counter. */
#if defined(__x86_64__)
enum {
	SEA_REGISTER_FP = 6,
	SEA_REGISTER_SP = 7,
	SEA_REGISTER_RETURN = 16,
	SEA_REGISTER_PC = 16,
	SEA_NR_REGISTERS = 17,
	SEA_FRAME_RECORD = 0,
};
#elif defined(__aarch64__)
enum {
	SEA_REGISTER_FP = 29,
	SEA_REGISTER_SP = 31,
	SEA_REGISTER_RETURN = 30,
	SEA_REGISTER_PC = 32,
	SEA_NR_REGISTERS = 33,
	SEA_FRAME_RECORD = 0,
};
#elif defined(__riscv)
enum {
	SEA_REGISTER_FP = 8,
	SEA_REGISTER_SP = 2,
	SEA_REGISTER_RETURN = 1,
	SEA_REGISTER_PC = 32,
	SEA_NR_REGISTERS = 33,
	SEA_FRAME_RECORD = -16,
};
#endif

struct sea_registers {
	uintptr_t value[SEA_NR_REGISTERS];
};

#if defined(__x86_64__)

/* Those of the function that this is inlined into. */
SEA_INLINE void sea_context_here(struct sea_registers *registers)
{
	__asm__ volatile("lea 0(%%rip), %%rax\n\t"
			 "mov %%rax, 128(%0)\n\t"
			 "mov %%rbx, 24(%0)\n\t"
			 "mov %%rbp, 48(%0)\n\t"
			 "mov %%rsp, 56(%0)\n\t"
			 "mov %%r12, 96(%0)\n\t"
			 "mov %%r13, 104(%0)\n\t"
			 "mov %%r14, 112(%0)\n\t"
			 "mov %%r15, 120(%0)"
			 :
			 : "r"(registers->value)
			 : "rax", "memory");
}

#elif defined(__aarch64__)

SEA_INLINE void sea_context_here(struct sea_registers *registers)
{
	__asm__ volatile("adr x9, .\n\t"
			 "str x9, [%0, #256]\n\t"
			 "stp x19, x20, [%0, #152]\n\t"
			 "stp x21, x22, [%0, #168]\n\t"
			 "stp x23, x24, [%0, #184]\n\t"
			 "stp x25, x26, [%0, #200]\n\t"
			 "stp x27, x28, [%0, #216]\n\t"
			 "stp x29, x30, [%0, #232]\n\t"
			 "mov x9, sp\n\t"
			 "str x9, [%0, #248]"
			 :
			 : "r"(registers->value)
			 : "x9", "memory");
}

#elif defined(__riscv)

SEA_INLINE void sea_context_here(struct sea_registers *registers)
{
	__asm__ volatile("auipc t0, 0\n\t"
			 "sd t0, 256(%0)\n\t"
			 "sd ra, 8(%0)\n\t"
			 "sd sp, 16(%0)\n\t"
			 "sd s0, 64(%0)\n\t"
			 "sd s1, 72(%0)\n\t"
			 "sd s2, 144(%0)\n\t"
			 "sd s3, 152(%0)\n\t"
			 "sd s4, 160(%0)\n\t"
			 "sd s5, 168(%0)\n\t"
			 "sd s6, 176(%0)\n\t"
			 "sd s7, 184(%0)\n\t"
			 "sd s8, 192(%0)\n\t"
			 "sd s9, 200(%0)\n\t"
			 "sd s10, 208(%0)\n\t"
			 "sd s11, 216(%0)"
			 :
			 : "r"(registers->value)
			 : "t0", "memory");
}

#endif

/* Those of the instruction that a signal interrupted, from what the system passed to its
 * handler. */
void sea_context_of_signal(const void *context, struct sea_registers *registers);

/* What that instruction did. */
enum sea_access sea_context_access(const void *context);

#endif
