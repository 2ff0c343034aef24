/* SPDX-License-Identifier: MIT */
/* options.h - the options of a command, in front of what it is to work on */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

/* An option with a value: --name=VALUE or --name VALUE. */
struct option_of {
	const char *name;
	const char **values;	/* NULL behind the last */
	size_t room;		/* in `values`; of a single one the last counts */
};

/* Reads the options at the start of `argv`, up to `--` or the first that is none;
 * `command` is for the error.  Returns what is left; NULL if --help was among them. */
char **options_read(const char *command, char **argv, const struct option_of *known, size_t count);

#endif
