/* SPDX-License-Identifier: MIT */
/* fast.h - the fast paths that the front inlines
 *
 * They are those of the product's cache.  The textbook engines have no cache and no fast
 * path: each call goes to the engine.  SEA_HAS_CACHE says which is built, so that the
 * compiler drops the other.
 */
#ifndef SEA_FAST_H
#define SEA_FAST_H

#include "secure/secure.h"
#include "cache/cache.h"
#include "engines/engine.h"

#ifndef SEA_HAS_CACHE
#define SEA_HAS_CACHE 1
#endif

/* NULL: the slow path must decide. */
SEA_INLINE void *sea_fast_pop(size_t size) { return SEA_HAS_CACHE ? sea_cache_pop(size) : NULL; }

/* `slow` serves what the cache cannot. */
SEA_INLINE void *sea_fast_alloc(size_t size, void *(*slow)(size_t size))
{
	return SEA_HAS_CACHE ? sea_cache_alloc(size, slow) : slow(size);
}

/* For sizes that sea_fast_alloc() does not serve.  NULL: ask sea_engine_alloc(). */
SEA_INLINE void *sea_fast_pop_more(size_t size) { return SEA_HAS_CACHE ? sea_cache_pop_more(size) : NULL; }

/* The same at a multiple of `align`. */
SEA_INLINE void *sea_fast_pop_aligned(size_t align, size_t size)
{
	return SEA_HAS_CACHE ? sea_cache_pop_aligned(align, size) : NULL;
}

/* A small block as it is, or one of another size that the stack has, to which the caller copies
 * `block` and then frees it.  NULL: ask sea_engine_resize(). */
SEA_INLINE void *sea_fast_resize(void *block, size_t *usable, size_t size)
{
	*usable = SEA_HAS_CACHE ? sea_cache_small_size(block) : 0;
	if (unlikely(!*usable))
		return NULL;
	return sea_cache_fits(*usable, size) ? block : sea_cache_pop(size);
}

SEA_INLINE void sea_fast_free(void *block)
{
	if (SEA_HAS_CACHE)
		sea_cache_free(block);
	else
		sea_engine_free(block);
}

/* A free that says how: the fast path does not look at it, `slow` does.  In hardened mode the map
 * shows chunks of heap objects only, so all other blocks go to `slow`. */
SEA_INLINE void sea_fast_free_as(void *block, size_t size, void (*slow)(void *block, size_t size))
{
	if (!SEA_HAS_CACHE || unlikely(!sea_cache_free_within(sea_load_constant(&sea_seams_nr), block, SEA_SIZE_UNTOLD, true)))
		slow(block, size);
}

/* The same through a gate.  While *gate is 0, all blocks go to `slow`. */
SEA_INLINE void sea_fast_free_through(const uintptr_t *gate, void *block, size_t size, void (*slow)(void *block, size_t size))
{
	if (!SEA_HAS_CACHE || unlikely(!sea_cache_free_within(sea_load_constant(gate), block, size, true)))
		slow(block, size);
}

/* Claim: hardened mode is on, which looks at the kinds and sizes of frees. */
SEA_INLINE bool sea_fast_is_secure(void) { return SEA_HAS_CACHE && sea_secure_is_on(); }

/* Opens the gate if there is a seam map. */
SEA_INLINE void sea_fast_open(uintptr_t *gate)
{
	if (SEA_HAS_CACHE)
		sea_store_release(gate, sea_load_acquire(&sea_seams_nr));
}

#endif
