/* SPDX-License-Identifier: MIT */
/* dlopen.c - libraries that are opened with RTLD_DEEPBIND find this malloc too
 *
 * The flag makes a library look for names in what it is linked with, before it looks in
 * the process: it finds the C library's malloc, and frees with it what others have from
 * here.  So dlopen() goes through here, and the flag goes unless the option `deepbind`
 * keeps it.  Not in the archive: a static program's dlopen() has no next one.
 *
 * The real dlopen() must see who called: the caller's run path and namespace count.  So
 * this one ends in a jump, which no C compiler promises.  dlmopen() is left alone: another
 * namespace has a C library of its own.
 */
#define _GNU_SOURCE
#include <dlfcn.h>

#include "base/atomic.h"
#include "base/options.h"
#include "base/sources.h"

#pragma weak dlsym

#ifndef RTLD_DEEPBIND
#define RTLD_DEEPBIND 0
#endif

/* The words of the option. */
enum { CLEAR, KEEP };

#define FOR_ASSEMBLY __attribute__((visibility("hidden"), used))

/* dlopen() of whoever comes behind us; written before it is jumped to. */
FOR_ASSEMBLY void *(*sea_dlopen_next)(const char *file, int mode);

/* The mode with which the next dlopen(), which it looks for, is to be called. */
FOR_ASSEMBLY int sea_dlopen_mode(int mode);

/* A process that has no dlopen() but this. */
static void *open_nothing(const char *file, int mode)
{
	(void)file, (void)mode;
	return NULL;
}

int sea_dlopen_mode(int mode)
{
	if (!sea_load_relaxed(&sea_dlopen_next)) {
		void *next = dlsym ? dlsym(RTLD_NEXT, "dlopen") : NULL;
		sea_store_relaxed(&sea_dlopen_next, next ? (void *(*)(const char *, int))next : open_nothing);
	}
	sea_sources_load();
	return sea_options.deepbind == KEEP ? mode : mode & ~RTLD_DEEPBIND;
}

/* dlopen(file, mode): calls sea_dlopen_mode(mode), puts all back as it was but the mode, and jumps
 * to the next. */
#define BEGIN ".text\n.globl dlopen\n.type dlopen, %function\ndlopen:\n.cfi_startproc\n"
#define END ".cfi_endproc\n.size dlopen, . - dlopen\n"

/* endbr64 and hint #34 (bti c) say that a jump may come here; older processors pass over them. */
#if defined(__x86_64__)
__asm__(BEGIN
	"endbr64\n"
	"push %rdi\n"
	".cfi_adjust_cfa_offset 8\n"
	"mov %esi, %edi\n"
	"call sea_dlopen_mode\n"
	"mov %eax, %esi\n"
	"pop %rdi\n"
	".cfi_adjust_cfa_offset -8\n"
	"jmp *sea_dlopen_next(%rip)\n"
	END);
#elif defined(__aarch64__)
__asm__(BEGIN
	"hint #34\n"
	"stp x30, x0, [sp, #-16]!\n"
	".cfi_adjust_cfa_offset 16\n"
	".cfi_rel_offset x30, 0\n"
	"mov w0, w1\n"
	"bl sea_dlopen_mode\n"
	"mov w1, w0\n"
	"ldp x30, x0, [sp], #16\n"
	".cfi_adjust_cfa_offset -16\n"
	".cfi_restore x30\n"
	"adrp x16, sea_dlopen_next\n"
	"ldr x16, [x16, #:lo12:sea_dlopen_next]\n"
	"br x16\n"
	END);
#elif defined(__riscv) && __riscv_xlen == 64
__asm__(BEGIN
	"addi sp, sp, -16\n"
	".cfi_adjust_cfa_offset 16\n"
	"sd ra, 8(sp)\n"
	".cfi_rel_offset ra, 8\n"
	"sd a0, 0(sp)\n"
	"mv a0, a1\n"
	"call sea_dlopen_mode\n"
	"mv a1, a0\n"
	"ld a0, 0(sp)\n"
	"ld ra, 8(sp)\n"
	".cfi_restore ra\n"
	"addi sp, sp, 16\n"
	".cfi_adjust_cfa_offset -16\n"
	"lla t1, sea_dlopen_next\n"
	"ld t1, 0(t1)\n"
	"jr t1\n"
	END);
#else
#error "dlopen() has to end in a jump: write it for this processor"
#endif
