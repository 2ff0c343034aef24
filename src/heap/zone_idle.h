/* SPDX-License-Identifier: MIT */
/* zone_idle.h - pages of a zone in which nothing is in use: kept up to date
 *
 * Z9  nr_idle is the number of touched pages inside holes, behind a descriptor; no row of pages
 *     there, of which one is touched, is longer than longest_idle, but for those of
 *     SEA_ZONE_LONG_ROW or more.
 *
 * For zone.c; what others may ask is in zone.h.
 */
#ifndef SEA_ZONE_IDLE_H
#define SEA_ZONE_IDLE_H

#include "heap/zone.h"

/* Granules of a hole that its descriptor takes. */
#define SEA_DESCRIPTOR_GRANULES ((sizeof(struct sea_hole) + SEA_GRANULE - 1) / SEA_GRANULE)

/* The zone is one hole; and then it is no zone any more. */
void sea_zone_start_idle(struct sea_zone *zone);
void sea_zone_end_idle(struct sea_zone *zone);

/* Granules [from, to) of a hole come into use, and a descriptor may come behind them. */
void sea_zone_leave_idle(struct sea_zone *zone, size_t from, size_t to);

/* Words [first, end) have been merged; each had used granules, or lies behind a word that had,
 * and the last of them looked so.  The page behind may have been idle before. */
void sea_zone_join_idle(struct sea_zone *zone, size_t first, size_t end, uint64_t last_was);

/* Claim: the zone's counts of idle pages are right. */
bool sea_zone_idle_is_sound(const struct sea_zone *zone);

#endif
