/* SPDX-License-Identifier: MIT */
/* sources.c - where settings come from
 *
 * A file has a setting on each line, and sections by the name of a program:
 *
 *    # for all programs
 *    dirty_max = 16M
 *
 *    [redis-server]
 *    thp = always
 *
 * It is read while the process starts and never later, in pieces and without allocating: only one
 * piece and one line are in memory.
 *
 * SO1  A line that is not understood, or is not for this program, sets nothing.
 */
#include "base/sources.h"

#include <string.h>

#include "base/atomic.h"
#include "base/check.h"
#include "base/options.h"
#include "base/os.h"
#include "base/text.h"

#define STANDARD_FILE "/etc/seamalloc.conf"
/* Bytes.  Two hundred programs with ten settings each fit. */
#define MAX_FILE (64 * SEA_KIB)
#define PIECE 1024
/* Bytes of a line without its comment: a file name of 255 bytes in brackets, and blanks. */
#define MAX_LINE 320

/* The program may define it: like the user's settings, which override it.  It is found if the
 * linker has seen this library, or with -rdynamic. */
extern const char *seamalloc_conf __attribute__((weak));

/* --- a file ---------------------------------------------------------------------------- */

struct reader {
	struct sea_origin origin;
	char buffer[MAX_LINE];
	struct sea_text line; /* the line so far */
	bool is_comment;      /* the rest of the line is a comment */
	bool is_ours;	      /* the section is for this program */
};

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

/* Removes blanks at both ends. */
static void trim(const char **text, const char **end)
{
	while (*text < *end && is_blank(**text))
		++*text;
	while (*text < *end && is_blank((*end)[-1]))
		--*end;
}

static void put_trimmed(struct sea_text *to, const char *text, const char *end)
{
	trim(&text, &end);
	sea_text_put_bytes(to, text, (size_t)(end - text));
}

/* Passes "name = value" to the parser as "name=value". */
static void take_setting(struct reader *reader, const char *text, const char *end)
{
	char buffer[MAX_LINE] = "";
	struct sea_text setting = SEA_TEXT_IN(buffer);
	const char *equals = memchr(text, '=', (size_t)(end - text));
	put_trimmed(&setting, text, equals ? equals : end);
	if (equals) {
		sea_text_put(&setting, "=");
		put_trimmed(&setting, equals + 1, end);
	}
	sea_options_parse(buffer, &reader->origin);
}

/* "[name]" */
static void enter_section(struct reader *reader, const char *text, const char *end)
{
	const char *name = text + 1, *behind = end - 1;
	reader->is_ours = false;
	if (behind < name || *behind != ']') {
		sea_options_complain(&reader->origin, text, "a section begins with [name]",
				     "what follows is ignored up to the next section");
		return;
	}
	trim(&name, &behind);
	const char *program = sea_os_program();
	reader->is_ours = strlen(program) == (size_t)(behind - name) && !memcmp(program, name, strlen(program));
}

/* SO1 */
static void take_line(struct reader *reader)
{
	const char *text = reader->buffer, *end = text + reader->line.length;
	trim(&text, &end);
	if (text == end)
		return;
	reader->buffer[end - reader->buffer] = '\0';
	if (*text == '[')
		enter_section(reader, text, end);
	else if (reader->line.is_cut)
		sea_options_complain(&reader->origin, text, "the line is too long", "it is ignored");
	else if (reader->is_ours)
		take_setting(reader, text, end);
}

static void end_line(struct reader *reader)
{
	reader->origin.line++;
	take_line(reader);
	sea_text_shorten(&reader->line, 0);
	reader->is_comment = false;
}

static void take_byte(struct reader *reader, char c)
{
	if (c == '\n')
		end_line(reader);
	else if (c == '#')
		reader->is_comment = true;
	else if (!reader->is_comment)
		sea_text_put_bytes(&reader->line, c ? &c : "?", 1); /* 0 would hide what follows */
}

static void take_file(int file, const char *path)
{
	struct reader reader = {.origin = {.name = path}, .is_ours = true};
	char piece[PIECE];
	size_t total = 0, length;
	reader.line = (struct sea_text)SEA_TEXT_IN(reader.buffer);
	while (total <= MAX_FILE && (length = sea_os_read(file, piece, sizeof(piece))) > 0) {
		for (size_t i = 0; i < length && total + i < MAX_FILE; i++)
			take_byte(&reader, piece[i]);
		total += length;
	}
	if (total <= MAX_FILE)
		end_line(&reader);
	else
		sea_options_complain(&reader.origin, "", "the file is longer than 64K", "the rest is ignored");
}

/* The standard file may be missing, and a sandbox may hide it. */
static void take_file_at(const char *path, bool is_named)
{
	int file;
	const char *why = NULL;
	switch (sea_os_open(path, &file)) {
	case SEA_OPENED:
		take_file(file, path);
		sea_os_close(file);
		return;
	case SEA_NO_PERMISSION: why = "there is no permission to read it"; break;
	case SEA_NO_FILE: why = is_named ? "there is no such file" : NULL; break;
	case SEA_NOT_REGULAR: why = "it is not a regular file"; break;
	case SEA_NOT_OPENED: why = is_named ? "it cannot be opened" : NULL; break;
	}
	struct sea_origin origin = {.name = path};
	if (why)
		sea_options_complain(&origin, "", why, "it is not used");
}

static void take_named_file(void)
{
	const char *named = sea_os_environment("SEAMALLOC_CONF_FILE");
	if (!named)
		take_file_at(STANDARD_FILE, false);
	else if (*named)
		take_file_at(named, true);
}

/* --- the rest -------------------------------------------------------------------------- */

static void take_string(const char *name, const char *text)
{
	struct sea_origin origin = {.name = name};
	if (text)
		sea_options_parse(text, &origin);
}

static void take_number(const char *option, const char *variable)
{
	const char *text = sea_os_environment(variable);
	if (text)
		sea_options_take_number(option, text);
}

static void take_environment(void)
{
	take_number("shards", "MALLOC_ARENA_MAX");
	take_number("dirty_max", "MALLOC_TRIM_THRESHOLD_");
	take_string("SEAMALLOC_CONF", sea_os_environment("SEAMALLOC_CONF"));
}

bool sea_sources_load(void)
{
	static uint32_t state;
	enum { UNREAD, BEING_READ, READ };
	if (!sea_os_has_environment())
		return false;
	if (!sea_swap_if(&state, (uint32_t)UNREAD, (uint32_t)BEING_READ))
		return sea_load_acquire(&state) == READ;
	bool is_trusted = !sea_os_is_secure();
	if (is_trusted)
		take_named_file();
	take_string("seamalloc_conf", &seamalloc_conf ? seamalloc_conf : NULL);
	if (is_trusted)
		take_environment();
	if (sea_options.verbose)
		sea_options_introduce();
	if (sea_options.stats)
		sea_os_note_error();
	sea_store_release(&state, (uint32_t)READ);
	return true;
}
