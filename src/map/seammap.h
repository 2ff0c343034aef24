/* SPDX-License-Identifier: MIT */
/* seammap.h - one bitmap for the seams of all zones, and a byte for each of its words
 *
 *    bit       0        1                        65536
 *    granule   first    first + 1  ...           |
 *              [           slot 0                ][          slot 1     ...
 *    byte      0 (granules 0 to 63)  1  ...
 *
 * Bit i stands for the granule (address / 16) first + i.  It is set if a chunk of a zone starts
 * there.  Addresses in no zone have no seams and read as zero.  So free() gets from an address to
 * the size of its chunk by one subtraction and one load.
 *
 * A word of 64 bits does not show the length of a long chunk that starts last in it.  The byte of
 * the word does; zone.h explains it.
 *
 * Both maps are made around the first zone and span 8 GiB of addresses.  They take 72 MiB of
 * address space; only the parts that describe zones have memory.  If the kernel puts a zone
 * elsewhere, its seams are with its other bitmaps, and free() in it takes the slow path.
 */
#ifndef SEA_SEAMMAP_H
#define SEA_SEAMMAP_H

#include "map/pagemap.h"

/* Bytes of addresses for each byte of the bitmap, and for each byte of a word. */
#define SEA_BYTES_PER_SEAMS (8 * SEA_GRANULE)
#define SEA_BYTES_PER_START (64 * SEA_GRANULE)

/* Written once, before the first zone is made. */
/* the bits; never NULL; an attacker cannot guess it */
extern SEA_HIDDEN const char *sea_seams;
extern SEA_HIDDEN uintptr_t sea_seams_first; /* the granule of bit 0 */
extern SEA_HIDDEN uintptr_t sea_seams_nr;    /* granules described; 0: no map */
extern SEA_HIDDEN uintptr_t sea_seams_starts; /* where the byte of address 0 would be */

/* The bit of an address; sea_seams_nr or more if the map does not reach it. */
SEA_INLINE uintptr_t sea_seams_bit(const void *address)
{
	return ((uintptr_t)address >> SEA_GRANULE_SHIFT) - sea_load_constant(&sea_seams_first);
}

/* Prepares a slot for a zone.  True: sea_seams_of() returns writable words or NULL.  False: out of
 * memory.  Any thread.  May make system calls. */
bool sea_seams_cover(const char *slot);

/* The words of the slot at `base`; NULL if the map does not reach it. */
uint64_t *sea_seams_of(const char *base);

/* The byte of the word for `address`, which the map reaches. */
SEA_INLINE uint8_t *sea_seams_start_of(const void *address)
{
	return (uint8_t *)(sea_load_constant(&sea_seams_starts) + (uintptr_t)address / SEA_BYTES_PER_START);
}

/* Purges the seams of whole slots without zones.  Their bytes are zero too, but too few to be
 * worth a call. */
void sea_seams_purge(const char *base, size_t size);

/* Claim: W3 of seammap.c holds.  Walks every slot.  No other thread sets any. */
bool sea_seams_are_sound(void);

#endif
