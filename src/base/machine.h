/* SPDX-License-Identifier: MIT */
/* machine.h - what only an instruction of the processor can do
 *
 * System calls are made by the instruction.  The functions of the C library may have been replaced
 * by ones that allocate; they are cancellation points and set errno.
 */
#ifndef SEA_MACHINE_H
#define SEA_MACHINE_H

#include "base/compiler.h"

#if defined(__x86_64__)

SEA_INLINE long sea_machine_call(long nr, long a, long b, long c, long d, long e, long f)
{
	long result;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

/* Leaf 1 of CPUID, bit 31 of ECX: processors leave it clear, hypervisors set it.  The instruction
 * goes through the hypervisor, which takes a microsecond and more. */
SEA_INLINE int sea_machine_is_guest(void)
{
	unsigned leaf = 1, ebx, ecx = 0, edx;
	__asm__ volatile("cpuid" : "+a"(leaf), "=b"(ebx), "+c"(ecx), "=d"(edx));
	return (int)(ecx >> 31);
}

/* Gives the page around a word memory, by one page fault.  A read would map the page of zeros
 * first, and the next write would fault again. */
SEA_INLINE void sea_machine_touch(uint64_t *word) { __asm__ volatile("orq $0, %0" : "+m"(*word)); }

#elif defined(__aarch64__)

SEA_INLINE long sea_machine_call(long nr, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;
	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
	return x0;
}

#elif defined(__riscv) && __riscv_xlen == 64

SEA_INLINE long sea_machine_call(long nr, long a, long b, long c, long d, long e, long f)
{
	register long a7 __asm__("a7") = nr;
	register long a0 __asm__("a0") = a;
	register long a1 __asm__("a1") = b;
	register long a2 __asm__("a2") = c;
	register long a3 __asm__("a3") = d;
	register long a4 __asm__("a4") = e;
	register long a5 __asm__("a5") = f;
	__asm__ volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5) : "memory");
	return a0;
}

#else
#error "no system call for this processor: src/base/machine.h"
#endif

#if !defined(__x86_64__)

/* Other processors do not tell programs whether they run in a guest. */
SEA_INLINE int sea_machine_is_guest(void) { return 0; }

/* Nor do they have a harmless instruction that reads a word and writes it at once. */
SEA_INLINE void sea_machine_touch(uint64_t *word) { (void)word; }

#endif

/* A call with one to six arguments, numbers or pointers; the others are 0.  A negative result is
 * an error number. */
#define SEA_CALL(nr, ...) SEA_CALL_PADDED(nr, __VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define SEA_CALL_PADDED(nr, a, b, c, d, e, f, ...)                                                  \
	sea_machine_call(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

#endif
