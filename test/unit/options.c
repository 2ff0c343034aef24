/* SPDX-License-Identifier: MIT */
/* options.c - the parser, ranges, the environment */
#include "options.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os.h"
#include "seamalloc.h"
#include "unit.h"

static bool said(const char *text) { return strstr(sim.report, text) != NULL; }

/* The list again, for tests that walk it. */
static const struct {
	const char *name, *words; /* NULL: a number */
	size_t value, min, max;
} table[] = {
#define OPTION(name, value, min, max, sentence) {#name, NULL, (value), (min), (max)},
#define CHOICE(name, value, words, sentence) {#name, words, (value), 0, 0},
#include "options.def"
#undef OPTION
#undef CHOICE
};

static size_t *place(size_t i) { return (size_t *)&sea_options + i; }

static bool set(size_t i, size_t value)
{
	char item[100];
	snprintf(item, sizeof(item), "%s=%zu", table[i].name, value);
	sea_options.strict = 0;
	return sea_options_parse(item);
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
			CHECK(sea_options_parse(item));
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
	CHECK(sea_options_parse("thp=never"));
	CHECK_EQ(sea_options.thp, SEA_HUGE_NEVER);
	CHECK(sea_options_parse("thp=auto"));
	CHECK_EQ(sea_options.thp, SEA_HUGE_AUTO);
	CHECK(sea_options_parse("thp=always"));
	CHECK_EQ(sea_options.thp, SEA_HUGE_ALWAYS);
}

static void numbers_and_suffixes(void)
{
	CHECK(sea_options_parse("cache=4096"));
	CHECK_EQ(sea_options.cache, 4096);
	CHECK(sea_options_parse("cache=3k"));
	CHECK_EQ(sea_options.cache, 3 * KiB);
	CHECK(sea_options_parse("cache=3M,dirty_max=2g,thp=always"));
	CHECK_EQ(sea_options.cache, 3 * MiB);
	CHECK_EQ(sea_options.dirty_max, 2 * GiB);
	CHECK_EQ(sea_options.thp, 2);
	CHECK(sea_options_parse(""));
	CHECK(sea_options_parse(",,cache=1,"));
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
		CHECK(!sea_options_parse(texts[i]));
		CHECK(said("seamalloc: SEAMALLOC_CONF: "));
		CHECK(said(texts[i]));
		CHECK(!memcmp(&before, &sea_options, sizeof(before)));
	}
}

static void check_complaint(const char *item, const char *line)
{
	sim_forget_reports();
	CHECK(!sea_options_parse(item));
	if (strcmp(sim.report, line))
		test_fail(__FILE__, __LINE__, "\"%s\": %s", item, sim.report);
}

static void the_warning_says_what_would_be_good(void)
{
	sim.is_quiet = true;
	check_complaint("none=1", "seamalloc: SEAMALLOC_CONF: none=1: there is no such option\n");
	check_complaint("thp", "seamalloc: SEAMALLOC_CONF: thp: the value is one of never|auto|always\n");
	check_complaint("thp=2", "seamalloc: SEAMALLOC_CONF: thp=2: the value is one of never|auto|always\n");
	check_complaint("arena=1", "seamalloc: SEAMALLOC_CONF: arena=1: the value is a number from 1M to 1G\n");
	check_complaint("shards=x", "seamalloc: SEAMALLOC_CONF: shards=x: the value is a number from 0 to 256\n");
	check_complaint("a\nb\x80=1", "seamalloc: SEAMALLOC_CONF: a?b?=1: there is no such option\n");
}

static void one_warning_a_call_and_the_rest_counts(void)
{
	sim.is_quiet = true;
	CHECK(!sea_options_parse("none=1,cache=7,other=2,thp=auto"));
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
	CHECK(!sea_options_parse(text));
	CHECK(sim.report_length < 200);
	CHECK_EQ(sim.report[sim.report_length - 1], '\n');
}

static void strict_ends_the_process(void) { sea_options_parse("strict=1,none=1"); }

static void strict_counts_for_what_stands_behind_it(void)
{
	sea_options_parse("none=1,strict=1,cache=2");
	CHECK_EQ(sea_options.cache, 2);
	sea_options_parse("strict=0,none=1,strict=1,cache=3,other=2");
}

static void set_variable(size_t i, const char *name, const char *value)
{
	sim.environment[i] = (struct sim_variable){name, value};
}

static void the_environment_is_read_once(void)
{
	sim.has_environment = false;
	set_variable(0, "SEAMALLOC_CONF", "cache=11");
	size_t before = sea_options.cache;
	sea_options_load();
	CHECK_EQ(sea_options.cache, before);
	sim.has_environment = true;
	sea_options_load();
	CHECK_EQ(sea_options.cache, 11);
	set_variable(0, "SEAMALLOC_CONF", "cache=12");
	sea_options_load();
	CHECK_EQ(sea_options.cache, 11);
}

static void names_of_glibc(void)
{
	set_variable(0, "MALLOC_ARENA_MAX", "3");
	set_variable(1, "MALLOC_TRIM_THRESHOLD_", "65536");
	sea_options_load();
	CHECK_EQ(sea_options.shards, 3);
	CHECK_EQ(sea_options.dirty_max, 65536);
}

static void our_own_name_wins(void)
{
	set_variable(0, "MALLOC_ARENA_MAX", "3");
	set_variable(1, "SEAMALLOC_CONF", "shards=5");
	sea_options_load();
	CHECK_EQ(sea_options.shards, 5);
}

