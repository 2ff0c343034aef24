/* SPDX-License-Identifier: MIT */
/* options.h - what the user can set
 *
 * Set once while the process starts (sources.h says from where), read without a lock ever
 * after.  mallopt() may change a value later: fields are whole words, readers see the old or
 * the new one.
 */
#ifndef SEA_OPTIONS_H
#define SEA_OPTIONS_H

#include "base/compiler.h"

struct sea_options {
#define OPTION(name, value, min, max, sentence) size_t name;
#define DURATION(name, value, max, sentence) size_t name;
#define CHOICE(name, value, words, sentence) size_t name;
#include "base/options.def"
#undef OPTION
#undef DURATION
#undef CHOICE
};

extern SEA_HIDDEN struct sea_options sea_options;

/* Where settings stand, for complaints. */
struct sea_origin {
	const char *name; /* of a variable, or the path of a file */
	size_t line;	  /* in the file; 0: it is none */
	size_t nr_complaints;
};

/* Applies "name=value,name=value" and warns once a call about what it cannot
 * understand; false if there was anything. */
bool sea_options_parse(const char *text, struct sea_origin *origin);

/* One line about something else that cannot be understood: the text (may be empty), why, and what
 * comes of it.  Ends the process if the option `strict` says so. */
void sea_options_complain(struct sea_origin *origin, const char *text, const char *why, const char *result);

/* Sets an option that takes numbers to the value, or to the nearest that it takes. */
void sea_options_set_nearest(const char *name, size_t value);

/* The same with a number as text; a negative one stands for one without limit, and what is no
 * number for nothing. */
void sea_options_take_number(const char *name, const char *text);

/* One line: the version, and the settings that are not as at first. */
void sea_options_introduce(void);

#endif
