/* SPDX-License-Identifier: MIT */
/* allocator.h - whose malloc an ELF file has, by its symbols and texts */
#ifndef ALLOCATOR_H
#define ALLOCATOR_H

#include "elf_file.h"
#include <stdbool.h>

struct allocator {
	const char *name;	/* "seamalloc", "glibc", "jemalloc" ...; NULL: not recognised */
	const char *version;	/* NULL: not known */
	const char *engine;	/* of seamalloc; else NULL */
};

/* The allocator in `file`, which is called `path`. */
struct allocator allocator_in(const struct elf *file, const char *path);

/* An allocator in a program under names of its own, as je_malloc, by its texts; the name is
 * NULL where there is none. */
struct allocator allocator_beside(const struct elf *program, const char *path);

/* "seamalloc 0.1.0 (engine seam)", "glibc 2.36", "an allocator of its own". */
const char *allocator_in_words(const struct allocator *allocator);

bool allocator_is_ours(const struct allocator *allocator);

/* Whether a library of that name is known to be an allocator. */
bool allocator_is_name(const char *library);

#endif
