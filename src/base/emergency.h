/* SPDX-License-Identifier: MIT */
/* emergency.h - memory for a call that may not enter the heap
 *
 * Two kinds of calls may not: those of a thread that has found a mistake and is ending the
 * process, and those of a signal handler that has interrupted the heap while it held a lock.
 * What they get is never used again, so that it always reads as zero.
 *
 * Needs no lock: any thread, at any moment.
 */
#ifndef SEA_EMERGENCY_H
#define SEA_EMERGENCY_H

#include "base/compiler.h"

/* Zeroed memory, aligned to a power of two; NULL: the system has none. */
void *sea_emergency_alloc(size_t align, size_t size);

/* Usable bytes of a block from here; 0: it is from elsewhere.  Such a block lives as long as
 * the process: who frees it leaves it alone. */
size_t sea_emergency_size(const void *block);

/* A copy of a block of `usable` bytes, from wherever, with `size` bytes. */
void *sea_emergency_copy(const void *block, size_t usable, size_t size);

/* Claim: N1 to N3, as far as they show.  Walks everything; no other thread is here. */
bool sea_emergency_is_sound(void);

#endif
