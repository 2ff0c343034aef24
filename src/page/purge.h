/* SPDX-License-Identifier: MIT */
/* purge.h - free pages go back to the system, a step at a time
 *
 *    pool --> hand --> system call --> pool
 *
 * A round of purging begins when too much is dirty, and ends when little is, or when each
 * free buddy has been looked at.  Threads that free pages do a step of it each.  Where the
 * system refuses, nobody asks again until as much more has been freed.
 *
 * The callers keep the counts of pages; these functions move buddies only.
 */
#ifndef SEA_PURGE_H
#define SEA_PURGE_H

#include "page/pcp.h"

/* Pages that one step gives back at most: 2 MiB of 4 KiB pages, a huge page.  A call takes
 * some 1 us and 0.1 to 0.3 us a page: 50 to 150 us. */
#define SEA_PURGE_STEP_PAGES 512
/* A step makes no system call more once it has taken so long: in a virtual machine that reports
 * each free page to its host, a page takes 30 us. */
#define SEA_PURGE_STEP_US 200

/* Takes the turn: one thread at a time.  False: another has it. */
bool sea_purge_begin(void);

/* Gives the turn back.  `goes_on`: there is more to do in this round. */
void sea_purge_end(bool goes_on);

/* Claim: a round has begun and is not at its end. */
bool sea_purge_goes_on(void);

/* The next step starts from the largest buddies again. */
void sea_purge_restart(void);

struct sea_purged {
	size_t nr_pages; /* touched ones that went */
	bool is_over;	 /* there was no buddy left in this round */
};

/* One step, of `want` pages at most as far as buddies allow.  The caller has the turn, and
 * no lock. */
struct sea_purged sea_purge_step(size_t want);

/* So many pages came to be free and dirty.  Any thread. */
void sea_purge_note_freed(size_t nr_pages);

/* The sum of these; it may wrap. */
size_t sea_purge_freed(void);

/* Pages of a range were to go, and so many went.  Any thread. */
void sea_purge_note_try(size_t nr_pages);

/* A round has left so many dirty pages that were to go: the next one waits for more. */
void sea_purge_note_rest(size_t nr_pages);

/* Claim: it is worth asking the system; and there may be free buddies that are dirty. */
bool sea_purge_may_try(void);
bool sea_purge_may_begin(void);

/* What one thread could not do as another had the turn: the next who has it does more.  The
 * second takes up to `most` of it. */
void sea_purge_owe(size_t nr_steps);
size_t sea_purge_take_owed(size_t most);

/* In the child of a fork: what others had in hand goes back. */
void sea_purge_in_child(void);

/* Claim: U1 of purge.c. */
bool sea_purge_is_sound(void);

#endif
