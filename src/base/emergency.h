/* SPDX-License-Identifier: MIT */
/* emergency.h - memory for a call that may not enter the heap
 *
 * Two kinds of calls may not enter it: those of a thread that has found a mistake and is ending
 * the process, and those of a signal handler that has interrupted the heap while it held a lock.
 * Memory from here is never used again, so it always reads as zero.
 *
 * No lock: any thread may call these at any moment.
 */
#ifndef SEA_EMERGENCY_H
#define SEA_EMERGENCY_H

#include "base/compiler.h"

/* Zeroed memory, aligned to a power of two.  NULL: out of memory. */
void *sea_emergency_alloc(size_t align, size_t size);

/* Usable bytes of a block from here; 0 if it is from elsewhere.  free() of such a block does
 * nothing. */
size_t sea_emergency_size(const void *block);

/* A copy with `size` bytes of any block of `usable` bytes. */
void *sea_emergency_copy(const void *block, size_t usable, size_t size);

/* Claim: N1 to N3 hold, as far as it can be checked.  Walks everything.  No other thread is in
 * here. */
bool sea_emergency_is_sound(void);

#endif
