/* SPDX-License-Identifier: MIT */
/* record.c - records which sizes a program asks for
 *
 * A library for LD_PRELOAD in front of glibc's malloc.  At the end of each process
 * it appends a line "SIZE COUNT" for each size that was requested to the file that
 * SIZES_TO names: sizes up to RECORD_MAX rounded up to 8 bytes, larger ones left
 * out.  sizes/make-table turns such files into sizes.h.
 *
 * realloc() counts with its new size, since that is what an allocator has to place.
 * A process that ends by _exit() or is killed is not recorded.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define STEP 8
#define RECORD_MAX (1 << 20)

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);

static _Atomic unsigned long counts[RECORD_MAX / STEP + 1];

static void record(size_t size)
{
	if (size <= RECORD_MAX)
		atomic_fetch_add_explicit(&counts[(size + STEP - 1) / STEP], 1, memory_order_relaxed);
}

void *malloc(size_t size)
{
	record(size);
	return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	record(count * size);
	return __libc_calloc(count, size);
}

void *realloc(void *block, size_t size)
{
	record(size);
	return __libc_realloc(block, size);
}

static void __attribute__((destructor)) write_counts(void)
{
	const char *path = getenv("SIZES_TO");
	int file = path ? open(path, O_WRONLY | O_CREAT | O_APPEND, 0666) : -1;
	if (file < 0)
		return;
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
		if (counts[i])
			dprintf(file, "%zu %lu\n", i * STEP, counts[i]);
	}
	close(file);
}
