/* SPDX-License-Identifier: MIT */
/* options.c - the parser, ranges, complaints */
#include "base/options.h"

#include <stdio.h>

#include "base/os.h"
#include "seamalloc.h"
#include "unit.h"

static bool said(const char *text) { return strstr(sim.report, text) != NULL; }

/* The list again, for tests that walk it. */
static const struct {
	const char *name, *words; /* NULL: a number */
	size_t value, min, max;
	bool is_duration, may_be_off;
} table[] = {
#define OPTION(name, value, min, max, sentence) {#name, NULL, (value), (min), (max), false, false},
#define DURATION(name, value, max, sentence) {#name, NULL, (value), 0, (max), true, false},
#define RATE(name, value, max, sentence) {#name, NULL, (value), 0, (max), false, true},
#define CHOICE(name, value, words, sentence) {#name, words, (value), 0, 0, false, false},
#include "base/options.def"
#undef OPTION
#undef DURATION
#undef RATE
#undef CHOICE
};

static bool parse(const char *text)
{
	struct sea_origin origin = {.name = "SEAMALLOC_CONF"};
	return sea_options_parse(text, &origin);
}

static size_t *place(size_t i) { return (size_t *)&sea_options + i; }

static bool set(size_t i, size_t value)
{
	char item[100];
	snprintf(item, sizeof(item), "%s=%zu", table[i].name, value);
	sea_options.strict = 0;
	return parse(item);
}

static void the_struct_is_the_list(void)
{
	CHECK_EQ(sizeof(sea_options), NR(table) * sizeof(size_t));
	for (size_t i = 0; i < NR(table); i++)
		CHECK_EQ(*place(i), table[i].value);
}

static void defaults_lie_in_their_ranges(void)
{
	for (size_t i = 0; i < NR(table); i++) {
		if (table[i].words)
			continue;
		CHECK(set(i, table[i].value));
		CHECK(table[i].min <= table[i].value && table[i].value <= table[i].max);
		CHECK(set(i, table[i].min));
		CHECK(set(i, table[i].max));
		CHECK(!set(i, table[i].max + 1));
		CHECK(!table[i].min || !set(i, table[i].min - 1));
	}
}

/* Each word of each choice, by itself, and no number. */
static void every_word_of_every_choice(void)
{
	for (size_t i = 0; i < NR(table); i++) {
		if (!table[i].words)
			continue;
		char words[100], item[200];
		size_t nr = 0;
		strcpy(words, table[i].words);
		for (char *word = strtok(words, "|"); word; word = strtok(NULL, "|"), nr++) {
			snprintf(item, sizeof(item), "%s=%s", table[i].name, word);
			CHECK(parse(item));
			CHECK_EQ(*place(i), nr);
		}
		CHECK(nr >= 2);
		CHECK(!set(i, nr - 1) && !set(i, nr) && !set(i, SIZE_MAX));
		CHECK_EQ(*place(i), nr - 1);
	}
}

/* arena.c hands the number of the word on. */
static void words_of_thp_are_what_the_system_is_told(void)
{
	CHECK(parse("thp=never"));
	CHECK_EQ(sea_options.thp, SEA_HUGE_NEVER);
	CHECK(parse("thp=auto"));
	CHECK_EQ(sea_options.thp, SEA_HUGE_AUTO);
	CHECK(parse("thp=always"));
	CHECK_EQ(sea_options.thp, SEA_HUGE_ALWAYS);
}

static void numbers_and_suffixes(void)
{
	CHECK(parse("cache=4096"));
	CHECK_EQ(sea_options.cache, 4096);
	CHECK(parse("cache=3k"));
	CHECK_EQ(sea_options.cache, 3 * KiB);
	CHECK(parse("cache=3M,dirty_max=2g,thp=always"));
	CHECK_EQ(sea_options.cache, 3 * MiB);
	CHECK_EQ(sea_options.dirty_max, 2 * GiB);
	CHECK_EQ(sea_options.thp, 2);
	CHECK(parse(""));
	CHECK(parse(",,cache=1,"));
	CHECK_EQ(sea_options.cache, 1);
	CHECK_EQ(sim.report_length, 0);
}

