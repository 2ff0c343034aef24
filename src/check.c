/* SPDX-License-Identifier: MIT */
/* check.c - the way out (layer 1)
 *
 * A line is put together on the stack and written with one call: the heap may be
 * broken, so nothing here may need it.
 */
#include "check.h"

#include <string.h>

#include "os.h"
#include "text.h"

/* A longer line is cut. */
#define LINE_ROOM 320

static void put_template(struct sea_text *line, const char *text, const size_t numbers[2])
{
	size_t used = 0;
	for (; *text; text++) {
		if (text[0] == '%' && text[1] == 'z' && used < 2) {
			sea_text_put_number(line, numbers[used++], 10);
			text++;
		} else {
			sea_text_put_bytes(line, text, 1);
		}
	}
}

static void finish(struct sea_text *line)
{
	line->buffer[line->length] = '\n';
	sea_os_report(line->buffer, line->length + 1);
}

void sea_warn(const char *what, const char *text)
{
	char buffer[LINE_ROOM] = "";
	struct sea_text line = SEA_TEXT_IN(buffer);
	sea_text_put(&line, "seamalloc: ");
	sea_text_put(&line, what);
	sea_text_put(&line, ": ");
	sea_text_put(&line, text);
	finish(&line);
}

void sea_fatal(const char *what, const char *text)
{
	sea_warn(what, text);
	sea_os_abort();
}

void sea_fatal_block(const char *verb, const void *block, const char *text, size_t first, size_t second)
{
	char buffer[LINE_ROOM] = "";
	struct sea_text line = SEA_TEXT_IN(buffer);
	sea_text_put(&line, "seamalloc: ");
	sea_text_put(&line, verb);
	sea_text_put(&line, " of 0x");
	sea_text_put_number(&line, (uintptr_t)block, 16);
	sea_text_put(&line, ": ");
	put_template(&line, text, (const size_t[2]){first, second});
	finish(&line);
	sea_os_abort();
}

void sea_check_failed(const char *claim, const char *file, int line_number)
{
	char buffer[LINE_ROOM] = "";
	struct sea_text line = SEA_TEXT_IN(buffer);
	sea_text_put(&line, "seamalloc: heap corrupted: ");
	sea_text_put(&line, claim);
	sea_text_put(&line, " does not hold (");
	const char *base = strrchr(file, '/');
	sea_text_put(&line, base ? base + 1 : file);
	sea_text_put(&line, ":");
	sea_text_put_number(&line, (size_t)line_number, 10);
	sea_text_put(&line, ")");
	finish(&line);
	sea_os_abort();
}
