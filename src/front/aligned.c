/* SPDX-License-Identifier: MIT */
/* aligned.c - blocks with an alignment of the caller's choice */
#include <errno.h>

#include "base/bits.h"
#include "base/page_size.h"
#include "engines/engine.h"
#include "page/limit.h"
#include "front/front.h"
#include "seamalloc.h"

static SEA_NOINLINE void *alloc_aligned_slow(size_t align, size_t size)
{
	void *block;
	while (!(block = sea_engine_alloc_aligned(align, size)) && sea_limit_ask(size))
		;
	if (unlikely(!block))
		errno = ENOMEM; /* POSIX leaves it open for posix_memalign; glibc sets it */
	return block;
}

/* Allocates; `align` is a power of two.  Sets errno. */
SEA_INLINE void *alloc_aligned(size_t align, size_t size)
{
	SEA_ASSERT(sea_is_power_of_two(align));
	void *block = sea_fast_pop_aligned(align, size);
	return likely(block) ? block : alloc_aligned_slow(align, size);
}

void *sea_front_alloc_aligned(size_t align, size_t size)
{
	if (!sea_is_power_of_two(align)) {
		errno = EINVAL;
		return NULL;
	}
	return alloc_aligned(align, size);
}

void *sea_aligned_alloc(size_t align, size_t size) { return sea_front_alloc_aligned(align, size); }

/* Rounds the alignment up to a power of two, as glibc does.  Refuses it if there is none. */
void *sea_memalign(size_t align, size_t size)
{
	if (likely(sea_is_power_of_two(align)) || align > SIZE_MAX / 2 + 1)
		return sea_front_alloc_aligned(align, size);
	return sea_front_alloc_aligned((size_t)1 << sea_log2_ceil(align), size);
}

int sea_posix_memalign(void **block, size_t align, size_t size)
{
	if (!sea_is_power_of_two(align) || align % sizeof(void *))
		return EINVAL;
	void *aligned = alloc_aligned(align, size);
	if (unlikely(!aligned))
		return ENOMEM;
	*block = aligned;
	return 0;
}

void *sea_valloc(size_t size) { return sea_front_alloc_aligned(sea_page_size(), size); }

void *sea_pvalloc(size_t size)
{
	size_t page = sea_page_size();
	if (size > PTRDIFF_MAX - page) {
		errno = ENOMEM;
		return NULL;
	}
	return sea_front_alloc_aligned(page, size ? sea_round_up(size, page) : page);
}
