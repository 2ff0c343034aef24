/* SPDX-License-Identifier: MIT */
/* hole.h - free lists of the larger holes, by size
 *
 * A free chunk of 1 KiB or more carries the textbook descriptor in its own memory
 * and hangs in the list of its size.  Smaller ones are in no list: they are bits
 * in their zone, found by sweeping.
 *
 *    |  8  |  8  | next | prev | size |   free ...
 *     `---------' the mark against a second free (zone.h)
 */
#ifndef SEA_HOLE_H
#define SEA_HOLE_H

#include "base/compiler.h"

/* Smallest hole that is listed, in granules: a word of a zone's bitmaps, so that at
 * most one of them starts in a word. */
#define SEA_HOLE_MIN 64
/* 8 bins for each doubling from 1 KiB to 1 MiB, and one for 1 MiB itself. */
#define SEA_HOLE_BINS 81

struct sea_hole {
	uintptr_t mark[2]; /* [1]: sea_mark_of() */
	struct sea_hole *next, *prev; /* the list ends in NULL on both sides */
	size_t nr_granules;
};

/* The lists of one shard; its lock protects them. */
struct sea_holes {
	struct sea_hole *first[SEA_HOLE_BINS];
	uint64_t filled[2]; /* bit b: first[b] is not NULL */
};

/* Like the others, stops the process if it finds that the program has written over a descriptor. */
void sea_hole_link(struct sea_holes *holes, struct sea_hole *hole, size_t nr_granules);

/* Wipes the descriptor: what is handed out has no pointers of ours in it. */
void sea_hole_unlink(struct sea_holes *holes, struct sea_hole *hole);

/* A hole of at least nr_granules (SEA_HOLE_MIN or more), nearly the smallest; NULL. */
struct sea_hole *sea_hole_find(const struct sea_holes *holes, size_t nr_granules);

/* Claim: lists and bins agree. */
bool sea_holes_are_sound(const struct sea_holes *holes);

#endif
