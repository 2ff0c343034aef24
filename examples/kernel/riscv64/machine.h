/* SPDX-License-Identifier: MIT */
/* riscv64/machine.h - page table entries (Sv39), and a process's registers */
#ifndef KERNEL_MACHINE_H
#define KERNEL_MACHINE_H

#define MACHINE_LEVELS 3
/* Slots of the root that are the kernel's, 1 GiB each. */
#define MACHINE_KERNEL_SLOTS 128
/* The first tables map so much physical memory. */
#define MACHINE_REACH (16ull << 30)
#define MACHINE_HEAP (64ull << 30)
#define MACHINE_HEAP_END (128ull << 30)
#define MACHINE_USER (128ull << 30)
#define MACHINE_TICKS_PER_MS 1000000 /* of the cycle counter under qemu */
#define MACHINE_THREAD_IS_BEHIND 0

/* Accessed and dirty are set from the start: some processors leave that to the kernel. */
#define ENTRY_VALID 1ull
#define ENTRY_WRITE 4ull
#define ENTRY_USER 16ull
#define ENTRY_TABLE ENTRY_VALID
#define ENTRY_LEAF (ENTRY_VALID | 2 | 8 | 64 | 128)
#define ENTRY_OF(address) ((address) >> 2)
#define ENTRY_ADDRESS(entry) ((entry) << 2 & ~0xfffull)

struct frame {
	uint64_t x[32]; /* x[0] is not used */
	uint64_t sepc, scause, stval;
} __attribute__((aligned(16)));

#define FRAME_CALL(frame) ((frame)->x[17])
#define FRAME_ARGUMENT(frame, n) ((frame)->x[10 + (n)])
#define FRAME_RESULT(frame) ((frame)->x[10])
#define FRAME_PLACE(frame) ((frame)->sepc)
#define FRAME_START(entry, stack, argument)                                                        \
	((struct frame){.sepc = (entry), .x[2] = (stack), .x[10] = (argument)})

#define USER_CALL(result, number, a, b, c)                                                         \
	do {                                                                                       \
		register uint64_t a0 __asm__("a0") = (a), a1 __asm__("a1") = (b);                  \
		register uint64_t a2 __asm__("a2") = (c), a7 __asm__("a7") = (number);             \
		__asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");       \
		(result) = a0;                                                                     \
	} while (0)

#endif
