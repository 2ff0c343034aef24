/* SPDX-License-Identifier: MIT */
/* hole.h - free lists of the larger holes, by size
 *
 * A free chunk of 1 KiB or more has a descriptor at its start and is in the list of its size.
 * Smaller free chunks are in no list: they are bits in their zone, and a sweep finds them.
 *
 *    |  8  |  8  | next | prev | size |   free ...
 *     `---------' the mark that reveals a double free (zone.h)
 */
#ifndef SEA_HOLE_H
#define SEA_HOLE_H

#include "base/compiler.h"

/* The smallest listed hole, in granules: one word of a zone's bitmaps.  So at most one listed hole
 * starts in a word. */
#define SEA_HOLE_MIN 64
/* 8 bins for each doubling from 1 KiB to 1 MiB, and one for 1 MiB. */
#define SEA_HOLE_BINS 81

struct sea_hole {
	uintptr_t mark[2]; /* [1]: sea_mark_of() */
	struct sea_hole *next, *prev; /* NULL at both ends of the list */
	size_t nr_granules;
};

/* The lists of one shard.  Its lock protects them. */
struct sea_holes {
	struct sea_hole *first[SEA_HOLE_BINS];
	uint64_t filled[2]; /* bit b: first[b] is not NULL */
};

/* Adds a hole.  This and the next two stop the process if the program has written over a
 * descriptor that they read. */
void sea_hole_link(struct sea_holes *holes, struct sea_hole *hole, size_t nr_granules);

/* Removes a hole and clears its descriptor, so that no block shows our pointers. */
void sea_hole_unlink(struct sea_holes *holes, struct sea_hole *hole);

/* Finds a hole of at least nr_granules (SEA_HOLE_MIN or more), nearly the smallest.  NULL if there
 * is none. */
struct sea_hole *sea_hole_find(const struct sea_holes *holes, size_t nr_granules);

/* Claim: H1 to H3 hold. */
bool sea_holes_are_sound(const struct sea_holes *holes);

#endif
