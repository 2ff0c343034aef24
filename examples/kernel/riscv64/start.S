/* SPDX-License-Identifier: MIT */
/* riscv64/start.S - from the firmware to C; traps; into a process and back
 *
 * The firmware (OpenSBI) enters at the first byte, in supervisor mode without page tables: a0 is the
 * number of this processor, a1 the device tree.  While the kernel runs, sscratch is 0; while a process
 * runs, it is the address of the process's frame.
 */
	.section .text.start, "ax"
	.globl enter
enter:
	la t0, bss_start
	la t1, bss_end
1:	sd zero, (t0)
	addi t0, t0, 8
	bltu t0, t1, 1b
	la t0, kernel_root	/* 16 pages of a GiB: all rights but the process's */
	li t1, 0xcf
	li t2, 1 << 28		/* a GiB in an entry */
	li t3, 16
2:	sd t1, (t0)
	add t1, t1, t2
	addi t0, t0, 8
	addi t3, t3, -1
	bnez t3, 2b
	la t0, trap
	csrw stvec, t0
	csrw sscratch, zero
	la sp, stack_end
	mv a0, a1
	tail kernel_main

/* Saves all registers but sp and the first into a frame at sp. */
	.macro each instruction
	.irp n, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	\instruction x\n, 8 * \n (sp)
	.endr
	.endm
	.macro save
	sd ra, 8(sp)
	each sd
	csrr t0, sepc
	sd t0, 256(sp)
	csrr t0, scause
	sd t0, 264(sp)
	csrr t0, stval
	sd t0, 272(sp)
	.endm
	.macro restore
	ld t0, 256(sp)
	csrw sepc, t0
	ld ra, 8(sp)
	each ld
	.endm

	.balign 4
trap:
	csrrw sp, sscratch, sp
	bnez sp, leave_process
	csrrw sp, sscratch, sp
	addi sp, sp, -288
	save
	mv a0, sp
	call kernel_trap
	restore
	addi sp, sp, 288
	sret

/* enter_process(frame): returns at the next trap of the process. */
	.macro callee instruction
	\instruction ra, 0(sp)
	\instruction tp, 8(sp)
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
	\instruction s\n, 16 + 8 * \n (sp)
	.endr
	.endm
	.globl enter_process
enter_process:
	addi sp, sp, -112
	callee sd
	la t0, kernel_stack
	sd sp, (t0)
	csrw sscratch, a0
	li t0, 0x100		/* sret goes to the process */
	csrc sstatus, t0
	mv sp, a0
	restore
	ld sp, 16(sp)
	sret
leave_process:
	save
	csrrw t0, sscratch, zero
	sd t0, 16(sp)
	la t0, kernel_stack
	ld sp, (t0)
	callee ld
	addi sp, sp, 112
	ret

	.bss
	.balign 4096
	.globl kernel_root
kernel_root: .skip 4096
	.skip 16384		/* KERNEL_STACK */
stack_end:
kernel_stack: .skip 8

	.section .note.GNU-stack, "", @progbits
