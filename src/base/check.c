/* SPDX-License-Identifier: MIT */
/* check.c - the fatal report
 *
 * The line is built on the stack and written with one call: the heap may be broken, so nothing
 * here uses it.
 *
 * Then abort() runs the program's handler of SIGABRT, which may do anything: it allocates, opens
 * files, forks.  So the thread first drops its locks and stops using the heap; from then on
 * emergency.h serves it.  Other threads go on.  If the handler makes a mistake itself, it is not
 * called again.
 */
#include "base/check.h"

#include <string.h>

#include "base/lock.h"
#include "base/os.h"
#include "base/text.h"
#include "base/upward.h"

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

static void leave_heap(void)
{
	sea_lock_give_up();
	sea_engine_retreat();
}

void sea_fatal_end(void)
{
	if (sea_lock_gave_up())
		sea_os_die();
	sea_os_abort(leave_heap);
}

void sea_fatal(const char *what, const char *text)
{
	sea_warn(what, text);
	sea_fatal_end();
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
	sea_fatal_end();
}

void sea_fatal_foreign(const char *verb, const void *block)
{
	if (sea_os_is_on_stack(__builtin_frame_address(0), block))
		sea_fatal_block(verb, block, "this is not memory of this heap: it lies on the stack", 0, 0);
	sea_fatal_block(verb, block, "this is not memory of this heap (static data, another allocator, or no pointer)",
			0, 0);
}

void sea_fatal_inside(const char *verb, const void *block, size_t offset, size_t size)
{
	sea_fatal_block(verb, block, "this points inside a block, %z bytes behind the start of a block of %z bytes",
			offset, size);
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
	sea_fatal_end();
}
