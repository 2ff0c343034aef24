/* SPDX-License-Identifier: MIT */
/* seam/fast.h - the production engine's inline paths (layer 9) */
#ifndef SEA_FAST_H
#define SEA_FAST_H

#include "cache.h"

/* NULL: only the slow path can tell. */
SEA_INLINE void *sea_fast_pop(size_t size) { return sea_cache_pop(size); }

SEA_INLINE void *sea_fast_pop_aligned(size_t align, size_t size) { return sea_cache_pop_aligned(align, size); }

/* `slow` serves what this cannot. */
SEA_INLINE void *sea_fast_alloc(size_t size, void *(*slow)(size_t size)) { return sea_cache_alloc(size, slow); }

/* For what sea_fast_alloc() has left over; NULL: sea_engine_alloc() may have it. */
SEA_INLINE void *sea_fast_pop_more(size_t size) { return sea_cache_pop_more(size); }

SEA_INLINE void sea_fast_free(void *block) { sea_cache_free(block); }

/* A free behind a gate, which is shut while it is 0: `slow` takes what does not get through. */
SEA_INLINE void sea_fast_free_through(const uintptr_t *gate, void *block, void (*slow)(void *block))
{
	sea_cache_free_within(sea_load_settled(gate), block, slow);
}

/* Stays shut while there is no seam map. */
SEA_INLINE void sea_fast_open(uintptr_t *gate) { sea_store_release(gate, sea_load_acquire(&sea_seams_nr)); }

#endif