static void what_it_cannot_read(void)
{
	static const char *const texts[] = {
		"cache", "cache=", "cache=k", "cache=1x", "cache=-1", "cache=+1", "cache= 1", "cache=1 ", "=1", "=",
		"none=1", "CACHE=1", "cach=1", "caches=1", "cache=1kk", "cache=99999999999999999999", "arena=1",
		"cache=18014398509481984k", "cache=17179869184g", "cache=never", "thp", "thp=", "thp=3", "thp=0", "thp=Never",
		"thp=neve", "thp=nevera", "thp=never|", "thp=never|auto", "thp=|", "thp=ever", "thp=auto ", "thp=alwaysk",
	};
	sim.is_quiet = true;
	for (size_t i = 0; i < NR(texts); i++) {
		struct sea_options before = sea_options;
		sim_forget_reports();
		CHECK(!parse(texts[i]));
		CHECK(said("seamalloc: SEAMALLOC_CONF: "));
		CHECK(said(texts[i]));
		CHECK(!memcmp(&before, &sea_options, sizeof(before)));
	}
}

static void check_complaint(const char *item, const char *line)
{
	sim_forget_reports();
	CHECK(!parse(item));
	if (strcmp(sim.report, line))
		test_fail(__FILE__, __LINE__, "\"%s\": %s", item, sim.report);
}

static void the_warning_says_what_would_be_good(void)
{
	sim.is_quiet = true;
	check_complaint("none=1", "seamalloc: SEAMALLOC_CONF: none=1: there is no such option; it is ignored\n");
	check_complaint("thp", "seamalloc: SEAMALLOC_CONF: thp: the value is one of never|auto|always; thp=auto is used\n");
	check_complaint("thp=2", "seamalloc: SEAMALLOC_CONF: thp=2: the value is one of never|auto|always; thp=auto is used\n");
	check_complaint("arena=1", "seamalloc: SEAMALLOC_CONF: arena=1: the value is a number from 1M to 1G; arena=64M is used\n");
	check_complaint("shards=4,shards=x", "seamalloc: SEAMALLOC_CONF: shards=x: the value is a number from 0 to 256; shards=4 is used\n");
	check_complaint("a\nb\x80=1", "seamalloc: SEAMALLOC_CONF: a?b?=1: there is no such option; it is ignored\n");
}

static void durations_are_seconds(void)
{
	CHECK(parse("idle=10s"));
	CHECK_EQ(sea_options.idle, 10);
	CHECK(parse("idle=7"));
	CHECK_EQ(sea_options.idle, 7);
	CHECK(!parse("idle=1K") && !parse("idle=s") && !parse("idle=5ss") && !parse("idle=5m") && !parse("idle=86401"));
	CHECK_EQ(sea_options.idle, 7);
	check_complaint("idle=1h", "seamalloc: SEAMALLOC_CONF: idle=1h: the value is a number from 0s to 86400s; idle=7s is used\n");
}

static void a_colon_gets_a_hint(void)
{
	sim.is_quiet = true;
	check_complaint("thp:never", "seamalloc: SEAMALLOC_CONF: thp:never: did you mean thp=never? thp=auto is used\n");
	check_complaint("cache: 4M", "seamalloc: SEAMALLOC_CONF: cache: 4M: did you mean cache=4M? cache=1M is used\n");
	check_complaint("cache:", "seamalloc: SEAMALLOC_CONF: cache:: did you mean cache=? cache=1M is used\n");
	check_complaint("narenas:1", "seamalloc: SEAMALLOC_CONF: narenas:1: there is no such option; it is ignored\n");
	check_complaint("thp=a:b", "seamalloc: SEAMALLOC_CONF: thp=a:b: the value is one of never|auto|always; thp=auto is used\n");
}

static void a_line_of_a_file_is_named(void)
{
	struct sea_origin origin = {.name = "/etc/a\tb", .line = 12};
	sim.is_quiet = true;
	CHECK(!sea_options_parse("none=1", &origin));
	CHECK(said("seamalloc: /etc/a?b:12: none=1: "));
	sim_forget_reports();
	sea_options_complain(&origin, "text", "why", "result");
	CHECK(!strcmp(sim.report, "seamalloc: /etc/a?b:12: text: why; result\n"));
	sim_forget_reports();
	sea_options_complain(&origin, "", "why", "result");
	CHECK(!strcmp(sim.report, "seamalloc: /etc/a?b:12: why; result\n"));
}

