/* SPDX-License-Identifier: MIT */
/* nothing.h - blocks of no bytes
 *
 * malloc(0) gives an address in a range that nobody can read or write: an access traps.  The
 * idea is hardened_malloc's.
 */
#ifndef SEA_NOTHING_H
#define SEA_NOTHING_H

#include "base/compiler.h"

/* A block of no bytes, aligned to a granule.  NULL: no address is left. */
void *sea_nothing_alloc(void);

enum sea_nothing { SEA_NOTHING_ELSEWHERE, SEA_NOTHING_LIVE, SEA_NOTHING_FREE, SEA_NOTHING_INSIDE };

/* What an address is in that range. */
enum sea_nothing sea_nothing_at(const void *address);

/* Frees a block of no bytes.  False: it is free. */
bool sea_nothing_free(const void *block);

/* Bytes of the range; 0: there is none yet. */
size_t sea_nothing_size(void);

/* Claim: NO1 and NO2 of nothing.c. */
bool sea_nothing_is_sound(void);

#endif
