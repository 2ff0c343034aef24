/* SPDX-License-Identifier: MIT */
/* cpus.h - how many processors the process may keep busy */
#ifndef SEA_CPUS_H
#define SEA_CPUS_H

#include "base/compiler.h"

/* The processors of the affinity mask, or what the control groups allow, rounded up, if that is
 * less; at least 1.  Makes ten system calls or more, so hold no lock. */
unsigned sea_cpus_available(void);

#endif
