/* SPDX-License-Identifier: MIT */
/* front.h - the C contract's slow ends, shared by sea_malloc and malloc (layer 10)
 *
 * The only layer that sets errno.
 */
#ifndef SEA_FRONT_H
#define SEA_FRONT_H

#include "fast.h"

/* malloc past its fast path: sets errno where there is no memory. */
SEA_NOINLINE void *sea_front_alloc_slow(size_t size);

SEA_INLINE void *sea_front_malloc(size_t size) { return sea_fast_alloc(size, sea_front_alloc_slow); }

SEA_INLINE void sea_front_free(void *block) { sea_fast_free(block); }

/* Aligned to the power of two `align`, or NULL with errno set. */
void *sea_front_alloc_aligned(size_t align, size_t size);

/* Called once the C library works: options, fork handlers. */
void sea_front_start(void);

#endif
