/* SPDX-License-Identifier: MIT */
/* account.h - where every byte is
 *
 * An observer: it reads the region map, the arenas and what the engine has in them.  Nothing that
 * allocates or frees calls it.  docs/memory.md explains the figures.
 */
#ifndef SEA_ACCOUNT_H
#define SEA_ACCOUNT_H

#include "engines/engine.h"

/* Counts everything.  Any thread may call it, also in a fork handler.  Threads that need a lock
 * meanwhile wait for one step at most, some 100 us.  Cost: some 7 us for each MiB in zones. */
void sea_account(struct sea_stats *stats);

/* Claim: AC1 of account.c holds. */
bool sea_account_adds_up(const struct sea_stats *stats);

#endif
