/* SPDX-License-Identifier: MIT */
/* handle.h - what the public functions share: handles and errors
 *
 * This room sets errno, as front/ does.
 */
#ifndef SEA_HEAPS_HANDLE_H
#define SEA_HEAPS_HANDLE_H

#include <errno.h>

#include "base/emergency.h"
#include "base/lock.h"
#include "named/named.h"
#include "page/limit.h"
#include "seamalloc_heap.h"

SEA_INLINE uint64_t sea_handle_of(const sea_heap *heap) { return (uintptr_t)heap; }

SEA_INLINE sea_heap *sea_handle_public(const struct sea_named *named)
{
	return (sea_heap *)(uintptr_t)sea_load_relaxed(&named->handle);
}

static inline void *sea_fail(int error)
{
	errno = error;
	return NULL;
}

#endif
