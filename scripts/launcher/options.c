/* SPDX-License-Identifier: MIT */
/* options.c - the options of a command, in front of what it is to work on */
#include "options.h"
#include "say.h"
#include <string.h>

/* The option that an argument names, or NULL. */
static const struct option_of *find(const char *argument, const struct option_of *known, size_t count)
{
	size_t length = strcspn(argument, "=");

	for (size_t i = 0; i < count; i++)
		if (strlen(known[i].name) == length && strncmp(known[i].name, argument, length) == 0)
			return &known[i];
	return NULL;
}

static void put(const char *command, const struct option_of *option, const char *value)
{
	size_t used = 0;

	while (used < option->room && option->values[used])
		used++;
	if (used == option->room && option->room > 1)
		misused("%s: too many of --%s", command, option->name);
	option->values[used == option->room ? used - 1 : used] = value;
}

char **options_read(const char *command, char **argv, const struct option_of *known, size_t count)
{
	for (; *argv && **argv == '-' && (*argv)[1]; argv++) {
		const char *argument = *argv;

		if (strcmp(argument, "--") == 0)
			return argv + 1;
		if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0)
			return NULL;
		const struct option_of *option = strncmp(argument, "--", 2) == 0 ? find(argument + 2, known, count) : NULL;

		if (option == NULL)
			misused("%s: no option is called %s", command, argument);
		const char *value = strchr(argument, '=');

		value = value ? value + 1 : *++argv;
		if (value == NULL)
			misused("%s: %s needs a value", command, argument);
		put(command, option, value);
	}
	return argv;
}