/* Something else than a file of settings. */
static void a_source_of_many_mistakes_is_not_shown_to_its_end(void)
{
	struct sea_origin origin = {.name = "file", .line = 1};
	sim.is_quiet = true;
	for (; origin.line <= 1000; origin.line++)
		CHECK(!sea_options_parse("none=1", &origin));
	CHECK(said("file:8: ") && !said("file:9: "));
}

static void one_warning_a_call_and_the_rest_counts(void)
{
	sim.is_quiet = true;
	CHECK(!parse("none=1,cache=7,other=2,thp=auto"));
	CHECK(said("none=1"));
	CHECK(!said("other=2"));
	CHECK(!strstr(sim.report, "none=1,"));
	CHECK_EQ(sea_options.cache, 7);
	CHECK_EQ(sea_options.thp, 1);
}

static void a_long_item_is_cut(void)
{
	char text[1024] = {0};
	memset(text, 'x', sizeof(text) - 1);
	sim.is_quiet = true;
	CHECK(!parse(text));
	CHECK(sim.report_length < 200);
	CHECK_EQ(sim.report[sim.report_length - 1], '\n');
}

static void strict_ends_the_process(void) { parse("strict=1,none=1"); }

static void strict_ends_the_process_for_anything_else(void)
{
	struct sea_origin origin = {.name = "file", .line = 3};
	sea_options.strict = 1;
	sea_options_complain(&origin, "text", "why", "result");
}

static void strict_counts_for_what_stands_behind_it(void)
{
	parse("none=1,strict=1,cache=2");
	CHECK_EQ(sea_options.cache, 2);
	parse("strict=0,none=1,strict=1,cache=3,other=2");
}

/* What mallopt() does. */
static void the_nearest_value_is_set(void)
{
	sea_options_set_nearest("arena", 0);
	sea_options_set_nearest("shards", (size_t)-1);
	sea_options_set_nearest("cache", 12345);
	CHECK_EQ(sea_options.arena, MiB);
	CHECK_EQ(sea_options.shards, 256);
	CHECK_EQ(sea_options.cache, 12345);
}

static void numbers_as_glibc_takes_them(void)
{
	sea_options_take_number("shards", "3");
	CHECK_EQ(sea_options.shards, 3);
	sea_options_take_number("shards", "400");
	CHECK_EQ(sea_options.shards, 256);
	sea_options_take_number("dirty_max", "-1");
	CHECK_EQ(sea_options.dirty_max, 1024 * GiB);
	sea_options_take_number("dirty_max", "much");
	sea_options_take_number("dirty_max", "-");
	sea_options_take_number("dirty_max", "");
	CHECK_EQ(sea_options.dirty_max, 1024 * GiB);
	CHECK_EQ(sim.report_length, 0);
}

static void a_rate_may_be_off(void)
{
	CHECK(parse("guard=off"));
	CHECK_EQ(sea_options.guard, 0);
	CHECK(parse("guard=2K"));
	CHECK_EQ(sea_options.guard, 2048);
	CHECK(!parse("guard=of"));
	CHECK(!parse("cache=off"));
	CHECK(said("the value is a number from 0"));
	CHECK(!parse("guard=2G"));
	CHECK(said("the value is off or a number from 1 to 1G; guard=2K is used"));
	CHECK(parse("guard=0"));
	sea_options_introduce();
	CHECK(said("guard=off"));
}

/* --- what the parser is to do, written without regard to speed ------------------------------- */

static bool read_word(const char *words, const char *text, size_t *value)
{
	char copy[100];
	strcpy(copy, words);
	*value = 0;
	for (char *word = strtok(copy, "|"); word; word = strtok(NULL, "|"), ++*value)
		if (!strcmp(word, text))
			return true;
	return false;
}

