/* SPDX-License-Identifier: MIT */
/* allowance.h - how much more may stay, since it recurs
 *
 * To purge a page and to fault it in again costs some 3 us.  A program that swings between more
 * and less memory would pay that at each swing.  So pages that are faulted in soon after as many
 * were purged raise an allowance, and the budget lets so much more stay.  The idea of a refault
 * distance is that of Linux's workingset.c.
 *
 *    raised by   refaults that cost 5 % of the time or more
 *    bounded by  half of the recent peak or 48 MiB; all of the peak, once the program has used
 *                half of its allowance or more for a whole period
 *    lowered to  what was used of it, at the end of each period of 250 ms
 *    halved      for each second in which nobody asked for the watermarks
 *    reset       when the program's work seems to have ended
 *
 * Any thread may call these functions; none takes a lock.
 */
#ifndef SEA_ALLOWANCE_H
#define SEA_ALLOWANCE_H

#include "base/compiler.h"

/* So many pages without memory came into use. */
void sea_allowance_note_faulted(size_t nr_pages);

/* So many pages were purged. */
void sea_allowance_note_purged(size_t nr_pages);

/* So many bytes are in use, and so many dirty ones stay beyond the base of the budget. */
void sea_allowance_note_use(size_t in_use, size_t beyond);

/* The same; and the period ends if it is time.  Reads the clock. */
void sea_allowance_age(size_t in_use, size_t beyond);

/* Counts what was faulted in since the last time, unless another thread is at it.  Comes before
 * pages are purged: what is not counted soon does not count. */
void sea_allowance_measure(void);

/* Resets the allowance to 0, unless this comes again and again in short time. */
void sea_allowance_reset(void);

/* In the child of a fork: no other thread measures. */
void sea_allowance_in_child(void);

/* The allowance in bytes, while so many bytes are in use and so many are dirty in free pages outside
 * zones: what is kept and what is in use come to little more than the recent peak. */
size_t sea_allowance(size_t in_use, size_t free_dirty);

/* Pages that were faulted in soon after as many were purged, ever. */
size_t sea_allowance_nr_refaults(void);

#endif
