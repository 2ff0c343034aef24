/* SPDX-License-Identifier: MIT */
/* realloc.c - blocks that change their size */
#include <errno.h>

#include "engines/engine.h"
#include "page/limit.h"
#include "front/front.h"
#include "seamalloc.h"

static SEA_NOINLINE void *free_by_realloc(void *block)
{
	sea_engine_expect_live("realloc", block);
	sea_front_free(block);
	return NULL;
}

static SEA_NOINLINE void *resize_or_fail(void *block, size_t size)
{
	void *resized;
	do
		resized = sea_engine_resize(block, size);
	while (unlikely(!resized) && sea_limit_ask(size));
	if (unlikely(!resized))
		errno = ENOMEM;
	return resized;
}

/* Moves a small block to a chunk that the stack has. */
static SEA_NOINLINE void *move_small(void *fresh, void *block, size_t size)
{
	sea_front_copy(fresh, block, size);
	sea_engine_free(block);
	return fresh;
}

static SEA_NOINLINE void *resize_small(void *block, size_t size)
{
	size_t usable;
	if (unlikely(!size))
		return free_by_realloc(block);
	void *fresh = sea_fast_resize(block, &usable, size);
	if (fresh == block)
		return block;
	return likely(fresh) ? move_small(fresh, block, sea_min(usable, size)) : resize_or_fail(block, size);
}

/* A realloc() that is a malloc() needs no stack frame. */
void *sea_realloc(void *block, size_t size) { return block ? resize_small(block, size) : sea_front_malloc(size); }

void *sea_reallocarray(void *block, size_t count, size_t size)
{
	size_t total;
	if (__builtin_mul_overflow(count, size, &total)) {
		errno = ENOMEM;
		return NULL;
	}
	return sea_realloc(block, total);
}

bool sea_expand(void *block, size_t size) { return sea_engine_expand(block, size); }
