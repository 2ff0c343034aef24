/* SPDX-License-Identifier: MIT */
/* options.c - the parser, ranges, the environment */
#include "options.h"

#include "unit.h"

static bool said(const char *text) { return strstr(sim.report, text) != NULL; }

static void defaults_lie_in_their_ranges(void)
{
	struct {
		const char *name;
		size_t value, min, max;
	} table[] = {
#define OPTION(name, value, min, max, sentence) {#name, (value), (min), (max)},
#include "options.def"
#undef OPTION
	};
	for (size_t i = 0; i < NR(table); i++) {
		size_t length = strlen(table[i].name);
		CHECK(table[i].min <= table[i].value && table[i].value <= table[i].max);
		CHECK(sea_options_set(table[i].name, length, table[i].min));
		CHECK(sea_options_set(table[i].name, length, table[i].max));
		CHECK(!sea_options_set(table[i].name, length, table[i].max + 1));
		CHECK(!table[i].min || !sea_options_set(table[i].name, length, table[i].min - 1));
		CHECK(!sea_options_set(table[i].name, length - 1, table[i].min));
	}
}

static void numbers_and_suffixes(void)
{
	CHECK(sea_options_parse("cache=4096"));
	CHECK_EQ(sea_options.cache, 4096);
	CHECK(sea_options_parse("cache=3k"));
	CHECK_EQ(sea_options.cache, 3 * KiB);
	CHECK(sea_options_parse("cache=3M,dirty_max=2g,thp=2"));
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
		"none=1", "CACHE=1", "cach=1", "caches=1", "cache=1kk", "cache=99999999999999999999", "thp=3", "arena=1",
		"cache=18014398509481984k", "cache=17179869184g",
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

static void one_warning_a_call_and_the_rest_counts(void)
{
	sim.is_quiet = true;
	CHECK(!sea_options_parse("none=1,cache=7,other=2,thp=1"));
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
	CHECK(said("version"));
}

static const struct test_case cases[] = {
	PASSES(defaults_lie_in_their_ranges),
	PASSES(numbers_and_suffixes),
	PASSES(what_it_cannot_read),
	PASSES(one_warning_a_call_and_the_rest_counts),
	PASSES(a_long_item_is_cut),
	ABORTS(strict_ends_the_process, "SEAMALLOC_CONF: not an option with a value in range, ignored: none=1"),
	PASSES(the_environment_is_read_once),
	PASSES(names_of_glibc),
	PASSES(our_own_name_wins),
	PASSES(glibc_values_out_of_range_are_ignored),
	PASSES(a_secure_process_reads_nothing),
	PASSES(verbose_says_one_line),
};

HARNESS_MAIN(cases)
