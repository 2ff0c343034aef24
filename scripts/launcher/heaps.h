/* SPDX-License-Identifier: MIT */
/* heaps.h - whether a part of a program would keep another allocator
 *
 * A program that is linked to an allocator may take functions from it that the
 * preloaded one does not have: then each of the two is given blocks of the other.
 */
#ifndef HEAPS_H
#define HEAPS_H

#include <stdbool.h>

/* Whether `binary` is linked to an allocator, by the names in its file. */
bool heaps_are_likely(const char *binary);

/* Why `binary` would have two heaps, though `library` is preloaded; NULL: it would not.
 * The rest of a sentence on the program.  Asks the loader, which takes a millisecond. */
const char *heaps_two(const char *binary, const char *library);

#endif
