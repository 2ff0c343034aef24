/* SPDX-License-Identifier: MIT */
/* loader.h - which libraries the loader would map for a program, without running it */
#ifndef LOADER_H
#define LOADER_H

/* The paths in the order in which symbols are searched, ended by NULL, for `binary`
 * with `preload` as LD_PRELOAD (NULL: what the environment has).  The program itself,
 * which comes before them, is not among them.  None where the loader cannot tell:
 * musl's, or that of another machine. */
char **loader_list(const char *binary, const char *preload);

#endif
