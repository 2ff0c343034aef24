/* SPDX-License-Identifier: MIT */
/* cpus.h - how many processors the process may keep busy */
#ifndef SEA_CPUS_H
#define SEA_CPUS_H

#include "base/compiler.h"

/* The processors of the affinity mask, or what the control groups allow, rounded up, where
 * that is less; 1 or more.  Some ten system calls or more: not under a lock. */
unsigned sea_cpus_available(void);

#endif
