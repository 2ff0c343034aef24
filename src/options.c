/* SPDX-License-Identifier: MIT */
/* options.c - the parser made from options.def (layer 2) */
#include "options.h"

#include <string.h>

#include "atomic.h"
#include "check.h"
#include "os.h"

struct sea_options sea_options = {
#define OPTION(name, value, min, max, sentence) .name = (value),
#include "options.def"
#undef OPTION
};

struct option {
	const char *name;
	size_t offset, min, max;
};

static const struct option table[] = {
#define OPTION(name, value, min, max, sentence) {#name, offsetof(struct sea_options, name), min, max},
#include "options.def"
#undef OPTION
};

bool sea_options_set(const char *name, size_t length, size_t value)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct option *option = &table[i];
		if (strlen(option->name) != length || memcmp(option->name, name, length))
			continue;
		if (value < option->min || value > option->max)
			return false;
		sea_store_relaxed((size_t *)((char *)&sea_options + option->offset), value);
		return true;
	}
	return false;
}

static unsigned shift_of_suffix(char c)
{
	switch (c) {
	case 'k': case 'K': return 10;
	case 'm': case 'M': return 20;
	case 'g': case 'G': return 30;
	default: return 0;
	}
}

/* Reads [text, end) as a number with an optional suffix. */
static bool parse_size(const char *text, const char *end, size_t *value)
{
	size_t sum = 0;
	if (text == end)
		return false;
	unsigned shift = shift_of_suffix(end[-1]);
	if (shift && --end == text)
		return false;
	for (; text < end; text++) {
		if (*text < '0' || *text > '9' || __builtin_mul_overflow(sum, 10, &sum) ||
		    __builtin_add_overflow(sum, (size_t)(*text - '0'), &sum))
			return false;
	}
	return !__builtin_mul_overflow(sum, (size_t)1 << shift, value);
}

static bool parse_item(const char *item, const char *end)
{
	const char *equals = memchr(item, '=', (size_t)(end - item));
	size_t value;
	return equals && parse_size(equals + 1, end, &value) &&
	       sea_options_set(item, (size_t)(equals - item), value);
}

static void complain(const char *item, size_t length)
{
	char text[96] = "not an option with a value in range, ignored: ";
	size_t used = strlen(text);
	size_t room = sizeof(text) - 1 - used;
	for (size_t i = 0; i < length && i < room; i++)
		text[used + i] = item[i] >= ' ' && item[i] <= '~' ? item[i] : '?';
	if (sea_options.strict)
		sea_fatal("SEAMALLOC_CONF", text);
	sea_warn("SEAMALLOC_CONF", text);
}

bool sea_options_parse(const char *text)
{
	bool good = true;
	while (*text) {
		size_t length = strcspn(text, ",");
		if (length && !parse_item(text, text + length)) {
			if (good)
				complain(text, length);
			good = false;
		}
		text += length + (text[length] == ',');
	}
	return good;
}

static void take_alias(const char *variable, const char *option)
{
	const char *text = sea_os_environment(variable);
	size_t value;
	if (text && parse_size(text, text + strlen(text), &value))
		sea_options_set(option, strlen(option), value);
}

void sea_options_load(void)
{
	static uint32_t is_loaded;
	if (sea_os_is_secure() || !sea_os_has_environment() || !sea_swap_if(&is_loaded, 0, 1))
		return;
	take_alias("MALLOC_ARENA_MAX", "shards");
	take_alias("MALLOC_TRIM_THRESHOLD_", "dirty_max");
	const char *text = sea_os_environment("SEAMALLOC_CONF");
	if (text)
		sea_options_parse(text);
	if (sea_options.verbose)
		sea_warn("in use", "version 0.1.0");
}
