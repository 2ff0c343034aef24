/* SPDX-License-Identifier: MIT */
/* mistake.h - reporting a mistake of the program */
#ifndef SEA_MISTAKE_H
#define SEA_MISTAKE_H

#include "base/compiler.h"

/* `block` is no live block.  Finds out what it is, reports it in one line and ends the process.
 * `verb` is what the program tried to do with it. */
SEA_COLD _Noreturn void sea_mistake(const char *verb, const void *block);

/* The free chunk `block` links to `next`, which is no free chunk: the program wrote to one of the
 * two.  `block` is NULL if the origin of the link is not known.  Reports it in one line and ends
 * the process. */
SEA_COLD _Noreturn void sea_mistake_link(const void *block, const void *next);

/* The live block of `size` usable bytes is freed as one of `told` bytes. */
SEA_COLD _Noreturn void sea_mistake_size(const void *block, size_t told, size_t size);

#endif
