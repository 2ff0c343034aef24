/* SPDX-License-Identifier: MIT */
/* vdso.h - the functions that the kernel maps into each process
 *
 * They tell the time and the processor without a system call.  We find them ourselves: the C
 * library's functions of these names may have been replaced by ones that allocate.
 */
#ifndef SEA_VDSO_H
#define SEA_VDSO_H

#include "base/compiler.h"

struct timespec;

struct sea_vdso {
	int (*clock_gettime)(int clock, struct timespec *now);		   /* NULL: there is none */
	int (*getcpu)(unsigned *cpu, unsigned *node, void *unused);	   /* the same */
	unsigned kernel; /* its version, 0x60700 for 6.7; 0: not known */
};

/* Reads the image that begins at `base`; NULL: there is no image. */
void sea_vdso_read(const void *base, struct sea_vdso *vdso);

#endif
