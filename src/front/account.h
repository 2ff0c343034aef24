/* SPDX-License-Identifier: MIT */
/* account.h - where every byte is
 *
 * An observer: it reads the region map, the arenas and what the engine has in them,
 * and nothing that allocates or frees calls it.  docs/memory.md explains the figures.
 */
#ifndef SEA_ACCOUNT_H
#define SEA_ACCOUNT_H

#include "engines/engine.h"

/* Counts everything anew.  Any thread, also inside a fork handler; others wait for a step at
 * most where they need a lock: some 100 us.  Cost: some 7 us for each MiB in zones. */
void sea_account(struct sea_stats *stats);

/* Claim: AC1 of account.c. */
bool sea_account_adds_up(const struct sea_stats *stats);

#endif
