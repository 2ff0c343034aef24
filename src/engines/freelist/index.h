/* SPDX-License-Identifier: MIT */
/* freelist/index.h - finds a place in the list without walking all of it
 *
 * A walk over the list from its front finds the first hole that fits, and the place of a new
 * one, but takes time linear in the number of holes: examples/objects.py needs 23 s of CPU
 * time that way.  The index finds the same holes in some hundred steps; with it the program
 * needs 1.2 s (glibc: 0.9).
 *
 * The caller holds sea_small.lock.
 */
#ifndef SEA_FREELIST_INDEX_H
#define SEA_FREELIST_INDEX_H

#include "base/bits.h"
#include "engines/freelist/hole.h"

/* Zones are equal and aligned, so the address of a chunk gives its zone. */
#define ZONE_SIZE SEA_MIB

/* Each stretch of a zone has a line in the table of contents.  CPU time of objects.py and
 * orders.sql (examples/) with stretches of 4, 8, 16, 32 KiB: 1.38, 1.21, 1.14, 1.11 s and 0.91,
 * 0.90, 1.00, 0.99 s. */
#define STRETCH_SIZE (8 * SEA_KIB)
#define NR_STRETCHES (ZONE_SIZE / STRETCH_SIZE)

/* The head of a zone.  It begins with a free chunk that is never a block. */
struct zone {
	struct sea_chunk chunk;
	/* granule of the lowest hole or mark that starts in the stretch, or 0 */
	uint16_t first[NR_STRETCHES];
	uint16_t largest[NR_STRETCHES]; /* upper bound in granules for the holes that start there,
					without headers */
};
_Static_assert(ZONE_SIZE / SEA_GRANULE - 1 <= UINT16_MAX, "a granule's number has 16 bits");
_Static_assert(sizeof(struct zone) % SEA_GRANULE == 0, "the next chunk is aligned");

SEA_INLINE struct zone *zone_of(const void *address)
{
	return (struct zone *)sea_round_down((uintptr_t)address, ZONE_SIZE);
}

SEA_INLINE struct hole *mark_of(struct zone *zone) { return (struct hole *)((char *)zone + ZONE_SIZE) - 1; }

/* The lowest hole of at least `size` bytes, or NULL. */
struct hole *sea_index_find(size_t size);

/* The lowest hole or mark above a chunk. */
struct hole *sea_index_above(const struct sea_chunk *chunk);

/* A hole or mark has entered the list, or a hole has grown. */
void sea_index_enter(struct hole *hole);

/* A hole or mark is about to leave the list. */
void sea_index_leave(const struct hole *hole);

/* Enters a zone without holes.  False: out of memory.  *below: the last mark below it, or NULL. */
bool sea_index_add_zone(struct zone *zone, struct hole **below);

void sea_index_remove_zone(const struct zone *zone);

/* Zone number `number` in address order; NULL behind the last. */
struct zone *sea_index_zone(size_t number);

/* Claim: FI1 to FI3 of index.c hold for the list that begins with `first`. */
bool sea_index_is_sound(const struct hole *first);

#endif
