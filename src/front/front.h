/* SPDX-License-Identifier: MIT */
/* front.h - the slow paths of the C contract, shared by sea_malloc and malloc
 *
 * Only this room sets errno.
 */
#ifndef SEA_FRONT_H
#define SEA_FRONT_H

#include "front/fast.h"

/* malloc behind its fast path.  Sets errno if out of memory. */
SEA_NOINLINE void *sea_front_alloc_slow(size_t size);

SEA_INLINE void *sea_front_malloc(size_t size) { return sea_fast_alloc(size, sea_front_alloc_slow); }

/* Zeroed memory, behind the fast path.  Sets errno if out of memory. */
SEA_NOINLINE void *sea_front_calloc_slow(size_t size);

/* memset(), a call, clears larger blocks faster. */
#define SEA_CLEAR_HERE_MAX 128

/* A granule as a vector, which one instruction can store. */
typedef uint64_t sea_granule __attribute__((vector_size(16), may_alias));

/* Clears the first `size` bytes of a block, at most SEA_CLEAR_HERE_MAX, and the rest of its last
 * granule.  Works from both ends; the stores may overlap. */
SEA_INLINE void sea_front_clear(void *block, size_t size)
{
	sea_granule *first = block, *last = first + (size - (size > 0)) / sizeof(*first);
	first[0] = last[0] = (sea_granule){0, 0};
	if (last < first + 2)
		return;
	first[1] = last[-1] = (sea_granule){0, 0};
	if (last < first + 4)
		return;
	first[2] = first[3] = last[-2] = last[-3] = (sea_granule){0, 0};
}

SEA_INLINE void *sea_front_calloc(size_t count, size_t size)
{
	size_t total;
	if (unlikely(__builtin_mul_overflow(count, size, &total)))
		return sea_front_calloc_slow(SIZE_MAX);
	if (unlikely(total > SEA_CLEAR_HERE_MAX))
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
