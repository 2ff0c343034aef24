/* SPDX-License-Identifier: MIT */
/* say.c - texts, and the ways in which a command ends without doing its work */
#define _GNU_SOURCE
#include "say.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* vasprintf() that ends the program where there is no memory. */
static char *text_of(const char *format, va_list values)
{
	char *made;

	if (vasprintf(&made, format, values) < 0) {
		fputs("seamalloc: out of memory\n", stderr);
		exit(REFUSED);
	}
	return made;
}

char *text(const char *format, ...)
{
	va_list values;

	va_start(values, format);
	char *made = text_of(format, values);

	va_end(values);
	return made;
}

const char *file_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

void refuse(int status, const char *format, ...)
{
	va_list values;

	va_start(values, format);
	fflush(stdout);
	fprintf(stderr, "seamalloc: %s\n", text_of(format, values));
	va_end(values);
	exit(status);
}

void misused(const char *format, ...)
{
	va_list values;

	va_start(values, format);
	char *made = text_of(format, values);

	va_end(values);
	refuse(USAGE, "%s (seamalloc --help tells more)", made);
}

void warn(const char *format, ...)
{
	va_list values;

	va_start(values, format);
	fprintf(stderr, "seamalloc: warning: %s\n", text_of(format, values));
	va_end(values);
}
