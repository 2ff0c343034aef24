/* SPDX-License-Identifier: MIT */
/* pcp.h - per-CPU lists of pages in front of the pools
 *
 * Freed buddies of whole orders wait here, still warm, for the next request from
 * the same processor: no page lock, no split, no merge, no page fault.  After
 * Linux's per-cpu pagesets.
 */
#ifndef SEA_PCP_H
#define SEA_PCP_H

#include "base/lock.h"
#include "page/arena.h"
#include "page/page.h"

/* Blocks up to 1 MiB with 4 KiB pages: a zone. */
#define SEA_PCP_MAX_ORDER 8

struct sea_buddy {
	struct sea_arena *arena;
	pfn_t pfn;
	unsigned order;
};

/* Takes a buddy of exactly `order` from this processor's list. */
bool sea_pcp_take(unsigned order, struct sea_buddy *buddy);

/* Puts a buddy on it; false if the list is full: then the pool gets it. */
bool sea_pcp_give(struct sea_buddy buddy);

/* Moves up to `capacity` buddies of any list to `buddies`; returns how many.  0 means
 * that all lists are empty. */
size_t sea_pcp_drain(struct sea_buddy *buddies, size_t capacity);

/* Claim: C1 and C2 of pcp.c.  Walks every list. */
bool sea_pcp_is_sound(void);

#endif
