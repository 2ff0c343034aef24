/* SPDX-License-Identifier: MIT */
/* region.h - the map of available and reserved memory
 *
 * As a kernel writes down what its firmware reports, this map names every range of
 * addresses that is ours and what it is for.  It is the ground truth that audits
 * and pictures start from; nothing on the way of a malloc reads it.
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
	size_t size; /* bytes of address space; a guard on both sides is ours, too (span.h) */
	enum sea_region_kind kind;
};

/* Adds a range that overlaps no other; false if the map cannot grow. */
bool sea_region_add(char *base, size_t size, enum sea_region_kind kind);

/* Removes the range that starts at `base`. */
void sea_region_remove(char *base);

/* The range that starts at `base` has `size` bytes from now on: not more than it had. */
void sea_region_cut(char *base, size_t size);

/* The range that `address` lies in; false: none. */
bool sea_region_find(const char *address, struct sea_region *region);

/* The lowest range that ends above `address`; false: none. */
bool sea_region_above(const char *address, struct sea_region *region);

/* Calls visit() for each range in address order.  The map's lock is held: visit()
 * must not allocate. */
void sea_region_walk(void (*visit)(const struct sea_region *region, void *context), void *context);

/* Bytes of the mapping that the map itself has taken, without its guards. */
size_t sea_region_table_size(void);

/* Claim: in address order, none empty, none overlapping. */
bool sea_region_is_sound(void);

#endif
