/* SPDX-License-Identifier: MIT */
/* vdso.h - the functions that the kernel maps into each process
 *
 * The clock is read there without a system call.  We find it ourselves: the C library's function
 * of this name may have been replaced by one that allocates.
 */
#ifndef SEA_VDSO_H
#define SEA_VDSO_H

#include "base/compiler.h"

struct timespec;

struct sea_vdso {
	int (*clock_gettime)(int clock, struct timespec *now); /* NULL: there is none */
	/* its version, 0x60700 for 6.7; 0: not known */
	unsigned kernel;
};

/* Reads the image that begins at `base`; NULL: there is no image. */
void sea_vdso_read(const void *base, struct sea_vdso *vdso);

#endif
