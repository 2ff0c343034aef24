/* SPDX-License-Identifier: MIT */
/* zone_idle.h - pages of a zone in which nothing is in use: kept up to date
 *
 * Z9  nr_idle is the number of touched pages inside holes, behind a descriptor.  A row of such
 *     pages, touched or not, with at least one touched, has at most longest_idle pages.  Rows of
 *     SEA_ZONE_LONG_ROW or more may be longer than that; then longest_idle is at least a long row.
 *
 * Only zone.c includes this.  The functions for others are in zone.h.
 */
#ifndef SEA_ZONE_IDLE_H
#define SEA_ZONE_IDLE_H

#include "base/page_size.h"
#include "heap/zone.h"

/* Granules at the start of a hole that a descriptor covers. */
#define SEA_DESCRIPTOR_GRANULES ((sizeof(struct sea_hole) + SEA_GRANULE - 1) / SEA_GRANULE)

/* The smallest page.  A hole of no more granules has no idle page, which needs room for a
 * descriptor before it. */
#define SEA_IDLE_GRANULES (SEA_LEAST_PAGE / SEA_GRANULE)

/* start: the zone is new, one hole.  end: the zone is about to be retired. */
void sea_zone_start_idle(struct sea_zone *zone);
void sea_zone_end_idle(struct sea_zone *zone);

/* Granules [from, to) of a hole will be used, and a descriptor may be written behind them. */
void sea_zone_leave_idle(struct sea_zone *zone, size_t from, size_t to);

/* Words [first, end) were merged.  Each of them had used granules, or is behind a word that had
 * some. last_was: used[end - 1] before the merge.  The page behind may have been idle already. */
void sea_zone_join_idle(struct sea_zone *zone, size_t first, size_t end, uint64_t last_was);

/* Claim: Z9 holds. */
bool sea_zone_idle_is_sound(const struct sea_zone *zone);

#endif
