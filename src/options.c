/* SPDX-License-Identifier: MIT */
/* options.c - the parser made from options.def (layer 2)
 *
 * O1  An item sets the option that it names, or nothing.
 * O2  What put_value() writes, parse_value() reads as the same value.
 */
#include "options.h"

#include <string.h>

#include "atomic.h"
#include "check.h"
#include "os.h"
#include "text.h"

#define VERSION "0.1.0"

struct sea_options sea_options = {
#define OPTION(name, value, min, max, sentence) .name = (value),
#define CHOICE(name, value, words, sentence) .name = (value),
#include "options.def"
#undef OPTION
#undef CHOICE
};

struct option {
	const char *name;
	const char *words; /* "word|word|...", which the value counts from 0; NULL: a number */
	size_t offset, standard, min, max;
};

static const struct option table[] = {
#define OPTION(name, value, min, max, sentence)                                                    \
	{#name, NULL, offsetof(struct sea_options, name), value, min, max},
#define CHOICE(name, value, words, sentence)                                                       \
	{#name, words, offsetof(struct sea_options, name), value, 0, SIZE_MAX},
#include "options.def"
#undef OPTION
#undef CHOICE
};

#define NR_OPTIONS (sizeof(table) / sizeof(table[0]))

static size_t *place_of(const struct option *option)
{
	return (size_t *)((char *)&sea_options + option->offset);
}

/* --- setting ---------------------------------------------------------------------- */

static const struct option *find(const char *name, size_t length)
{
	for (size_t i = 0; i < NR_OPTIONS; i++)
		if (strlen(table[i].name) == length && !memcmp(table[i].name, name, length))
			return &table[i];
	return NULL;
}

/* Word number n of "word|word|...", and its length; NULL if there are not so many. */
static const char *word_of(const char *words, size_t n, size_t *length)
{
	for (; n && (words = strchr(words, '|')); n--)
		words++;
	*length = words ? strcspn(words, "|") : 0;
	return words;
}

static bool is_in_range(const struct option *option, size_t value)
{
	size_t length;
	if (option->words)
		return word_of(option->words, value, &length);
	return value >= option->min && value <= option->max;
}

static bool set(const struct option *option, size_t value)
{
	if (!is_in_range(option, value))
		return false;
	sea_store_relaxed(place_of(option), value);
	return true;
}

void sea_options_set_nearest(const char *name, size_t value)
{
	const struct option *option = find(name, strlen(name));
	SEA_ASSERT(option && !option->words);
	set(option, sea_min(sea_max(value, option->min), option->max));
}

/* --- values as text ----------------------------------------------------------------- */

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
	if (!sea_text_read_number(&text, end, value))
		return false;
	unsigned shift = text < end ? shift_of_suffix(*text) : 0;
	text += shift > 0;
	return text == end && !__builtin_mul_overflow(*value, (size_t)1 << shift, value);
}

/* Reads [text, end) as one of the words. */
static bool parse_word(const char *words, const char *text, const char *end, size_t *value)
{
	const char *word;
	size_t length;
	for (*value = 0; (word = word_of(words, *value, &length)); ++*value)
		if (length == (size_t)(end - text) && !memcmp(word, text, length))
			return true;
	return false;
}

static bool parse_value(const struct option *option, const char *text, const char *end, size_t *value)
{
	return option->words ? parse_word(option->words, text, end, value) : parse_size(text, end, value);
}

/* A number with the largest suffix. */
static void put_size(struct sea_text *line, size_t value)
{
	static const char *const suffixes[] = {"", "K", "M", "G"};
	unsigned i = 0;
	for (; i < 3 && value && value % SEA_KIB == 0; i++)
		value /= SEA_KIB;
	sea_text_put_number(line, value, 10);
	sea_text_put(line, suffixes[i]);
}

static void put_value(struct sea_text *line, const struct option *option, size_t value)
{
	if (!option->words) {
		put_size(line, value);
		return;
	}
	size_t length;
	const char *word = word_of(option->words, value, &length);
	sea_text_put_bytes(line, word, length);
}

/* --- complaints ---------------------------------------------------------------------- */

/* A longer item is cut. */
#define ITEM_SHOWN 40

static void put_item(struct sea_text *line, const char *item, const char *end)
{
	for (size_t i = 0; i < ITEM_SHOWN && item + i < end; i++)
		sea_text_put_bytes(line, item[i] >= ' ' && item[i] <= '~' ? &item[i] : "?", 1);
}

static void put_reason(struct sea_text *line, const struct option *option)
{
	if (!option) {
		sea_text_put(line, "there is no such option");
	} else if (option->words) {
		sea_text_put(line, "the value is one of ");
		sea_text_put(line, option->words);
	} else {
		sea_text_put(line, "the value is a number from ");
		put_size(line, option->min);
		sea_text_put(line, " to ");
		put_size(line, option->max);
	}
}

/* About a bad item that names `option`, or none. */
static void complain(const char *item, const char *end, const struct option *option)
{
	char buffer[160] = "";
	struct sea_text line = SEA_TEXT_IN(buffer);
	put_item(&line, item, end);
	sea_text_put(&line, ": ");
	put_reason(&line, option);
	if (sea_options.strict)
		sea_fatal("SEAMALLOC_CONF", buffer);
	sea_warn("SEAMALLOC_CONF", buffer);
}

/* --- items ------------------------------------------------------------------------------ */

/* O1.  False if the item is bad, after a complaint if one is wanted. */
static bool take_item(const char *item, const char *end, bool may_complain)
{
	const char *equals = memchr(item, '=', (size_t)(end - item));
	const struct option *option = find(item, (size_t)((equals ? equals : end) - item));
	size_t value;
	if (option && equals && parse_value(option, equals + 1, end, &value) && set(option, value))
		return true;
	if (may_complain)
		complain(item, end, option);
	return false;
}

bool sea_options_parse(const char *text)
{
	bool good = true;
	while (*text) {
		size_t length = strcspn(text, ",");
		if (length)
			good &= take_item(text, text + length, good || sea_options.strict);
		text += length + (text[length] == ',');
	}
	return good;
}

/* Of glibc's variables: a negative number stands for one without limit. */
static void take_alias(const char *variable, const char *option)
{
	const char *text = sea_os_environment(variable);
	size_t value;
	bool is_negative = text && *text == '-';
	if (text && parse_size(text + is_negative, text + strlen(text), &value))
		sea_options_set_nearest(option, is_negative ? SIZE_MAX : value);
}

/* --- at start --------------------------------------------------------------------------- */

/* "name=value,name=value" of all that is not as at first. */
static void put_settings(struct sea_text *line)
{
	const char *separator = "";
	for (size_t i = 0; i < NR_OPTIONS; i++) {
		size_t value = sea_load_relaxed(place_of(&table[i]));
		if (value == table[i].standard)
			continue;
		sea_text_put(line, separator);
		sea_text_put(line, table[i].name);
		sea_text_put(line, "=");
		put_value(line, &table[i], value);
		separator = ",";
	}
}

static void introduce(void)
{
	char buffer[256] = "";
	struct sea_text line = SEA_TEXT_IN(buffer);
	sea_text_put(&line, "version " VERSION ", ");
	put_settings(&line);
	sea_warn("in use", buffer);
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
		introduce();
}