/* Sums below 2^53 are exact, and those above are above every range. */
static bool read_number(const char *text, size_t min, size_t max, size_t *value)
{
	static const char suffixes[] = "kKmMgG";
	double sum = 0;
	size_t digits = strspn(text, "0123456789");
	for (size_t i = 0; i < digits; i++)
		sum = sum * 10 + (text[i] - '0');
	const char *suffix = text[digits] ? strchr(suffixes, text[digits]) : NULL;
	if (!digits || strlen(text + digits) > 1 || (text[digits] && !suffix))
		return false;
	for (ptrdiff_t i = suffix ? (suffix - suffixes) / 2 : -1; i >= 0; i--)
		sum *= 1024;
	bool fits = sum >= (double)min && sum <= (double)max;
	*value = fits ? (size_t)sum : 0;
	return fits;
}

/* A number, and perhaps an s. */
static bool read_duration(char *text, size_t max, size_t *value)
{
	size_t length = strlen(text);
	if (length > 1 && text[length - 1] == 's')
		text[length - 1] = '\0';
	return strspn(text, "0123456789") == strlen(text) && read_number(text, 0, max, value);
}

/* True: option number *which is to be *value. */
static bool read_item(const char *item, size_t length, size_t *which, size_t *value)
{
	char copy[2000] = "";
	memcpy(copy, item, length);
	char *equals = strchr(copy, '=');
	if (equals)
		*equals = '\0';
	for (*which = 0; *which < NR(table) && strcmp(table[*which].name, copy); ++*which)
		;
	if (*which == NR(table))
		return false;
	if (!equals) { /* the name of a switch alone */
		*value = 1;
		return !table[*which].words && !table[*which].is_duration && table[*which].max == 1;
	}
	if (table[*which].words)
		return read_word(table[*which].words, equals + 1, value);
	if (table[*which].may_be_off && !strcmp(equals + 1, "off")) {
		*value = 0;
		return true;
	}
	if (table[*which].is_duration)
		return read_duration(equals + 1, table[*which].max, value);
	return read_number(equals + 1, table[*which].min, table[*which].max, value);
}

enum outcome { GOOD, BAD, FATAL };

static enum outcome take_naively(const char *text, struct sea_options *options)
{
	enum outcome outcome = GOOD;
	size_t which, value;
	for (const char *item = text, *end; *item; item = *end ? end + 1 : end) {
		end = item + strcspn(item, ",");
		if (end == item)
			continue;
		if (read_item(item, (size_t)(end - item), &which, &value))
			((size_t *)options)[which] = value;
		else if (options->strict)
			return FATAL;
		else
			outcome = BAD;
	}
	return outcome;
}

/* --- against that ---------------------------------------------------------------------------- */

static __attribute__((noinline)) enum outcome take(const char *text)
{
	volatile bool good = false;
	if (SIM_ABORTS(good = parse(text)))
		return FATAL;
	return good ? GOOD : BAD;
}

static bool can_be_shown(char c) { return c >= ' ' && c <= '~'; }

/* Nothing, one short line, or where a later item is fatal one more. */
static void check_report(enum outcome outcome)
{
	size_t nr_lines = 0;
	for (size_t i = 0; i < sim.report_length; i++) {
		CHECK(can_be_shown(sim.report[i]) || sim.report[i] == '\n');
		nr_lines += sim.report[i] == '\n';
	}
	CHECK(nr_lines == (outcome != GOOD) || (outcome == FATAL && nr_lines == 2));
	CHECK_AT_MOST(sim.report_length, 200 * nr_lines);
	CHECK(!nr_lines || sim.report[sim.report_length - 1] == '\n');
}

/* The text lies in a block of its own, so that sanitizers see a look behind its end. */
static void check_text(const char *text)
{
	struct sea_options want = sea_options;
	char *copy = strdup(text);
	enum outcome outcome = take_naively(text, &want);
	if (take(copy) != outcome)
		test_fail(__FILE__, __LINE__, "\"%s\" should have been %s", text, outcome == GOOD ? "good" : "bad");
	if (memcmp(&want, &sea_options, sizeof(want)))
		test_fail(__FILE__, __LINE__, "\"%s\" sets other options", text);
	CHECK(!strcmp(text, copy));
	check_report(outcome);
	free(copy);
}

