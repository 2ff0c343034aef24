/* SPDX-License-Identifier: MIT */
/* front.h - the C contract's slow ends, shared by sea_malloc and malloc
 *
 * The only room that sets errno.
 */
#ifndef SEA_FRONT_H
#define SEA_FRONT_H

#include "front/fast.h"

/* malloc past its fast path: sets errno where there is no memory. */
SEA_NOINLINE void *sea_front_alloc_slow(size_t size);

SEA_INLINE void *sea_front_malloc(size_t size) { return sea_fast_alloc(size, sea_front_alloc_slow); }

/* Zeroed memory past the fast path: sets errno where there is none. */
SEA_NOINLINE void *sea_front_calloc_slow(size_t size);

/* Larger blocks are cleared faster by memset(), a call. */
#define SEA_CLEAR_HERE_MAX 128

/* A granule, as the compiler can store it at once. */
typedef uint64_t sea_granule __attribute__((vector_size(16), may_alias));

/* Clears the first `size` bytes of a block, up to SEA_CLEAR_HERE_MAX, and what its last
 * granule has beyond: from both ends, so that the stores may overlap. */
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

/* Called when the process ends in order: notices late mistakes, and reports. */
void sea_front_end(void);

/* Prints statistics if the option `stats` asks for them, and it can do no harm. */
void sea_front_report_end(void);

#endif
