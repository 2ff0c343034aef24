/* SPDX-License-Identifier: MIT */
/* vector_with_malloc.c - the same program with a malloc of its own, which never frees
 *
 * It has four functions, as a program has that is linked with an allocator of another kind.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "vector.c"

enum { POOL = 64 * 1024 * 1024, HEADER = 16 };

static _Alignas(16) char pool[POOL];
static size_t used;

static size_t *size_of(void *block)
{
	return (size_t *)((char *)block - HEADER);
}

void *malloc(size_t size)
{
	size_t length = HEADER + ((size + 15) & ~(size_t)15);
	if (size > POOL || length > POOL - used)
		return NULL;
	char *block = pool + used + HEADER;
	used += length;
	*size_of(block) = size;
	return block;
}

void free(void *block)
{
	(void)block;
}

/* The pool is zero at first, and nothing of it is used twice. */
void *calloc(size_t count, size_t size)
{
	return size > 0 && count > SIZE_MAX / size ? NULL : malloc(count * size);
}

void *realloc(void *block, size_t size)
{
	void *moved = malloc(size);
	if (block == NULL || moved == NULL)
		return moved;
	return memcpy(moved, block, *size_of(block) < size ? *size_of(block) : size);
}
