/* SPDX-License-Identifier: MIT */
/* text.c - the serial line and the command line */
#include "kernel.h"

#include "base/text.h"

#include <stdarg.h>

const char *command_line = "";

static void print_text(const char *text)
{
	while (*text)
		machine_put(*text++);
}

static void print_number(size_t value, unsigned base)
{
	char digits[24] = "";
	struct sea_text text = SEA_TEXT_IN(digits);
	sea_text_put_number(&text, value, base);
	print_text(digits);
}

void print(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	for (; *format; format++) {
		if (*format != '%') {
			machine_put(*format);
			continue;
		}
		format++;
		if (*format == 's')
			print_text(va_arg(arguments, const char *));
		else
			print_number(va_arg(arguments, size_t), *format == 'x' ? 16 : 10);
	}
	va_end(arguments);
}

/* --- the command line ----------------------------------------------------------------- */

size_t read_number(const char **at)
{
	size_t value = 0;
	const char *suffixes = "KMG", *suffix;
	sea_text_read_number(at, *at + strlen(*at), &value);
	if (!**at || !(suffix = strchr(suffixes, **at)))
		return value;
	++*at;
	return value << 10 * (suffix - suffixes + 1);
}

size_t option(const char **at, const char *name, size_t otherwise)
{
	size_t length = strlen(name);
	for (; **at; ++*at)
		if ((*at == command_line || (*at)[-1] == ' ') && !memcmp(*at, name, length)) {
			*at += length;
			return read_number(at);
		}
	return otherwise;
}
