/* SPDX-License-Identifier: MIT */
/* realloc.c - blocks that change their size */
#include <errno.h>

#include "engines/engine.h"
#include "page/limit.h"
#include "front/front.h"
#include "seamalloc.h"

void *sea_realloc(void *block, size_t size)
{
	if (!block)
		return sea_front_malloc(size);
	if (!size) {
		sea_engine_expect_live("realloc", block);
		sea_front_free(block);
		return NULL;
	}
	void *resized;
	do
		resized = sea_engine_resize(block, size);
	while (unlikely(!resized) && sea_limit_ask(size));
	if (unlikely(!resized))
		errno = ENOMEM;
	return resized;
}

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
