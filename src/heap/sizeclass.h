/* SPDX-License-Identifier: MIT */
/* sizeclass.h - the size classes of chunks
 *
 *    class   0         has no size: a pointer to no chunk leads to it
 *            1..56     1..56 granules: every multiple of 16 bytes up to 896
 *            57..64    have no size: a seam word can show up to 64 granules, but only 56 always
 *            65..130   8 for each doubling up to 256 KiB: 60, 64, 72 ... 16384 granules
 *
 * A chunk of a class is exactly as long as its class.  Chunks of other lengths are not cached.
 */
#ifndef SEA_SIZECLASS_H
#define SEA_SIZECLASS_H

#include "base/bits.h"
#include "map/map.h"

/* A sweep of the bitmaps finds small chunks, up to this many granules (896 bytes).  A word of a
 * seam map that begins at any byte always shows that many: 64 bits less the 8 of that byte. */
#define SEA_SMALL_GRANULES 56

/* Chunks up to a quarter of a zone, 256 KiB, come from zones (some of the largest are page runs:
 * cache.h).  Larger blocks are page runs. */
#define SEA_ZONE_CHUNK_MAX (SEA_SLOT_SIZE / SEA_GRANULE / 4)

#define SEA_CLASS_MEDIUM 65
#define SEA_NR_CLASSES 131
#define SEA_MEDIUM_GRANULES SEA_ZONE_CHUNK_MAX

#define SEA_SMALL_MAX (SEA_SMALL_GRANULES * SEA_GRANULE)
#define SEA_MEDIUM_MAX (SEA_MEDIUM_GRANULES * SEA_GRANULE)

SEA_INLINE unsigned sea_granules_for(size_t size) { return (unsigned)((size + SEA_GRANULE - 1) / SEA_GRANULE); }

/* Granules of a chunk of class c; 0 if the class has no size. */
static inline unsigned sea_class_granules(unsigned c)
{
	SEA_ASSERT(c < SEA_NR_CLASSES);
	if (c < SEA_CLASS_MEDIUM)
		return c <= SEA_SMALL_GRANULES ? c : 0;
	unsigned step = c - (SEA_CLASS_MEDIUM - 6);
	return (9 + step % 8) << (2 + step / 8);
}

/* Bytes of a chunk of class c. */
SEA_INLINE size_t sea_class_size(unsigned c) { return sea_class_granules(c) * SEA_GRANULE; }

/* sea_class_for() for n above SEA_SMALL_GRANULES: 8 classes for each doubling. */
SEA_INLINE unsigned sea_class_for_long(unsigned n)
{
	SEA_ASSERT(n > SEA_SMALL_GRANULES && n <= SEA_MEDIUM_GRANULES);
	unsigned exponent = sea_highest_bit(n - 1);
	unsigned step = (n - 1) >> (exponent - 3); /* 8 to 15 */
	unsigned class = SEA_CLASS_MEDIUM - 6 + (exponent - 6) * 8 + step;
	SEA_ASSERT(sea_class_granules(class) >= n && (class == SEA_CLASS_MEDIUM || sea_class_granules(class - 1) < n));
	return class;
}

/* The smallest class of at least n granules, 1 <= n <= SEA_MEDIUM_GRANULES. */
static inline unsigned sea_class_for(unsigned n)
{
	SEA_ASSERT(n > 0);
	return n <= SEA_SMALL_GRANULES ? n : sea_class_for_long(n);
}

/* The class whose chunks have exactly n granules; 0 if there is none. */
static inline unsigned sea_class_of(unsigned n)
{
	if (n > SEA_MEDIUM_GRANULES)
		return 0;
	unsigned c = sea_class_for(n);
	return sea_class_granules(c) == n ? c : 0;
}

#endif
