/* SPDX-License-Identifier: MIT */
/* compare.c - `seamalloc compare`: hands over to the Python modules */
#include "commands.h"
#include "paths.h"
#include "say.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Isolated from the user's Python modules, without site packages and byte code. */
#define OPTIONS_OF_PYTHON "-ISB"
/* Arguments: the folder of the modules, this command's own path, and the user's. */
#define START "import sys; sys.path.insert(0, sys.argv[1]); import compare; compare.start(sys.argv[2], sys.argv[3:])"
#define COUNT_BEFORE_ARGUMENTS 6

int command_compare(char **argv)
{
	size_t count = 0;

	while (argv[count])
		count++;
	char **made = calloc(COUNT_BEFORE_ARGUMENTS + count + 1, sizeof(*made));

	if (made == NULL)
		refuse(REFUSED, "out of memory");
	made[0] = text("python3");
	made[1] = text(OPTIONS_OF_PYTHON);
	made[2] = text("-c");
	made[3] = text(START);
	made[4] = text("%s", paths_modules());
	made[5] = text("%s", paths_own_file());
	memcpy(made + COUNT_BEFORE_ARGUMENTS, argv, count * sizeof(*made));
	execvp(made[0], made);
	if (errno == ENOENT)
		refuse(REFUSED, "compare needs python3 (3.9 or later), and there is none in PATH; run, check and status do not");
	refuse(REFUSED, "python3: %s", strerror(errno));
}
