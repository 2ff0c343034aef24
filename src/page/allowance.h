/* SPDX-License-Identifier: MIT */
/* allowance.h - how much more may stay resident in a program whose memory use swings
 *
 * Purging a page and faulting it in again costs some 3 us.  A program that swings between more and
 * less memory would pay that at each swing.  So pages that are faulted in soon after as many were
 * purged (refaults) raise an allowance, and the budget keeps so many bytes more.  The idea of a
 * refault distance is from Linux's workingset.c.
 *
 *    raised by   refaults that cost 5 % of the time or more
 *    bounded by  half of the recent peak or 48 MiB; 5/4 of the peak, once the program has used
 *                half of its allowance or more for a whole period
 *    lowered to  what was used of it, at the end of each period of 250 ms
 *    halved      for each second in which no thread asked for the watermarks
 *    reset       when the program's work seems to have ended
 *
 * Any thread may call these functions.  None takes a lock.
 */
#ifndef SEA_ALLOWANCE_H
#define SEA_ALLOWANCE_H

#include "base/compiler.h"

/* So many untouched pages came into use. */
void sea_allowance_note_faulted(size_t nr_pages);

/* So many pages were purged. */
void sea_allowance_note_purged(size_t nr_pages);

/* So many bytes are in use now, and so many dirty bytes are kept beyond the budget's base. */
void sea_allowance_note_use(size_t in_use, size_t beyond);

/* The same; also ends the period if its time is over.  Reads the clock. */
void sea_allowance_age(size_t in_use, size_t beyond);

/* Counts the refaults since the last call, unless another thread does.  Call it before pages are
 * purged: only refaults that are counted soon count. */
void sea_allowance_measure(void);

/* Resets the allowance to 0, unless this is called again and again in a short time. */
void sea_allowance_reset(void);

/* In the child of a fork no other thread measures. */
void sea_allowance_in_child(void);

/* The allowance in bytes, for so many bytes in use.  Together they exceed the recent peak by a
 * quarter at most. */
size_t sea_allowance(size_t in_use);

/* Refaulted pages, ever. */
size_t sea_allowance_nr_refaults(void);

/* Claim: AL1 holds, and no thread is measuring (AL3). */
bool sea_allowance_is_sound(void);

#endif
