/* SPDX-License-Identifier: MIT */
/* large.h - blocks with pages of their own
 *
 * A large block lies between two pages without access and ends at the second, so an overflow traps
 * at the first granule behind it.  A freed one has no memory and no access for a while.
 */
#ifndef SEA_LARGE_H
#define SEA_LARGE_H

#include "base/kind.h"

/* Allocates `size` bytes, which read as zero.  NULL: out of memory. */
void *sea_large_alloc(size_t align, size_t size, enum sea_kind kind);

/* The same for a block that is small.  NULL also if there are guards enough. */
void *sea_large_alloc_apart(size_t align, size_t size, enum sea_kind kind);

/* What an address is to this file. */
enum sea_large_what { SEA_LARGE_ELSEWHERE, SEA_LARGE_LIVE, SEA_LARGE_FREED, SEA_LARGE_INSIDE };
struct sea_large_view {
	enum sea_large_what what;
	size_t size;   /* of a live block, or of the block around the address */
	size_t offset; /* in that block */
	enum sea_kind kind;
};

/* Looks for the block that starts at `address`.  Ends the process if the bytes around it were
 * written to; `verb` is what the program wants to do.  Takes no lock in a signal handler that has
 * interrupted the heap. */
struct sea_large_view sea_large_find(const char *verb, const void *address);

/* The same for reports: also blocks around the address.  Cost: all large blocks.  In such a
 * handler it finds none. */
struct sea_large_view sea_large_around(const void *address);

/* Frees a live block.  False: another thread was faster. */
bool sea_large_free(void *block);

/* Makes a live block `size` bytes long in place.  False: it cannot. */
bool sea_large_resize(void *block, size_t size);

/* A block for one of `size` bytes that grows: it has room to grow in place to twice the size. */
void *sea_large_alloc_to_grow(size_t size, enum sea_kind kind);

/* Gives up the freed blocks that are kept from reuse. */
void sea_large_trim(void);

/* Calls sea_large_find() for each block, for an audit.  The only thread. */
void sea_large_audit(void);

/* Sums over all runs, in bytes. */
struct sea_large_sums {
	size_t live;   /* in live blocks */
	size_t closed; /* without access */
};
struct sea_large_sums sea_large_sum(void);

/* Claim: LG1 to LG3 of large.c. */
bool sea_large_is_sound(void);

#endif
