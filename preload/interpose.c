/* SPDX-License-Identifier: MIT */
/* interpose.c - the standard names in C (names only)
 *
 * All of glibc's malloc.o is defined here and in cxx.c, so that a static link takes
 * nothing from it.  What takes a block that malloc() or realloc() gave goes on by name:
 * another may have these, and its blocks are its own (docs/design.md, Names).
 */
#include <errno.h>
#include <stdlib.h>

#include "front/front.h"
#include "seamalloc.h"

#define EXPORT __attribute__((visibility("default"), used))

/* Declared by no header of this C library. */
EXPORT void cfree(void *block);
EXPORT void free_sized(void *block, size_t size);
EXPORT void free_aligned_sized(void *block, size_t align, size_t size);
EXPORT void *__libc_malloc(size_t size);
EXPORT void *__libc_calloc(size_t count, size_t size);
EXPORT void *__libc_realloc(void *block, size_t size);
EXPORT void __libc_free(void *block);
EXPORT void __libc_cfree(void *block);
EXPORT void *__libc_memalign(size_t align, size_t size);
EXPORT void *__libc_valloc(size_t size);
EXPORT void *__libc_pvalloc(size_t size);
EXPORT void *__libc_reallocarray(void *block, size_t count, size_t size);
EXPORT int __posix_memalign(void **block, size_t align, size_t size);
EXPORT struct mallinfo __libc_mallinfo(void);
EXPORT int __libc_mallopt(int param, int value);

EXPORT void *malloc(size_t size) { return sea_front_malloc(size); }
EXPORT void free(void *block) { sea_front_free(block); }
EXPORT void *calloc(size_t count, size_t size) { return sea_front_calloc(count, size); }
EXPORT void *realloc(void *block, size_t size) { return sea_realloc(block, size); }

EXPORT void *reallocarray(void *block, size_t count, size_t size)
{
	size_t total;
	if (!__builtin_mul_overflow(count, size, &total))
		return realloc(block, total);
	errno = ENOMEM;
	return NULL;
}
EXPORT void cfree(void *block) { free(block); }

/* The size is looked at if the block is ours.  It is not where a tool has replaced malloc and
 * free, but not this function: valgrind does so in the code, and the names do not show it. */
extern void our_free(void *block) __THROW __attribute__((alias("free"), visibility("hidden")));

/* Clang assumes that two names are two functions: without the second line it would not compare. */
static inline bool free_is_ours(void)
{
	uintptr_t ours = (uintptr_t)our_free;
	sea_compute_now(ours);
	return (uintptr_t)free == ours;
}

EXPORT void free_sized(void *block, size_t size)
{
	if (free_is_ours() && sea_engine_has(block))
		sea_engine_free_as(SEA_KIND_PLAIN, block, size);
	else
		free(block);
}
EXPORT void free_aligned_sized(void *block, size_t align, size_t size) { (void)align, free_sized(block, size); }

EXPORT void *aligned_alloc(size_t align, size_t size) { return sea_aligned_alloc(align, size); }
EXPORT void *memalign(size_t align, size_t size) { return sea_memalign(align, size); }
EXPORT int posix_memalign(void **block, size_t align, size_t size) { return sea_posix_memalign(block, align, size); }
EXPORT void *valloc(size_t size) { return sea_valloc(size); }
EXPORT void *pvalloc(size_t size) { return sea_pvalloc(size); }

EXPORT size_t malloc_usable_size(void *block) { return sea_malloc_usable_size(block); }
EXPORT int malloc_trim(size_t keep) { return sea_malloc_trim(keep); }
EXPORT struct mallinfo mallinfo(void) { return sea_mallinfo(); }
EXPORT struct mallinfo2 mallinfo2(void) { return sea_mallinfo2(); }
EXPORT int malloc_info(int options, FILE *stream) { return sea_malloc_info(options, stream); }
EXPORT void malloc_stats(void) { sea_malloc_stats(); }
EXPORT int mallopt(int param, int value) { return sea_mallopt(param, value); }

EXPORT void *__libc_malloc(size_t size) { return sea_front_malloc(size); }
EXPORT void *__libc_calloc(size_t count, size_t size) { return sea_calloc(count, size); }
EXPORT void *__libc_realloc(void *block, size_t size) { return sea_realloc(block, size); }
EXPORT void __libc_free(void *block) { sea_front_free(block); }
EXPORT void __libc_cfree(void *block) { sea_front_free(block); }
EXPORT void *__libc_memalign(size_t align, size_t size) { return sea_memalign(align, size); }
EXPORT void *__libc_valloc(size_t size) { return sea_valloc(size); }
EXPORT void *__libc_pvalloc(size_t size) { return sea_pvalloc(size); }
EXPORT void *__libc_reallocarray(void *block, size_t count, size_t size)
{
	return reallocarray(block, count, size);
}
EXPORT int __posix_memalign(void **block, size_t align, size_t size) { return sea_posix_memalign(block, align, size); }
EXPORT struct mallinfo __libc_mallinfo(void) { return sea_mallinfo(); }
EXPORT int __libc_mallopt(int param, int value) { return sea_mallopt(param, value); }
