/* SPDX-License-Identifier: MIT */
/* region.h - the map of available and reserved memory
 *
 * A kernel has a map of the memory that its firmware reports.  This map names every range of
 * addresses that is ours, and its purpose.  Audits and pictures start from it; malloc and free on
 * the way to a cached block never read it.
 */
#ifndef SEA_REGION_H
#define SEA_REGION_H

#include "base/compiler.h"

enum sea_region_kind {
	SEA_REGION_AVAILABLE, /* an arena: the page allocator hands out its pages */
	SEA_REGION_WHOLE,     /* one large block with a mapping of its own */
	SEA_REGION_METADATA,  /* ours: page arrays, bitmaps, thread caches */
};

struct sea_region {
	char *base;
	size_t size; /* bytes of address space; the guards on both sides are ours, too (span.h) */
	enum sea_region_kind kind;
};

/* Adds a range that overlaps no other.  False: the map cannot grow. */
bool sea_region_add(char *base, size_t size, enum sea_region_kind kind);

/* Removes the range that starts at `base`. */
void sea_region_remove(char *base);

/* Shortens the range that starts at `base` to `size` bytes. */
void sea_region_cut(char *base, size_t size);

/* The range that has `address`; false: none does. */
bool sea_region_find(const char *address, struct sea_region *region);

/* The lowest range that ends above `address`; false: none does. */
bool sea_region_above(const char *address, struct sea_region *region);

/* Calls visit() for each range in address order.  The map's lock is held, so visit() must not
 * allocate. */
void sea_region_walk(void (*visit)(const struct sea_region *region, void *context), void *context);

/* Bytes of the map's own mapping, without its guards. */
size_t sea_region_table_size(void);

/* Claim: R1 of region.c holds. */
bool sea_region_is_sound(void);

#endif
