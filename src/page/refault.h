/* SPDX-License-Identifier: MIT */
/* refault.h - pages that are wanted back soon after they went
 *
 * Giving a page back and faulting it in again costs some 3 us.  A program that swings
 * between more and less memory would pay that on each swing, so what it wants back
 * soon earns an allowance: so much more may stay.  The idea of refault distance is
 * that of Linux's workingset.c.
 */
#ifndef SEA_REFAULT_H
#define SEA_REFAULT_H

#include "base/compiler.h"

/* So many pages without memory came into use.  Any thread. */
void sea_refault_note_fresh(size_t nr_pages);

/* So many bytes are in use, and so many are free beyond what the watermarks let stay without
 * an allowance: after more have come into use.  Any thread. */
void sea_refault_note_use(size_t in_use, size_t beyond);

/* The same, now and then; what was earned fades.  Any thread; reads the clock. */
void sea_refault_age(size_t in_use, size_t beyond);

/* So many pages went back to the system.  Any thread. */
void sea_refault_note_purged(size_t nr_pages);

/* Settles what came into use since the last time, unless another thread is at it.  Before memory goes
 * back, wherever it lies: what is not noticed soon is not earned. */
void sea_refault_learn(void);

/* In the child of a fork: no other thread is at it. */
void sea_refault_in_child(void);

/* A program's threads have ended but for one, which may be the end of its work: forgets what
 * has been earned, unless that happens again and again.  Any thread. */
void sea_refault_forget(void);

/* Bytes that may stay beyond the watermarks, while so many bytes are in use, and so many
 * dirty ones in free pages outside zones: with what is in use little more than was in use at
 * most of late. */
size_t sea_refault_allowance(size_t in_use, size_t free_dirty);

/* Pages that came into use soon after as many had gone. */
size_t sea_refault_count(void);

#endif
