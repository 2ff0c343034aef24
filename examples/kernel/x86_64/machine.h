/* SPDX-License-Identifier: MIT */
/* x86_64/machine.h - page table entries, and a process's registers */
#ifndef KERNEL_MACHINE_H
#define KERNEL_MACHINE_H

#define MACHINE_LEVELS 4
/* Slots of the root that are the kernel's: 512 GiB. */
#define MACHINE_KERNEL_SLOTS 1
/* The first tables map so much physical memory. */
#define MACHINE_REACH (4ull << 30)
#define MACHINE_HEAP (64ull << 30)
#define MACHINE_HEAP_END (512ull << 30)
#define MACHINE_USER (512ull << 30)
#define MACHINE_TICKS_PER_MS 1000000 /* of the time stamp counter under qemu */
#define MACHINE_THREAD_IS_BEHIND 1  /* thread-local variables end at the thread pointer */

#define ENTRY_VALID 1ull
#define ENTRY_WRITE 2ull
#define ENTRY_USER 4ull
#define ENTRY_TABLE (ENTRY_VALID | ENTRY_WRITE | ENTRY_USER)
#define ENTRY_LEAF ENTRY_VALID
#define ENTRY_OF(address) (address)
#define ENTRY_ADDRESS(entry) ((entry) & 0xffffffffff000ull)

/* In the order in which start.S and the processor push them. */
struct frame {
	uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	uint64_t vector, error, rip, cs, rflags, rsp, ss;
} __attribute__((aligned(16)));

#define FRAME_CALL(frame) ((frame)->rax)
#define FRAME_ARGUMENT(frame, n) ((const uint64_t *[]){&(frame)->rdi, &(frame)->rsi, &(frame)->rdx}[n][0])
#define FRAME_RESULT(frame) ((frame)->rax)
#define FRAME_PLACE(frame) ((frame)->rip)
#define FRAME_START(entry, stack, argument)                                                        \
	((struct frame){.rip = (entry), .rsp = (stack) - 8, .rdi = (argument), .cs = 0x23, .ss = 0x1b, .rflags = 2})

#define USER_CALL(result, number, a, b, c)                                                         \
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "memory")

#endif
