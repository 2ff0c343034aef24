/* SPDX-License-Identifier: MIT */
/* target.h - which file a command line runs
 *
 * A script counts as the interpreter that its first line names, and env(1), there or
 * on the command line, as the program that it starts.
 */
#ifndef TARGET_H
#define TARGET_H

#include <stdbool.h>

struct target {
	const char *path;	/* the file to execute */
	char **argv;		/* its arguments, [0] as typed */
	const char *binary;	/* the ELF file that will hold the process */
	bool is_text;		/* neither ELF nor #!: path is /bin/sh, argv[1] the file */
};

/* What `argv` would execute; refuses it where that is nothing. */
struct target target_of(char **argv);

/* The subject of a sentence on the program: "./job runs /usr/bin/python3, which", or its path. */
const char *target_subject(const struct target *target);

/* A file that was looked for: `path`, or NULL, and then status and why. */
struct found {
	const char *path;
	int status;
	const char *why;
};

/* The file that execvp(3) would execute for `name`. */
struct found target_find(const char *name);

/* Follows #! lines from `path` to the file that is no script. */
struct found target_binary(const char *path);

#endif
