/* SPDX-License-Identifier: MIT */
/* words.h - words as env(1) and a shell cut them, and the program among them */
#ifndef WORDS_H
#define WORDS_H

/* Cuts the word at *line off, without its quotes, and moves *line behind it; NULL at the
 * end of the line.  A word ends at a space and, outside of quotes, at any of `ends`. */
char *words_next(const char **line, const char *ends);

/* The program among the arguments of env(1): behind options and assignments; or NULL. */
const char *words_program(char **words);

/* The program in what follows `#!/usr/bin/env`, or NULL.  The kernel passes one
 * argument; env(1) cuts it into words after -S only. */
const char *words_of_env(const char *argument);

#endif
