/* SPDX-License-Identifier: MIT */
/* wrapper.h - the program that a shell script is a wrapper around
 *
 * Many programs are installed as a script that sets variables and ends with
 *
 *	exec "$DIR/program" "$@"
 *
 * The shell has our malloc then, and the program need not.  The script is not run to
 * find that out; its text is read.  What counts is a command that comes behind `exec`
 * or is given "$@", and whose name, with the variables that the script has set to
 * plain texts before, is a file that can be executed.
 */
#ifndef WRAPPER_H
#define WRAPPER_H

/* The ELF file that the script at `path`, and a script which it starts, ends up in; NULL
 * if it is no shell script or does not tell. */
const char *wrapper_target(const char *path);

#endif
