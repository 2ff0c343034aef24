/* SPDX-License-Identifier: MIT */
/* purge.h - purging free pages, a step at a time
 *
 *    pool --> hand --> system call --> pool
 *
 * A round of purging begins when too much is dirty.  It ends when little is dirty, or when each
 * free buddy has been looked at.  Threads that free pages make a step of it each.  If the system
 * refuses, no thread asks again until more pages have been freed; that pause doubles each time.
 *
 * The callers keep the counts of pages; these functions only move buddies.
 */
#ifndef SEA_PURGE_H
#define SEA_PURGE_H

#include "base/step.h"
#include "page/buddy.h"

/* After a refusal, or a round that purged less, the system is asked again when so many pages have
 * been freed. */
#define SEA_PURGE_RETRY_PAGES SEA_STEP_PAGES

/* Takes the turn, which one thread has at a time.  False: another thread has it. */
bool sea_purge_begin(void);

/* Claim: a thread has the turn. */
bool sea_purge_is_taken(void);

/* Ends the turn.  `goes_on`: the round is not over. */
void sea_purge_end(bool goes_on);

/* Claim: a round has begun and is not over. */
bool sea_purge_goes_on(void);

/* The next step starts with the largest buddies. */
void sea_purge_restart(void);

struct sea_purged {
	size_t nr_pages; /* touched pages that were purged */
	bool is_over;	 /* no buddy is left in this round */
};

/* Makes one step of at most `want` pages, rounded up to buddies.  The caller has the turn and
 * holds no lock. */
struct sea_purged sea_purge_step(size_t want);

/* So many pages became free and dirty.  Any thread. */
void sea_purge_note_freed(size_t nr_pages);

/* The sum of those pages.  It may wrap. */
size_t sea_purge_freed(void);

/* A range was purged, and so many of its pages lost their memory; 0: the system refused.  Any
 * thread. */
void sea_purge_note_try(size_t nr_pages);

/* A round is over and left so many dirty pages that it should have purged.  If it purged little,
 * the next round waits until more are freed.  The thread with the turn. */
void sea_purge_note_rest(size_t nr_pages);

/* Claim: the system may be asked again.  The second also: a new round may find something. */
bool sea_purge_may_try(void);
bool sea_purge_may_begin(void);

/* In the child of a fork: frees what other threads had in hand. */
void sea_purge_in_child(void);

/* Claim: U1 of purge.c holds. */
bool sea_purge_is_sound(void);

#endif