static void put_random_value(uint64_t *seed, char *text, size_t i)
{
	if (table[i].may_be_off && below(seed, 4) == 0) {
		strcpy(text, "off");
		return;
	}
	size_t range = table[i].max - table[i].min + 1;
	if (!table[i].words) {
		size_t value = table[i].min + (below(seed, 2) ? test_random_size(seed, range - 1) : below(seed, range));
		sprintf(text, "%zu", value);
		return;
	}
	const char *word = table[i].words;
	while (below(seed, 3) && strchr(word, '|'))
		word = strchr(word, '|') + 1;
	strncat(text, word, strcspn(word, "|"));
}

/* Returns which option it sets. */
static size_t put_random_item(uint64_t *seed, char *text)
{
	size_t i = below(seed, NR(table));
	sprintf(text, "%s=", table[i].name);
	put_random_value(seed, text + strlen(text), i);
	return i;
}

static void put_random_items(uint64_t *seed, char *text, size_t nr)
{
	for (; nr > 0; nr--) {
		put_random_item(seed, text + strlen(text));
		strcat(text, nr > 1 ? "," : "");
	}
}

static void a_good_item_sets_one_option(void)
{
	uint64_t seed = test_seed();
	for (size_t n = 0; n < rounds(50000); n++) {
		char item[200] = "";
		struct sea_options before = sea_options;
		size_t i = put_random_item(&seed, item);
		CHECK(parse(item));
		for (size_t j = 0; j < NR(table); j++)
			CHECK(j == i || *place(j) == ((size_t *)&before)[j]);
		check_text(item);
	}
	CHECK_EQ(sim.report_length, 0);
}

/* Puts, takes away or changes a byte. */
static void change(uint64_t *seed, char *text)
{
	static const char bytes[] = "0159kKmMgG=,|-+ xsn\x80\n";
	size_t length = strlen(text), at = below(seed, length + 1);
	char c = bytes[below(seed, sizeof(bytes) - 1)];
	switch (below(seed, 3)) {
	case 0:
		memmove(text + at + 1, text + at, length - at + 1);
		text[at] = c;
		break;
	case 1:
		memmove(text + at, text + at + (at < length), length - at + (at == length));
		break;
	default:
		if (at < length)
			text[at] = c;
	}
}

static void items_that_are_nearly_good(void)
{
	uint64_t seed = test_seed();
	sim.is_quiet = true;
	for (size_t n = 0; n < rounds(50000); n++) {
		char text[1000] = "";
		put_random_items(&seed, text, 1 + below(&seed, 4));
		for (size_t nr = 1 + below(&seed, 3); nr > 0; nr--)
			change(&seed, text);
		check_text(text);
	}
}

static void any_bytes(void)
{
	uint64_t seed = test_seed();
	sim.is_quiet = true;
	for (size_t n = 0; n < rounds(50000); n++) {
		char text[200] = "";
		for (size_t i = test_random_size(&seed, sizeof(text) - 1); i > 0; i--)
			text[i - 1] = (char)(1 + below(&seed, 255));
		check_text(text);
	}
}

static const struct test_case cases[] = {
	PASSES(the_struct_is_the_list),
	PASSES(defaults_lie_in_their_ranges),
	PASSES(every_word_of_every_choice),
	PASSES(a_rate_may_be_off),
	PASSES(words_of_thp_are_what_the_system_is_told),
	PASSES(numbers_and_suffixes),
	PASSES(what_it_cannot_read),
	PASSES(the_warning_says_what_would_be_good),
	PASSES(one_warning_a_call_and_the_rest_counts),
	PASSES(a_long_item_is_cut),
	PASSES(durations_are_seconds), PASSES(a_colon_gets_a_hint),
	PASSES(a_line_of_a_file_is_named),
	PASSES(a_source_of_many_mistakes_is_not_shown_to_its_end),
	ABORTS(strict_ends_the_process, "SEAMALLOC_CONF: none=1: there is no such option; strict=1 ends the process"),
	ABORTS(strict_ends_the_process_for_anything_else, "file:3: text: why; strict=1 ends the process"),
	ABORTS(strict_counts_for_what_stands_behind_it, "SEAMALLOC_CONF: other=2: there is no such option; strict=1 ends the process"),
	PASSES(the_nearest_value_is_set),
	PASSES(numbers_as_glibc_takes_them),
	PASSES(a_good_item_sets_one_option),
	PASSES(items_that_are_nearly_good),
	PASSES(any_bytes),
};

HARNESS_MAIN(cases)
