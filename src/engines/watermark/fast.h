/* SPDX-License-Identifier: MIT */
/* watermark/fast.h - the inline paths of an engine that has none (layer 9) */
#ifndef SEA_FAST_H
#define SEA_FAST_H

#include "engine.h"

SEA_INLINE void *sea_fast_pop(size_t size)
{
	(void)size;
	return NULL;
}

SEA_INLINE void *sea_fast_pop_aligned(size_t align, size_t size)
{
	(void)align;
	(void)size;
	return NULL;
}

SEA_INLINE void *sea_fast_alloc(size_t size, void *(*slow)(size_t size)) { return slow(size); }

SEA_INLINE void *sea_fast_pop_more(size_t size) { return sea_fast_pop(size); }

SEA_INLINE void sea_fast_free(void *block) { sea_engine_free(block); }

/* A free behind a gate, which is shut while it is 0: `slow` takes what does not get through. */
SEA_INLINE void sea_fast_free_through(const uintptr_t *gate, void *block, void (*slow)(void *block))
{
	(void)gate;
	slow(block);
}

SEA_INLINE void sea_fast_open(uintptr_t *gate) { (void)gate; }

#endif
