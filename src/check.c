/* SPDX-License-Identifier: MIT */
/* check.c - the way out (layer 1)
 *
 * A line is put together on the stack and written with one call: the heap may be
 * broken, so nothing here may need it.
 */
#include "check.h"

#include <string.h>

#include "os.h"

struct line {
	size_t length;
	char text[320];
};

static void put_char(struct line *line, char c)
{
	if (line->length < sizeof(line->text) - 1)
		line->text[line->length++] = c;
}

static void put(struct line *line, const char *text)
{
	while (*text)
		put_char(line, *text++);
}

static void put_number(struct line *line, size_t value, unsigned base)
{
	char digits[24];
	size_t n = 0;
	do
		digits[n++] = "0123456789abcdef"[value % base];
	while (value /= base);
	while (n)
		put_char(line, digits[--n]);
}

static void put_template(struct line *line, const char *text, const size_t numbers[2])
{
	size_t used = 0;
	for (; *text; text++) {
		if (text[0] == '%' && text[1] == 'z' && used < 2) {
			put_number(line, numbers[used++], 10);
			text++;
		} else {
			put_char(line, *text);
		}
	}
}

static void finish(struct line *line)
{
	line->text[line->length++] = '\n';
	sea_os_report(line->text, line->length);
}

void sea_warn(const char *what, const char *text)
{
	struct line line = {0};
	put(&line, "seamalloc: ");
	put(&line, what);
	put(&line, ": ");
	put(&line, text);
	finish(&line);
}

void sea_fatal(const char *what, const char *text)
{
	sea_warn(what, text);
	sea_os_abort();
}

void sea_fatal_block(const char *verb, const void *block, const char *text, size_t first, size_t second)
{
	struct line line = {0};
	put(&line, "seamalloc: ");
	put(&line, verb);
	put(&line, " of 0x");
	put_number(&line, (uintptr_t)block, 16);
	put(&line, ": ");
	put_template(&line, text, (const size_t[2]){first, second});
	finish(&line);
	sea_os_abort();
}

void sea_check_failed(const char *claim, const char *file, int line_number)
{
	struct line line = {0};
	put(&line, "seamalloc: heap corrupted: ");
	put(&line, claim);
	put(&line, " does not hold (");
	const char *base = strrchr(file, '/');
	put(&line, base ? base + 1 : file);
	put(&line, ":");
	put_number(&line, (size_t)line_number, 10);
	put(&line, ")");
	finish(&line);
	sea_os_abort();
}
