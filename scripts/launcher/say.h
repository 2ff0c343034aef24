/* SPDX-License-Identifier: MIT */
/* say.h - texts, and the ways in which a command ends without doing its work
 *
 * Exit statuses follow env(1) and timeout(1), so that a caller can tell our refusal
 * from the status of the program that we were to run.
 *
 * Nothing in this program gives memory back: it ends soon, or becomes another program.
 */
#ifndef SAY_H
#define SAY_H

enum { USAGE = 2, REFUSED = 125, NOT_EXECUTABLE = 126, NOT_FOUND = 127 };

#define LIKE_PRINTF(which, first) __attribute__((format(printf, which, first)))

/* A new text. */
char *text(const char *format, ...) LIKE_PRINTF(1, 2);

/* What follows the last slash. */
const char *file_name(const char *path);

/* One line on standard error, and the end. */
_Noreturn void refuse(int status, const char *format, ...) LIKE_PRINTF(2, 3);

/* The same for a command line that makes no sense. */
_Noreturn void misused(const char *format, ...) LIKE_PRINTF(1, 2);

/* One line on standard error. */
void warn(const char *format, ...) LIKE_PRINTF(1, 2);

#endif
