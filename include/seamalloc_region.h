/* SPDX-License-Identifier: MIT */
/* seamalloc_region.h - the region map, and memory that is handed to another process
 *
 * Rules, errors, thread safety and mistakes are those of seamalloc_heap.h.
 */
#ifndef SEAMALLOC_REGION_H
#define SEAMALLOC_REGION_H

#include "seamalloc_heap.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- the map ------------------------------------------------------------------------------ */

enum sea_range_kind {
	SEA_RANGE_AVAILABLE, /* blocks are there, or may be */
	SEA_RANGE_RESERVED,  /* by sea_region_reserve() */
	SEA_RANGE_OCCUPIED,  /* told when the heap was made; our structures; a large block */
};

struct sea_range {
	void *base;
	size_t length; /* bytes */
	enum sea_range_kind kind;
	char label[32]; /* by whom */
};

/* Reserves a range of a heap in brought memory: no block will be there until it is released.  It
 * is rounded outward to 16 bytes.  EINVAL: not such a heap, or outside of it.  EBUSY: a part is in
 * use.  ENOSPC: the heap can note no more ranges (16 with those that are occupied and its own, 64
 * from 1 MiB on).  A reset keeps it; a file remembers it.  Cost: a look at the bitmap. */
SEA_API int sea_region_reserve(sea_heap *heap, void *base, size_t length, const char *label);

/* Ends the reservation that was made with this base.  EINVAL: none was. */
SEA_API int sea_region_release(sea_heap *heap, void *base);

/* Calls visit() for each range of a heap, in address order, until it returns something else than
 * 0, and returns that; else 0.  heap == NULL: the ranges of the whole process that are ours.
 * visit() may call any function. */
SEA_API int sea_region_iterate(sea_heap *heap, int (*visit)(const struct sea_range *range, void *context), void *context);

/* --- handing memory over --------------------------------------------------------------------- */

/* Allocates a block of whole pages that another process can take over.  It is a file without a
 * name (memfd) that is sealed: nobody can shorten it.  A child of a fork does not have it.  It
 * counts in the heap's statistics and quota; sea_heap_free() and free() free it; realloc()
 * copies it into an ordinary block.  EINVAL: the heap is in brought memory.  ENOMEM: out of
 * memory or quota, or the system has no memfd.  Cost: five system calls, a page more than
 * `size`, and a file descriptor. */
SEA_API SEA_SIZED(2) void *sea_region_alloc(sea_heap *heap, size_t size);

/* Takes such a block out of the heap and of the process's address space.  Its contents are in
 * [*offset, *offset + *length) of the file *fd, which the program owns now: it passes it by a UNIX
 * socket (SCM_RIGHTS) with the two numbers, and closes it.  Until somebody imports it, it counts
 * as in transit in this process.  To take it back, import it here.  EINVAL: not a block of
 * sea_region_alloc() or sea_region_import() in this heap.  ENOMEM: out of memory.  Cost: a system
 * call; nothing is copied. */
SEA_API int sea_region_export(sea_heap *heap, void *block, int *fd, size_t *offset, size_t *length);

/* Takes it into a heap of this process, which owns fd from then on (on failure the program does).
 * Returns the block: it can be used, freed, or exported again.  EINVAL: the file is no such
 * region, or was not exported, or somebody has imported it already.  ENOMEM: out of memory or
 * quota.  Cost: five system calls; nothing is copied.
 *
 * Whoever has a copy of the descriptor can still write to the memory: trust between the two is as
 * for any shared memory.  What they write cannot break the heap of either. */
SEA_API void *sea_region_import(sea_heap *heap, int fd, size_t offset, size_t length);

/* Bytes that this process has exported and nobody has imported yet. */
SEA_API size_t sea_region_in_transit(void);

#ifdef __cplusplus
}
#endif
#endif
