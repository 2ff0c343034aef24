/* SPDX-License-Identifier: MIT */
/* gaps.h - lists of a segment's holes, by size */
#ifndef SEA_GAPS_H
#define SEA_GAPS_H

#include "segment/segment.h"

/* The list of holes of n granules. */
unsigned sea_gaps_list_of(size_t n);

/* Granules of the hole that starts at g, if the bitmaps confirm it; 0: the contents are broken. */
size_t sea_gaps_size(const struct sea_segment *segment, size_t g);

/* Start of the hole that ends in front of g; SIZE_MAX: the contents are broken.  There is one. */
size_t sea_gaps_before(const struct sea_segment *segment, size_t g);

/* Makes [g, g + n) a hole: bits at its ends, its descriptor, and its place in a list.  The seam at
 * g is the caller's.  These two set is_broken if they find broken links. */
void sea_gaps_link(struct sea_segment *segment, size_t g, size_t n);

/* The opposite.  n is its size. */
void sea_gaps_unlink(struct sea_segment *segment, size_t g, size_t n);

/* The hole [g, g + n) becomes [to, to + length), which it overlaps or touches.  Where both sizes
 * have the same list, that takes half the stores.  Seams are the caller's. */
void sea_gaps_change(struct sea_segment *segment, size_t g, size_t n, size_t to, size_t length);

/* Finds a hole of at least n granules; *size: what it has.  SIZE_MAX: there is none. */
size_t sea_gaps_find(struct sea_segment *segment, size_t n, size_t *size);

/* Claim: SG4 and SG5 hold.  *nr: the holes in all lists. */
bool sea_gaps_are_sound(const struct sea_segment *segment, size_t *nr);

#endif
