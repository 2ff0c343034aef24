/* SPDX-License-Identifier: MIT */
/* os_linux.h - what the files that make system calls ask each other */
#ifndef SEA_OS_LINUX_H
#define SEA_OS_LINUX_H

#include "base/compiler.h"

/* A word that the kernel gave the process at its start (the auxiliary vector); 0 if it did not. */
unsigned long sea_os_told_at_start(unsigned long type);

/* The kernel's version, as the vDSO has it; 0: not known. */
uint32_t sea_os_kernel(void);

#endif
