/* SPDX-License-Identifier: MIT */
/* effect.h - whether a preloaded library takes effect in a program, or why not
 *
 * It does when the program is dynamically linked, for the library's machine and C
 * library, does not start with raised privileges (AT_SECURE), and does not define
 * malloc itself.
 *
 * A reason is the rest of a sentence whose subject is the program; NULL: there is none.
 */
#ifndef EFFECT_H
#define EFFECT_H

#include "elf_file.h"

/* Why no library at all takes effect in `binary`, when this user executes it.  A
 * binary that may be executed but not read passes: nothing is known of it. */
const char *effect_why_never(const char *binary);

/* Why `library` does not, in the headers of the two. */
const char *effect_mismatch(const char *binary, const char *library);

/* The same, of files that have been read, for a library of that name. */
const char *effect_mismatch_of(const struct elf *program, const struct elf *library, const char *name);

/* Why none does, in the program's file alone. */
const char *effect_why_never_in(const struct elf *program);

#endif
