/* SPDX-License-Identifier: MIT */
/* options.h - what the user can set (layer 2)
 *
 * Set once while the process starts, from SEAMALLOC_CONF="name=value,name=value",
 * read without a lock ever after.  Options named in glibc's variables
 * MALLOC_ARENA_MAX and MALLOC_TRIM_THRESHOLD_ keep their meaning.  mallopt() may
 * change a value later: fields are whole words, readers see the old or the new one.
 */
#ifndef SEA_OPTIONS_H
#define SEA_OPTIONS_H

#include "compiler.h"

struct sea_options {
#define OPTION(name, value, min, max, sentence) size_t name;
#define CHOICE(name, value, words, sentence) size_t name;
#include "options.def"
#undef OPTION
#undef CHOICE
};

extern SEA_HIDDEN struct sea_options sea_options;

/* Reads the environment, unless it is not to be trusted, the first time it is called
 * when there is one; until then the defaults hold. */
void sea_options_load(void);

/* Applies "name=value,name=value" and warns once a call about what it cannot
 * understand; false if there was anything. */
bool sea_options_parse(const char *text);

/* Sets an option that takes numbers to the value, or to the nearest that it takes. */
void sea_options_set_nearest(const char *name, size_t value);

#endif
