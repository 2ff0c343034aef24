/* SPDX-License-Identifier: MIT */
/* seammap.h - one bitmap for the seams of all zones, and a byte for each of its words
 *
 *    bit       0        1                        65536
 *    granule   first    first + 1  ...           |
 *              [           slot 0                ][          slot 1     ...
 *    byte      0 (granules 0 to 63)  1  ...
 *
 * Bit i stands for the granule (address / 16) first + i.  It is set where a chunk of
 * a zone starts; what is in no zone has no seams and reads as zero.  So free() gets
 * from an address to the size of its chunk by one subtraction and one load.
 *
 * A word of 64 bits does not show how long the chunk is that starts last in it, if that
 * is a long one.  The byte of the word does: what it says is the zone's affair (zone.h).
 *
 * Beside them is a table of the zones, for the paths that need more than a size.
 *
 * Both maps are made around the first zone and span 8 GiB of addresses, for 72 MiB of
 * address space, of which only what describes zones has memory.  A zone that the
 * kernel puts elsewhere has its seams with its other bitmaps; freeing in it takes the
 * slow path.
 */
#ifndef SEA_SEAMMAP_H
#define SEA_SEAMMAP_H

#include "map/pagemap.h"

/* Bytes of addresses that a bit of the map stands for in each byte of it, and a byte for a word. */
#define SEA_BYTES_PER_SEAMS (8 * SEA_GRANULE)
#define SEA_BYTES_PER_START (64 * SEA_GRANULE)

/* Written once, before the first zone is made. */
extern SEA_HIDDEN const char *sea_seams;     /* the bits; never NULL, and not to be guessed */
extern SEA_HIDDEN uintptr_t sea_seams_first; /* granule of bit 0 */
extern SEA_HIDDEN uintptr_t sea_seams_nr;    /* granules described; 0: no map */
extern SEA_HIDDEN uintptr_t sea_seams_starts; /* where the byte of address 0 would be */

/* The zone in each described slot, or NULL. */
#define SEA_SEAMS_SLOTS (8 * SEA_GIB / SEA_SLOT_SIZE)
extern SEA_HIDDEN struct sea_zone *sea_seams_zone[SEA_SEAMS_SLOTS];

/* The bit of an address; sea_seams_nr or more where the map does not reach. */
SEA_INLINE uintptr_t sea_seams_bit(const void *address)
{
	return ((uintptr_t)address >> SEA_GRANULE_SHIFT) - sea_load_constant(&sea_seams_first);
}

/* Prepares a slot for a zone: true if sea_seams_of() may be written to, or is NULL.
 * False: no memory.  Any thread; may call the system. */
bool sea_seams_cover(const char *slot);

/* Enters the zone at `base`, or takes it out (NULL), here and in the page map. */
void sea_seams_set_zone(const char *base, struct sea_zone *zone);

/* Words of the slot at `base`, or NULL where the map does not reach. */
uint64_t *sea_seams_of(const char *base);

/* The byte of the word that shows `address`, which the map reaches; and those behind it. */
SEA_INLINE uint8_t *sea_seams_start_of(const void *address)
{
	return (uint8_t *)(sea_load_constant(&sea_seams_starts) + (uintptr_t)address / SEA_BYTES_PER_START);
}

/* Gives the memory behind the seams of whole slots without zones back.  Their bytes are zero
 * as well, but not worth a call. */
void sea_seams_purge(const char *base, size_t size);

/* Claim: W3 of seammap.c.  Walks every slot; no other thread enters or removes any. */
bool sea_seams_are_sound(void);

#endif
