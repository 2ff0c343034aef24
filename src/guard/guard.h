/* SPDX-License-Identifier: MIT */
/* guard.h - sampled guards: one allocation in some thousands lies between pages without access
 *
 *    | none | block ...... | none |  ......... block | none | (freed) no access | none |
 *
 * The idea is GWP-ASan's (Serebryany and others, "GWP-ASan: Sampling-Based Detection of
 * Memory-Safety Bugs in Production", 2023).  An access outside such a block, or after its free,
 * faults at once.  The report says what was wrong and who allocated and freed the block.  Then the
 * process gets the signal that it would get without us.
 *
 * Which allocations: cache/ counts the chunks that refills bring.  So the fast paths do nothing
 * for it, and blocks that come from a thread's stack again and again are never sampled.
 *
 * No locks: any thread may call these at any moment.
 */
#ifndef SEA_GUARD_H
#define SEA_GUARD_H

#include "base/atomic.h"
#include "base/compiler.h"

/* Places for guarded blocks.  Each has a page of memory while its block is live. */
#define SEA_GUARD_PLACES 64

/* The range of all places; empty until the first block is guarded. */
extern SEA_HIDDEN uintptr_t sea_guard_first, sea_guard_bytes;

/* Claim: the address is in a place or between two. */
SEA_INLINE bool sea_guard_has(const void *address)
{
	return unlikely((uintptr_t)address - sea_load_relaxed(&sea_guard_first) < sea_load_relaxed(&sea_guard_bytes));
}

/* After how many more chunks a thread asks for a guarded block: at random, as many as the option
 * `guard` says on average. */
int64_t sea_guard_distance(void);

/* The program asks how large a block will be, and may rely on it: from now on the size of a
 * guarded block is that of any other. */
void sea_guard_keep_sizes(void);

/* Claim: sea_guard_keep_sizes() was called. */
bool sea_guard_keeps_sizes(void);

/* A guarded block of 1 byte to a page, aligned to a granule; its contents are undefined.  NULL:
 * the program is too young, or the block is not guarded for another reason.  Some 15 us. */
SEA_COLD void *sea_guard_alloc(size_t size);

/* Frees a block in the range.  Ends the process if it is no live block, or if bytes beside it have
 * changed.  Some 7 us. */
SEA_COLD void sea_guard_free(void *block);

/* Bytes that were asked for; 0 if this is no live guarded block. */
SEA_COLD size_t sea_guard_size(const void *block);

/* For sea_mistake(): the address is in the range and no live block.  Ends the process. */
SEA_COLD _Noreturn void sea_guard_mistake(const char *verb, const void *block);

/* Bytes of live blocks, and bytes of the pages that they lie on. */
void sea_guard_count(size_t *live, size_t *pages);

/* Claim: GU1 to GU3 of guard.c hold.  No other thread runs. */
bool sea_guard_is_sound(void);

#endif
