/* SPDX-License-Identifier: MIT */
/* seammap.h - one bitmap for the seams of all zones (layer 3)
 *
 *    bit       0        1                        65536
 *    granule   first    first + 1  ...           |
 *              [           slot 0                ][          slot 1     ...
 *
 * Bit i stands for the granule (address / 16) first + i.  It is set where a chunk of
 * a zone starts; what is in no zone has no seams and reads as zero.  So free() gets
 * from an address to the size of its chunk by one subtraction and one load.
 *
 * Beside it is a table of the zones, for the paths that need more than a size.
 *
 * The map is made around the first zone and spans 8 GiB of addresses, for 64 MiB of
 * address space, of which only what describes zones has memory.  A zone that the
 * kernel puts elsewhere has its seams with its other bitmaps; freeing in it takes the
 * slow path.
 */
#ifndef SEA_SEAMMAP_H
#define SEA_SEAMMAP_H

#include "pagemap.h"

/* Written once, before the first zone is made. */
extern SEA_HIDDEN const char *sea_seams;     /* the bits; never NULL, and not to be guessed */
extern SEA_HIDDEN uintptr_t sea_seams_first; /* granule of bit 0 */
extern SEA_HIDDEN uintptr_t sea_seams_nr;    /* granules described; 0: no map */

/* The zone in each described slot, or NULL. */
#define SEA_SEAMS_SLOTS (8 * SEA_GIB / SEA_SLOT_SIZE)
extern SEA_HIDDEN struct sea_zone *sea_seams_zone[SEA_SEAMS_SLOTS];

/* The bit of an address; sea_seams_nr or more where the map does not reach. */
SEA_INLINE uintptr_t sea_seams_bit(const void *address)
{
	return ((uintptr_t)address >> SEA_GRANULE_SHIFT) - sea_load_settled(&sea_seams_first);
}

/* Prepares a slot for a zone: true if sea_seams_of() may be written to, or is NULL.
 * False: no memory.  Any thread; may call the system. */
bool sea_seams_cover(const char *slot);

/* Enters the zone at `base`, or takes it out (NULL), here and in the page map. */
void sea_seams_set_zone(const char *base, struct sea_zone *zone);

/* Words of the slot at `base`, or NULL where the map does not reach. */
uint64_t *sea_seams_of(const char *base);

/* Gives the memory behind the seams of whole slots without zones back. */
void sea_seams_purge(const char *base, size_t size);

struct sea_lock;
void sea_seams_each_lock(void (*apply)(struct sea_lock *lock, void *context), void *context);

#endif
