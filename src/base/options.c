/* SPDX-License-Identifier: MIT */
/* options.c - the parser made from options.def
 *
 * O1  An item sets the option that it names, or nothing.  A complaint about it says what is used.
 * O2  What put_value() writes, parse_value() reads as the same value.
 */
#include "base/options.h"

#include <string.h>

#include "base/atomic.h"
#include "base/check.h"
#include "base/text.h"

#define VERSION "0.1.0"

struct sea_options sea_options = {
#define OPTION(name, value, min, max, sentence) .name = (value),
#define DURATION(name, value, max, sentence) .name = (value),
#define RATE(name, value, max, sentence) .name = (value),
#define CHOICE(name, value, words, sentence) .name = (value),
#include "base/options.def"
#undef OPTION
#undef DURATION
#undef RATE
#undef CHOICE
};

/* What a number counts. */
enum unit { BYTES, SECONDS, RATES };

struct option {
	const char *name;
	const char *words; /* "word|word|...", whose indices are the values; NULL: a number */
	size_t offset, standard, min, max;
	enum unit unit;
};

static const struct option table[] = {
#define OPTION(name, value, min, max, sentence)                                                    \
	{#name, NULL, offsetof(struct sea_options, name), value, min, max, BYTES},
#define DURATION(name, value, max, sentence)                                                       \
	{#name, NULL, offsetof(struct sea_options, name), value, 0, max, SECONDS},
#define RATE(name, value, max, sentence)                                                           \
	{#name, NULL, offsetof(struct sea_options, name), value, 0, max, RATES},
#define CHOICE(name, value, words, sentence)                                                       \
	{#name, words, offsetof(struct sea_options, name), value, 0, SIZE_MAX, BYTES},
#include "base/options.def"
#undef OPTION
#undef DURATION
#undef RATE
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

/* Word number n of "word|word|...", and its length.  NULL: there are fewer words. */
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

/* Reads [text, end) as a number of seconds. */
static bool parse_duration(const char *text, const char *end, size_t *value)
{
	if (!sea_text_read_number(&text, end, value))
		return false;
	return text == end || (end - text == 1 && *text == 's');
}

/* Reads [text, end) as a rate. */
static bool parse_rate(const char *text, const char *end, size_t *value)
{
	*value = 0;
	return (end - text == 3 && !memcmp(text, "off", 3)) || parse_size(text, end, value);
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
	if (option->words)
		return parse_word(option->words, text, end, value);
	switch (option->unit) {
	case SECONDS: return parse_duration(text, end, value);
	case RATES: return parse_rate(text, end, value);
	default: return parse_size(text, end, value);
	}
}

/* Writes a number with the largest suffix. */
static void put_size(struct sea_text *line, size_t value)
{
	static const char *const suffixes[] = {"", "K", "M", "G"};
	unsigned i = 0;
	for (; i < 3 && value && value % SEA_KIB == 0; i++)
		value /= SEA_KIB;
	sea_text_put_number(line, value, 10);
	sea_text_put(line, suffixes[i]);
}

static void put_number(struct sea_text *line, const struct option *option, size_t value)
{
	if (option->unit == SECONDS) {
		sea_text_put_number(line, value, 10);
		sea_text_put(line, "s");
	} else if (option->unit == RATES && !value) {
		sea_text_put(line, "off");
	} else {
		put_size(line, value);
	}
}

static void put_value(struct sea_text *line, const struct option *option, size_t value)
{
	if (!option->words) {
		put_number(line, option, value);
		return;
	}
	size_t length;
	const char *word = word_of(option->words, value, &length);
	SEA_ASSERT(word);
	sea_text_put_bytes(line, word, length);
}

/* --- complaints ---------------------------------------------------------------------- */

/* Longer texts are cut. */
#define ITEM_SHOWN 40
#define ORIGIN_SHOWN 120
/* Complaints about one origin at most.  With more, it is probably not a file of settings. */
#define MAX_COMPLAINTS 8

static void put_shown(struct sea_text *line, const char *text, size_t length, size_t most)
{
	for (size_t i = 0; i < length && i < most; i++)
		sea_text_put_bytes(line, text[i] >= ' ' && text[i] <= '~' ? &text[i] : "?", 1);
}

/* "SEAMALLOC_CONF" or "/etc/seamalloc.conf:7". */
static void put_origin(struct sea_text *line, const struct sea_origin *origin)
{
	put_shown(line, origin->name, strlen(origin->name), ORIGIN_SHOWN);
	if (origin->line) {
		sea_text_put(line, ":");
		sea_text_put_number(line, origin->line, 10);
	}
}

static void say(struct sea_origin *origin, const char *text)
{
	char buffer[ORIGIN_SHOWN + 24] = "";
	struct sea_text name = SEA_TEXT_IN(buffer);
	put_origin(&name, origin);
	if (sea_options.strict)
		sea_fatal(buffer, text);
	if (origin->nr_complaints++ < MAX_COMPLAINTS)
		sea_warn(buffer, text);
}

void sea_options_complain(struct sea_origin *origin, const char *text, const char *why, const char *result)
{
	char buffer[160] = "";
	struct sea_text line = SEA_TEXT_IN(buffer);
	put_shown(&line, text, strlen(text), ITEM_SHOWN);
	sea_text_put(&line, *text ? ": " : "");
	sea_text_put(&line, why);
	sea_text_put(&line, "; ");
	sea_text_put(&line, sea_options.strict ? "strict=1 ends the process" : result);
	say(origin, buffer);
}

/* An item and its parts. */
struct item {
	const char *text, *end;
	const struct option *option; /* the option that it names, or NULL */
	const char *value;	     /* behind the =, or without one behind the colon; or NULL */
	bool has_colon;
};

static void put_setting(struct sea_text *line, const struct option *option)
{
	sea_text_put(line, option->name);
	sea_text_put(line, "=");
	put_value(line, option, sea_load_relaxed(place_of(option)));
}

static void put_reason(struct sea_text *line, const struct item *item)
{
	SEA_ASSERT(!item->has_colon || item->value);
	const struct option *option = item->option;
	if (!option) {
		sea_text_put(line, "there is no such option; ");
	} else if (item->has_colon) {
		sea_text_put(line, "did you mean ");
		sea_text_put(line, option->name);
		sea_text_put(line, "=");
		put_shown(line, item->value, (size_t)(item->end - item->value), ITEM_SHOWN);
		sea_text_put(line, "? ");
	} else if (option->words) {
		sea_text_put(line, "the value is one of ");
		sea_text_put(line, option->words);
		sea_text_put(line, "; ");
	} else {
		sea_text_put(line, option->unit == RATES ? "the value is off or a number from " : "the value is a number from ");
		put_number(line, option, option->unit == RATES ? 1 : option->min);
		sea_text_put(line, " to ");
		put_number(line, option, option->max);
		sea_text_put(line, "; ");
	}
}

static void put_result(struct sea_text *line, const struct option *option)
{
	if (sea_options.strict) {
		sea_text_put(line, "strict=1 ends the process");
	} else if (option) {
		put_setting(line, option);
		sea_text_put(line, " is used");
	} else {
		sea_text_put(line, "it is ignored");
	}
}

static void complain_about(const struct item *item, struct sea_origin *origin)
{
	char buffer[200] = "";
	struct sea_text line = SEA_TEXT_IN(buffer);
	put_shown(&line, item->text, (size_t)(item->end - item->text), ITEM_SHOWN);
	sea_text_put(&line, ": ");
	put_reason(&line, item);
	put_result(&line, item->option);
	say(origin, buffer);
}

/* --- items ------------------------------------------------------------------------------ */

static struct item cut(const char *text, const char *end)
{
	SEA_ASSERT(text <= end);
	struct item item = {.text = text, .end = end};
	const char *behind = memchr(text, '=', (size_t)(end - text));
	if (!behind) {
		behind = memchr(text, ':', (size_t)(end - text));
		item.has_colon = behind != NULL;
	}
	const char *name_end = behind ? behind : end;
	item.value = behind ? behind + 1 : NULL;
	while (item.has_colon && name_end > text && name_end[-1] == ' ')
		name_end--;
	while (item.has_colon && item.value < end && *item.value == ' ')
		item.value++;
	item.option = find(text, (size_t)(name_end - text));
	return item;
}

/* Claim: the item is a name alone, of a switch: that turns it on. */
static bool turns_on(const struct item *item)
{
	const struct option *option = item->option;
	return option && !item->value && !option->words && option->unit == BYTES && option->max == 1;
}

/* O1.  False: the item is bad, and a complaint was made if it may complain. */
static bool take_item(const struct item *item, struct sea_origin *origin, bool may_complain)
{
	size_t value;
	if (turns_on(item))
		return set(item->option, 1);
	if (item->option && item->value && !item->has_colon &&
	    parse_value(item->option, item->value, item->end, &value) && set(item->option, value))
		return true;
	if (may_complain)
		complain_about(item, origin);
	return false;
}

bool sea_options_parse(const char *text, struct sea_origin *origin)
{
	bool good = true;
	while (*text) {
		size_t length = strcspn(text, ",");
		struct item item = cut(text, text + length);
		if (length)
			good &= take_item(&item, origin, good || sea_options.strict);
		text += length + (text[length] == ',');
	}
	return good;
}

void sea_options_take_number(const char *name, const char *text)
{
	size_t value;
	bool is_negative = *text == '-';
	if (parse_size(text + is_negative, text + strlen(text), &value))
		sea_options_set_nearest(name, is_negative ? SIZE_MAX : value);
}

/* --- for people to read ---------------------------------------------------------------- */

/* "name=value,name=value" of all options that differ from their defaults. */
static void put_settings(struct sea_text *line)
{
	const char *separator = "";
	for (size_t i = 0; i < NR_OPTIONS; i++) {
		if (sea_load_relaxed(place_of(&table[i])) == table[i].standard)
			continue;
		sea_text_put(line, separator);
		put_setting(line, &table[i]);
		separator = ",";
	}
}

void sea_options_introduce(void)
{
	char buffer[256] = "";
	struct sea_text line = SEA_TEXT_IN(buffer);
	sea_text_put(&line, "version " VERSION ", ");
	put_settings(&line);
	sea_warn("in use", buffer);
}
