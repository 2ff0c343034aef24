/* SPDX-License-Identifier: MIT */
/* x86_64/start.S - from PVH's 32 bits to C; traps; into a process and back
 *
 * The note tells the loader where to enter (Xen's "x86/HVM direct boot ABI", which qemu and several
 * hypervisors speak): protected mode, no paging, %ebx has the start information.
 */
#define TABLE 3		/* valid, writable */
#define LARGE 0x83	/* the same, a page of 2 MiB */

	.section .note.Xen, "a", @note
	.long 4, 8, 18		/* lengths of name and value; XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.quad enter

	.code32
	.section .text.start, "ax"
	.globl enter
enter:
	cld
	mov %ebx, %esi
	mov $bss_start, %edi
	mov $bss_end, %ecx
	sub %edi, %ecx
	xor %eax, %eax
	rep stosb
	movl $gibs + TABLE, kernel_root
	mov $2048, %ecx		/* 4 GiB of large pages */
1:	mov %ecx, %eax
	dec %eax
	shl $21, %eax
	or $LARGE, %eax
	mov %eax, directories - 8(, %ecx, 8)
	loop 1b
	.irp n, 0, 1, 2, 3
	movl $directories + 0x1000 * \n + TABLE, gibs + 8 * \n
	.endr
	mov $kernel_root, %eax
	mov %eax, %cr3
	mov $0x20, %eax		/* PAE */
	mov %eax, %cr4
	mov $0xc0000080, %ecx	/* EFER: long mode */
	rdmsr
	or $0x100, %eax
	wrmsr
	mov $0x80010005, %eax	/* paging, write protection, no floating point, protected mode */
	mov %eax, %cr0
	lgdt descriptors_place
	ljmp $8, $enter64

	.code64
enter64:
	mov $0x10, %eax
	mov %eax, %ss
	mov $stack_end, %rsp
	mov %esi, %edi
	call kernel_main

/* --- traps ------------------------------------------------------------------------- */

/* Entry N is at trap_entries + 16 N.  Some traps push an error code; the others get a 0. */
	.balign 16
	.globl trap_entries
trap_entries:
	.set n, 0
	.rept 33
	.balign 16
	.if !((1 << n) & 0x60227d00) || n == 32
	push $0
	.endif
	push $n
	jmp trap
	.set n, n + 1
	.endr

	.macro each instruction, registers:vararg
	.irp register, \registers
	\instruction %\register
	.endr
	.endm

trap:
	each push, rdi, rsi, rdx, rcx, rax, r8, r9, r10, r11, rbx, rbp, r12, r13, r14, r15
	testb $3, 144(%rsp)	/* the code segment: from a process? */
	jnz leave_process
	mov %rsp, %rdi
	call kernel_trap
return:
	each pop, r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi
	add $16, %rsp
	iretq

/* enter_process(frame): returns at the next trap of the process.  The processor pushes into the
 * frame: its end is the stack of traps (machine.c). */
	.globl enter_process
enter_process:
	each push, rbx, rbp, r12, r13, r14, r15
	mov %rsp, kernel_stack
	mov %rdi, %rsp
	jmp return
leave_process:
	mov kernel_stack, %rsp
	cld
	each pop, r15, r14, r13, r12, rbp, rbx
	ret

	.data
	.balign 16
descriptors:
	.quad 0, 0x00af9a000000ffff, 0x00cf92000000ffff	/* kernel: code 8, data 0x10 */
	.quad 0x00cff2000000ffff, 0x00affa000000ffff	/* process: data 0x1b, code 0x23 */
	.globl task_descriptor
task_descriptor:
	.quad 0, 0
descriptors_place:
	.word . - descriptors - 1
	.quad descriptors

	.bss
	.balign 4096
	.globl kernel_root
kernel_root: .skip 4096
gibs:	.skip 4096
directories: .skip 4 * 4096
	.skip 16384		/* KERNEL_STACK */
stack_end:
kernel_stack: .skip 8

	.section .note.GNU-stack, "", @progbits
