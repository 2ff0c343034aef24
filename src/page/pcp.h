/* SPDX-License-Identifier: MIT */
/* pcp.h - per-CPU lists of pages in front of the pools
 *
 * Freed buddies wait here for the next request from the same processor.  They are still in its
 * caches, and need no page lock, no split, no merge and no page fault.  After Linux's per-cpu
 * pagesets.
 */
#ifndef SEA_PCP_H
#define SEA_PCP_H

#include "base/lock.h"
#include "page/arena.h"
#include "page/page.h"

/* Buddies up to 1 MiB with 4 KiB pages, the size of a zone. */
#define SEA_PCP_MAX_ORDER 8

struct sea_buddy {
	struct sea_arena *arena;
	pfn_t pfn;
	unsigned order;
};

/* Takes a buddy of exactly `order` from this processor's list.  False: there is none. */
bool sea_pcp_take(unsigned order, struct sea_buddy *buddy);

/* Puts a buddy on this processor's list.  False: the list is full, and the caller gives the buddy
 * to its pool. */
bool sea_pcp_give(struct sea_buddy buddy);

/* Moves up to `capacity` buddies from all lists to `buddies`.  Returns how many; 0 if all lists
 * are empty. */
size_t sea_pcp_drain(struct sea_buddy *buddies, size_t capacity);

/* Claim: C1 and C2 of pcp.c.  Walks every list. */
bool sea_pcp_is_sound(void);

#endif
