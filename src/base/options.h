/* SPDX-License-Identifier: MIT */
/* options.h - what the user can set
 *
 * Options are set while the process starts (sources.h says from where) and then read
 * without a lock.  mallopt() may change a value later.  Fields are whole words, so readers
 * see the old or the new value.
 */
#ifndef SEA_OPTIONS_H
#define SEA_OPTIONS_H

#include "base/compiler.h"

struct sea_options {
#define OPTION(name, value, min, max, sentence) size_t name;
#define DURATION(name, value, max, sentence) size_t name;
#define RATE(name, value, max, sentence) size_t name;
#define CHOICE(name, value, words, sentence) size_t name;
#include "base/options.def"
#undef OPTION
#undef DURATION
#undef RATE
#undef CHOICE
};

extern SEA_HIDDEN struct sea_options sea_options;

/* The place of a setting, for complaints. */
struct sea_origin {
	const char *name; /* the name of a variable, or the path of a file */
	size_t line;	  /* in the file; 0: not a file */
	size_t nr_complaints;
};

/* Applies "name=value,name=value".  Warns once in a call about what it cannot understand, and
 * returns false then. */
bool sea_options_parse(const char *text, struct sea_origin *origin);

/* Prints one line about another thing that cannot be understood: the text (may be empty), the
 * reason, and the result.  Ends the process if the option `strict` is set. */
void sea_options_complain(struct sea_origin *origin, const char *text, const char *why, const char *result);

/* Sets an option that takes numbers to the value, or to the nearest value that it takes. */
void sea_options_set_nearest(const char *name, size_t value);

/* The same with a number as text.  A negative number means no limit.  Other text is ignored. */
void sea_options_take_number(const char *name, const char *text);

/* Prints one line: the version, and the options that differ from their defaults. */
void sea_options_introduce(void);

#endif
