/* SPDX-License-Identifier: MIT */
/* front.h - the slow paths of the C contract, shared by sea_malloc and malloc
 *
 * Only this room sets errno.
 */
#ifndef SEA_FRONT_H
#define SEA_FRONT_H

#include <string.h>

#include "base/granule.h"
#include "front/fast.h"

/* malloc behind its fast path.  Sets errno if out of memory. */
SEA_NOINLINE void *sea_front_alloc_slow(size_t size);

SEA_INLINE void *sea_front_malloc(size_t size) { return sea_fast_alloc(size, sea_front_alloc_slow); }

/* Zeroed memory of more than SEA_CLEAR_HERE_MAX bytes, or behind the fast path.  Sets errno if
 * out of memory. */
SEA_NOINLINE void *sea_front_calloc_slow(size_t size);

/* Larger blocks are copied faster by memcpy(), which is a call, and cleared faster by memset(). */
#define SEA_COPY_HERE_MAX (SEA_GRANULE_CLEAR_MAX / 2)

/* Clears the first `size` bytes of a block, at most SEA_GRANULE_CLEAR_MAX, and the
 * rest of its last granule. */
SEA_INLINE void sea_front_clear(void *block, size_t size)
{
	sea_granule *first = block;
	sea_granule_clear(first, first + (size - (size > 0)) / sizeof(*first));
}

/* Copies `size` bytes, at least one, from block to block, and the rest of their last granule.
 * Works from both ends; what is copied may overlap. */
SEA_INLINE void sea_front_copy(void *to, const void *from, size_t size)
{
	sea_granule *first = to;
	const sea_granule *source = from;
	size_t last = (size - 1) / sizeof(*first);
	if (size > SEA_COPY_HERE_MAX) {
		sea_compute_now(size); /* or gcc, which knows a bound, copies by `rep movs` */
		memcpy(to, from, size);
		return;
	}
	first[0] = source[0];
	first[last] = source[last];
	if (last < 2)
		return;
	first[1] = source[1];
	first[last - 1] = source[last - 1];
}

SEA_INLINE void *sea_front_calloc(size_t count, size_t size)
{
	size_t total;
	if (unlikely(__builtin_mul_overflow(count, size, &total)))
		return sea_front_calloc_slow(SIZE_MAX);
	if (unlikely(total > SEA_GRANULE_CLEAR_MAX))
		return sea_front_calloc_slow(total);
	void *block = sea_fast_pop(total);
	if (unlikely(!block))
		return sea_front_calloc_slow(total);
	sea_front_clear(block, total);
	return block;
}

SEA_INLINE void sea_front_free(void *block) { sea_fast_free(block); }

/* Aligned to the power of two `align`, or NULL with errno set. */
void *sea_front_alloc_aligned(size_t align, size_t size);

/* Called when the process exits normally: finds late mistakes, and reports. */
void sea_front_end(void);

/* Prints statistics if the option `stats` is set and printing does no harm. */
void sea_front_report_end(void);

#endif
