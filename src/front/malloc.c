/* SPDX-License-Identifier: MIT */
/* malloc.c - malloc, calloc, free and their batches */
#include <errno.h>
#include <string.h>

#include "engines/engine.h"
#include "page/limit.h"
#include "front/front.h"
#include "seamalloc.h"

static SEA_NOINLINE void *alloc_or_fail(size_t size)
{
	void *block;
	do
		block = sea_engine_alloc(size);
	while (unlikely(!block) && sea_limit_ask(size));
	if (unlikely(!block))
		errno = ENOMEM;
	return block;
}

void *sea_front_alloc_slow(size_t size)
{
	void *block = sea_fast_pop_more(size);
	return likely(block) ? block : alloc_or_fail(size);
}

void *sea_malloc(size_t size) { return sea_front_malloc(size); }

void sea_free(void *block) { sea_front_free(block); }

void sea_cfree(void *block) { sea_front_free(block); }

void sea_free_sized(void *block, size_t size) { sea_engine_free_as(SEA_KIND_PLAIN, block, size); }

void sea_free_aligned_sized(void *block, size_t align, size_t size)
{
	(void)align;
	sea_free_sized(block, size);
}

static SEA_NOINLINE void *calloc_or_fail(size_t size)
{
	void *block;
	do
		block = sea_engine_alloc_zeroed(size);
	while (unlikely(!block) && sea_limit_ask(size));
	if (unlikely(!block))
		errno = ENOMEM;
	return block;
}

/* What comes from a cache was used before. */
void *sea_front_calloc_slow(size_t size)
{
	void *block = sea_fast_pop(size);
	if (unlikely(!block))
		block = sea_fast_pop_more(size);
	return likely(block) ? memset(block, 0, size) : calloc_or_fail(size);
}

void *sea_calloc(size_t count, size_t size) { return sea_front_calloc(count, size); }

size_t sea_malloc_usable_size(void *block)
{
	return block ? sea_engine_expect_live("malloc_usable_size", block) : 0;
}

size_t sea_good_size(size_t size) { return sea_engine_good_size(size); }

size_t sea_malloc_batch(size_t size, size_t count, void **blocks)
{
	size_t done = 0;
	while (done < count && (blocks[done] = sea_front_malloc(size)))
		done++;
	return done;
}

void sea_free_batch(size_t count, void **blocks)
{
	for (size_t i = 0; i < count; i++)
		sea_front_free(blocks[i]);
}
