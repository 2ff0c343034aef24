/* SPDX-License-Identifier: MIT */
/* pcp.h - per-CPU lists of pages in front of the pools
 *
 * Freed blocks of whole orders wait here, still warm, for the next request from
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

struct sea_block {
	struct sea_arena *arena;
	pfn_t pfn;
	unsigned order;
};

/* Takes a block of exactly `order` from this processor's list. */
bool sea_pcp_take(unsigned order, struct sea_block *block);

/* Puts a block on it; false if the list is full: then the pool gets it. */
bool sea_pcp_give(struct sea_block block);

/* Moves up to `capacity` blocks of any list to `blocks`; returns how many.  0 means
 * that all lists are empty. */
size_t sea_pcp_drain(struct sea_block *blocks, size_t capacity);

void sea_pcp_each_lock(void (*apply)(struct sea_lock *lock, void *context), void *context);

#endif
