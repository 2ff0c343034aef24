/* SPDX-License-Identifier: MIT */
/* spots.h - which ranges a heap object has, and who has which part of brought memory */
#ifndef SEA_NAMED_SPOTS_H
#define SEA_NAMED_SPOTS_H

#include "named/plot.h"

enum sea_spot_kind { SEA_SPOT_AVAILABLE, SEA_SPOT_RESERVED, SEA_SPOT_OCCUPIED };

struct sea_spot {
	char *base;
	size_t length;
	enum sea_spot_kind kind;
	char label[SEA_NAME_ROOM];
};

/* The lowest range that ends above `from`; false: there is none. */
bool sea_named_next_spot(uint64_t handle, const char *verb, const char *from, struct sea_spot *spot);

enum sea_reserved { SEA_RESERVED, SEA_RESERVED_IN_USE, SEA_RESERVED_NO_ROOM, SEA_RESERVED_INVALID };

/* Reserves a range of brought memory, rounded outward to granules. */
enum sea_reserved sea_named_reserve(uint64_t handle, const char *verb, char *base, size_t length, const char *label);

/* Ends that.  False: no reserved range starts there. */
bool sea_named_unreserve(uint64_t handle, const char *verb, char *base);

/* Claim: the heap is in brought memory. */
bool sea_named_is_brought(uint64_t handle, const char *verb);

/* The root of a heap in brought memory.  False: it is not in such memory.  Ends the process if
 * `block`, not NULL, is no live block of it. */
bool sea_named_set_root(uint64_t handle, const char *verb, void *block);
void *sea_named_root(uint64_t handle, const char *verb);

#endif