static void glibc_values_out_of_range_are_clamped(void)
{
	set_variable(0, "MALLOC_ARENA_MAX", "400");
	set_variable(1, "MALLOC_TRIM_THRESHOLD_", "-1");
	sea_options_load();
	CHECK_EQ(sea_options.shards, 256);
	CHECK_EQ(sea_options.dirty_max, 1024 * GiB);
	CHECK_EQ(sim.report_length, 0);
}

static void glibc_values_that_are_no_numbers_are_ignored(void)
{
	set_variable(0, "MALLOC_ARENA_MAX", "-");
	set_variable(1, "MALLOC_TRIM_THRESHOLD_", "much");
	size_t dirty = sea_options.dirty_max;
	sea_options_load();
	CHECK_EQ(sea_options.shards, 0);
	CHECK_EQ(sea_options.dirty_max, dirty);
	CHECK_EQ(sim.report_length, 0);
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

static void a_secure_process_reads_nothing(void)
{
	sim.is_secure = true;
	set_variable(0, "SEAMALLOC_CONF", "cache=11,verbose=1");
	size_t before = sea_options.cache;
	sea_options_load();
	CHECK_EQ(sea_options.cache, before);
	CHECK_EQ(sim.report_length, 0);
}

static void verbose_says_one_line(void)
{
	set_variable(0, "SEAMALLOC_CONF", "verbose=1");
	sea_options_load();
	CHECK(!strcmp(sim.report, "seamalloc: in use: version " SEAMALLOC_VERSION ", verbose=1\n"));
}

static void verbose_says_what_is_not_as_at_first(void)
{
	set_variable(0, "MALLOC_ARENA_MAX", "3");
	set_variable(1, "SEAMALLOC_CONF", "dirty_max=65536,cache=1m,arena=2000001,thp=always,verbose=1");
	sea_options_load();
	CHECK(!strcmp(sim.report, "seamalloc: in use: version " SEAMALLOC_VERSION
				  ", arena=2000001,dirty_max=64K,shards=3,thp=always,verbose=1\n"));
}

/* --- what the parser is to do, written without regard to speed ---------------------------------- */

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

/* True: option number *which is to be *value. */
static bool read_item(const char *item, size_t length, size_t *which, size_t *value)
{
	char copy[2000] = "";
	memcpy(copy, item, length);
	char *equals = strchr(copy, '=');
	if (!equals)
		return false;
	*equals = '\0';
	for (*which = 0; *which < NR(table) && strcmp(table[*which].name, copy); ++*which)
		;
	if (*which == NR(table))
		return false;
	if (table[*which].words)
		return read_word(table[*which].words, equals + 1, value);
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

/* --- against that ------------------------------------------------------------------------------------ */

static __attribute__((noinline)) enum outcome take(const char *text)
{
	volatile bool good = false;
	if (SIM_ABORTS(good = sea_options_parse(text)))
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
		CHECK(sea_options_parse(item));
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

/* Loads options at random, and then from the defaults what the line says of them. */
static void load_and_read_back(uint64_t seed)
{
	char conf[1000] = "verbose=1,";
	put_random_items(&seed, conf + strlen(conf), below(&seed, 12));
	set_variable(0, "SEAMALLOC_CONF", conf);
	struct sea_options first = sea_options;
	sea_options_load();
	struct sea_options loaded = sea_options;
	if (!loaded.verbose)
		return;
	sea_options = first;
	char *settings = strstr(sim.report, ", ");
	CHECK(settings);
	settings[strcspn(settings, "\n")] = '\0';
	CHECK(sea_options_parse(settings + 2));
	CHECK(!memcmp(&loaded, &sea_options, sizeof(loaded)));
}

/* Each in a process of its own: options are loaded once. */
static void what_verbose_says_is_read_back(void)
{
	uint64_t seed = test_seed();
	for (size_t n = 0; n < rounds(200); n++) {
		uint64_t next = test_random(&seed) | 1;
		pid_t child = fork();
		if (child == 0) {
			load_and_read_back(next);
			_exit(0);
		}
		int status = 1;
		waitpid(child, &status, 0);
		CHECK_EQ(status, 0);
	}
}

static const struct test_case cases[] = {
	PASSES(the_struct_is_the_list),
	PASSES(defaults_lie_in_their_ranges),
	PASSES(every_word_of_every_choice),
	PASSES(words_of_thp_are_what_the_system_is_told),
	PASSES(numbers_and_suffixes),
	PASSES(what_it_cannot_read),
	PASSES(the_warning_says_what_would_be_good),
	PASSES(one_warning_a_call_and_the_rest_counts),
	PASSES(a_long_item_is_cut),
	ABORTS(strict_ends_the_process, "SEAMALLOC_CONF: none=1: there is no such option"),
	ABORTS(strict_counts_for_what_stands_behind_it, "SEAMALLOC_CONF: other=2: there is no such option"),
	PASSES(the_environment_is_read_once),
	PASSES(names_of_glibc),
	PASSES(our_own_name_wins),
	PASSES(glibc_values_out_of_range_are_clamped),
	PASSES(glibc_values_that_are_no_numbers_are_ignored),
	PASSES(the_nearest_value_is_set),
	PASSES(a_secure_process_reads_nothing),
	PASSES(verbose_says_one_line),
	PASSES(verbose_says_what_is_not_as_at_first),
	PASSES(a_good_item_sets_one_option),
	PASSES(items_that_are_nearly_good),
	PASSES(any_bytes),
	PASSES(what_verbose_says_is_read_back),
};

HARNESS_MAIN(cases)
