/* SPDX-License-Identifier: MIT */
/* jemalloc.c - the functions that jemalloc has beside malloc, on this heap
 *
 * A program that is linked to libjemalloc takes malloc() from whoever comes first, and
 * mallocx() from libjemalloc: two heaps, and each is given blocks of the other.  So
 * these names are ours as well.  mallctl.c has the questions.
 *
 * A flag chooses an alignment and zeroed memory.  Arenas and thread caches are accepted
 * and mean nothing here: there is one heap.  errno is left alone.
 */
#include <string.h>

#include "base/bits.h"
#include "map/map.h"
#include "engines/engine.h"
#include "front/front.h"
#include "seamalloc.h"

#define EXPORT __attribute__((visibility("default"), used))

/* Bits of `flags`, as programs were compiled with them: log2 of the alignment, zeroed
 * memory, and from bit 8 on the thread cache and the arena. */
#define FLAG_LG_ALIGN 0x3f
#define FLAG_ZERO 0x40

EXPORT void *mallocx(size_t size, int flags);
EXPORT void *rallocx(void *block, size_t size, int flags);
EXPORT size_t xallocx(void *block, size_t size, size_t extra, int flags);
EXPORT size_t sallocx(const void *block, int flags);
EXPORT void dallocx(void *block, int flags);
EXPORT void sdallocx(void *block, size_t size, int flags);
EXPORT size_t nallocx(size_t size, int flags);

static size_t align_of(int flags) { return (size_t)1 << (flags & FLAG_LG_ALIGN); }

/* Asks for what nallocx() says, which a guarded block has too then. */
static SEA_NOINLINE void *alloc_slow(size_t size)
{
	void *block = sea_fast_pop_more(size);
	size_t usable = sea_engine_good_size(size);
	return likely(block) || !usable ? block : sea_engine_alloc(usable);
}

/* Zeroed to the last usable byte: a later rallocx() clears only what is behind it. */
static void *alloc_zeroed(size_t size)
{
	size_t usable = sea_engine_good_size(size);
	return usable ? sea_engine_alloc_zeroed(usable) : NULL;
}

static void clear_behind(char *block, size_t first)
{
	size_t usable = sea_malloc_usable_size(block);
	if (first < usable)
		memset(block + first, 0, usable - first);
}

/* As large as without an alignment at least, so that nallocx() is right. */
static void *alloc_aligned(size_t size, int flags)
{
	size_t usable = sea_engine_good_size(size);
	void *block = usable ? sea_engine_alloc_aligned(align_of(flags), usable) : NULL;
	if (block && flags & FLAG_ZERO)
		clear_behind(block, 0);
	return block;
}

static void *alloc_with(size_t size, int flags)
{
	return align_of(flags) > SEA_GRANULE ? alloc_aligned(size, flags) : alloc_zeroed(size);
}

EXPORT void *mallocx(size_t size, int flags)
{
	/* The smallest alignments are those of every block. */
	if (likely(!(flags & FLAG_ZERO) && align_of(flags) <= SEA_GRANULE))
		return sea_fast_alloc(size, alloc_slow);
	return alloc_with(size, flags);
}

static void *move_aligned(void *block, size_t usable, size_t size, int flags)
{
	void *moved = alloc_aligned(size, flags & FLAG_LG_ALIGN);
	if (!moved)
		return NULL;
	memcpy(moved, block, sea_min(usable, size));
	sea_front_free(block);
	return moved;
}

/* Claim: the block would not be half empty.  In hardened mode its size has to be what was asked
 * for last: sdallocx() says that. */
static bool may_stay(const void *block, size_t usable, size_t size)
{
	if (size < usable && sea_fast_is_secure() && sea_secure_has(block))
		return false;
	return size > usable / 2;
}

/* A block with an alignment stays where it is if it fits. */
static void *resize_aligned(void *block, size_t usable, size_t size, int flags)
{
	bool is_aligned = !((uintptr_t)block & (align_of(flags) - 1));
	if (is_aligned && may_stay(block, usable, size) && sea_engine_expand(block, size))
		return block;
	return move_aligned(block, usable, size, flags);
}

EXPORT void *rallocx(void *block, size_t size, int flags)
{
	if (!block)
		return mallocx(size, flags);
	size_t usable = sea_engine_expect_live("rallocx", block);
	void *resized = align_of(flags) > SEA_GRANULE ? resize_aligned(block, usable, size, flags)
						      : sea_engine_resize(block, sea_max(size, 1));
	if (resized && flags & FLAG_ZERO)
		clear_behind(resized, usable);
	return resized;
}

EXPORT size_t xallocx(void *block, size_t size, size_t extra, int flags)
{
	size_t usable = sea_engine_expect_live("xallocx", block), most;
	if (__builtin_add_overflow(size, extra, &most))
		most = SIZE_MAX;
	if (!sea_engine_expand(block, most))
		sea_engine_expand(block, size);
	if (flags & FLAG_ZERO)
		clear_behind(block, usable);
	return sea_malloc_usable_size(block);
}

EXPORT size_t sallocx(const void *block, int flags)
{
	(void)flags;
	return sea_engine_expect_live("sallocx", block);
}

EXPORT void dallocx(void *block, int flags)
{
	(void)flags;
	sea_front_free(block);
}

EXPORT void sdallocx(void *block, size_t size, int flags)
{
	(void)flags;
	sea_free_sized(block, size);
}

EXPORT size_t nallocx(size_t size, int flags)
{
	(void)flags;
	return sea_engine_good_size(size);
}
