/* SPDX-License-Identifier: MIT */
/* goal.h - what a case has measured, beside the bound that the project has set itself
 *
 * A bound is asserted for the production engine alone: other allocators run the same
 * programs to be compared.  Where $SEA_TEST_MEASURES names a file, each measurement is
 * added to it as a line of fields between tabs, and nothing is asserted:
 *
 *     goal   what was measured   value   bound   unit
 */
#ifndef SEA_TEST_MEMORY_GOAL_H
#define SEA_TEST_MEMORY_GOAL_H

#include "../harness.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The bound of a figure that is only reported. */
#define NO_BOUND (-1.0)

/* Claim: nothing is asserted, and it may take its time. */
static inline bool goal_is_survey(void) { return getenv("SEA_TEST_MEASURES") != NULL; }

/* Each line by one write(2), so that lines of two processes do not mix. */
static inline void goal_report(const char *goal, const char *what, double value, double bound, const char *unit)
{
	char line[256];
	const char *path = getenv("SEA_TEST_MEASURES");
	test_note("%s: %.3f %s (bound: %.3f)\n", what, value, unit, bound);
	if (path == NULL)
		return;
	int length = snprintf(line, sizeof(line), "%s\t%s\t%.3f\t%.3f\t%s\n", goal, what, value, bound, unit);
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	CHECK(fd >= 0 && length < (int)sizeof(line) && write(fd, line, (size_t)length) == length);
	close(fd);
}

/* `holds` is what is asserted: the bound itself, or more where the bound is missed today. */
static inline void goal_holding(const char *goal, const char *what, double value, double bound, double holds,
				const char *unit)
{
	goal_report(goal, what, value, bound, unit);
	if (!goal_is_survey() && test_engine() == SEAM && value > holds)
		test_fail(__FILE__, __LINE__, "%s is %.3f %s, may be at most %.3f", what, value, unit, holds);
}

static inline void goal_at_most(const char *goal, const char *what, double value, double bound, const char *unit)
{
	goal_holding(goal, what, value, bound, bound, unit);
}

static inline double in_mib(size_t bytes) { return (double)bytes / (double)MiB; }

static inline double in_kib(size_t bytes) { return (double)bytes / (double)KiB; }

#endif
