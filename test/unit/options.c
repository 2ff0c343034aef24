/* SPDX-License-Identifier: MIT */
/* options.c - the parser, ranges, the environment */
#include "options.h"

#include <stdio.h>

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

static bool set(size_t i, size_t value) { return sea_options_set(table[i].name, strlen(table[i].name), value); }

static void the_struct_is_the_list(void)
{
	CHECK_EQ(sizeof(sea_options), NR(table) * sizeof(size_t));
	for (size_t i = 0; i < NR(table); i++)
		CHECK_EQ(*place(i), table[i].value);
}

static void defaults_lie_in_their_ranges(void)
{
	for (size_t i = 0; i < NR(table); i++) {
		CHECK(set(i, table[i].value));
		CHECK(!sea_options_set(table[i].name, strlen(table[i].name) - 1, table[i].value));
		if (table[i].words)
			continue;
		CHECK(table[i].min <= table[i].value && table[i].value <= table[i].max);
		CHECK(set(i, table[i].min));
		CHECK(set(i, table[i].max));
		CHECK(!set(i, table[i].max + 1));
		CHECK(!table[i].min || !set(i, table[i].min - 1));
	}
}

/* Each word of each choice, by itself, and no number beyond the last. */
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
			CHECK(set(i, nr));
		}
		CHECK(nr >= 2);
		CHECK(!set(i, nr) && !set(i, SIZE_MAX));
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

static void glibc_values_out_of_range_are_ignored(void)
{
	set_variable(0, "MALLOC_ARENA_MAX", "1000");
	set_variable(1, "MALLOC_TRIM_THRESHOLD_", "-1");
	size_t dirty = sea_options.dirty_max;
	sea_options_load();
	CHECK_EQ(sea_options.shards, 0);
	CHECK_EQ(sea_options.dirty_max, dirty);
	CHECK_EQ(sim.report_length, 0);
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
	CHECK(said("version " SEAMALLOC_VERSION));
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
	PASSES(glibc_values_out_of_range_are_ignored),
	PASSES(a_secure_process_reads_nothing),
	PASSES(verbose_says_one_line),
};

HARNESS_MAIN(cases)
