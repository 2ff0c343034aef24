/* SPDX-License-Identifier: MIT */
/* sources.c - the file, the program's string, the environment, and which of them wins */
#include "base/sources.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/options.h"
#include "base/os.h"
#include "seamalloc.h"
#include "unit.h"

/* The program's.  NULL is as none. */
const char *seamalloc_conf;

static bool said(const char *text) { return strstr(sim.report, text) != NULL; }

static void set_variable(size_t i, const char *name, const char *value)
{
	sim.environment[i] = (struct sim_variable){name, value};
}

static void set_file(const char *text) { sim.files[0] = (struct sim_file){"/etc/seamalloc.conf", text}; }

static void load_file(const char *text)
{
	set_file(text);
	sea_sources_load();
	CHECK_EQ(sim.nr_opens, 1);
	CHECK_EQ(sim.nr_open, 0);
}

/* --- the environment -------------------------------------------------------------------- */

static void the_environment_is_read_once(void)
{
	sim.has_environment = false;
	set_variable(0, "SEAMALLOC_CONF", "cache=11");
	size_t before = sea_options.cache;
	sea_sources_load();
	CHECK_EQ(sea_options.cache, before);
	CHECK_EQ(sim.nr_opens, 0);
	sim.has_environment = true;
	sea_sources_load();
	CHECK_EQ(sea_options.cache, 11);
	set_variable(0, "SEAMALLOC_CONF", "cache=12");
	sea_sources_load();
	CHECK_EQ(sea_options.cache, 11);
	CHECK_EQ(sim.nr_opens, 1);
}

static void names_of_glibc(void)
{
	set_variable(0, "MALLOC_ARENA_MAX", "3");
	set_variable(1, "MALLOC_TRIM_THRESHOLD_", "65536");
	sea_sources_load();
	CHECK_EQ(sea_options.shards, 3);
	CHECK_EQ(sea_options.dirty_max, 65536);
}

static void our_own_name_wins(void)
{
	set_variable(0, "MALLOC_ARENA_MAX", "3");
	set_variable(1, "SEAMALLOC_CONF", "shards=5");
	sea_sources_load();
	CHECK_EQ(sea_options.shards, 5);
}

static void a_secure_process_reads_neither_environment_nor_file(void)
{
	sim.is_secure = true;
	set_variable(0, "SEAMALLOC_CONF", "cache=11,verbose=1");
	set_variable(1, "MALLOC_ARENA_MAX", "3");
	set_variable(2, "SEAMALLOC_CONF_FILE", "/etc/seamalloc.conf");
	set_file("dirty_max=7");
	seamalloc_conf = "thp=never";
	struct sea_options before = sea_options;
	sea_sources_load();
	CHECK_EQ(sea_options.thp, 0);
	sea_options.thp = before.thp;
	CHECK(!memcmp(&before, &sea_options, sizeof(before)));
	CHECK_EQ(sim.report_length, 0);
	CHECK_EQ(sim.nr_opens, 0);
}

static void verbose_says_one_line(void)
{
	set_variable(0, "SEAMALLOC_CONF", "verbose=1");
	sea_sources_load();
	CHECK(!strcmp(sim.report, "seamalloc: in use: version " SEAMALLOC_VERSION ", verbose=1\n"));
}

static void verbose_says_what_is_not_as_at_first(void)
{
	set_variable(0, "MALLOC_ARENA_MAX", "3");
	set_variable(1, "SEAMALLOC_CONF", "dirty_max=65536,cache=1m,arena=2000001,thp=always,verbose=1");
	sea_sources_load();
	CHECK(!strcmp(sim.report, "seamalloc: in use: version " SEAMALLOC_VERSION
				  ", arena=2000001,dirty_max=64K,shards=3,thp=always,verbose=1\n"));
}

/* --- the file --------------------------------------------------------------------------- */

static void a_file_sets_options(void)
{
	load_file("# all\n\n  cache = 3M # three\n\tdirty_max=7k\t\r\nthp = never,shards=2\n");
	CHECK_EQ(sea_options.cache, 3 * MiB);
	CHECK_EQ(sea_options.dirty_max, 7 * KiB);
	CHECK_EQ(sea_options.thp, 0);
	CHECK_EQ(sea_options.shards, 2);
	CHECK_EQ(sim.report_length, 0);
}

static void the_last_line_needs_no_end(void)
{
	load_file("cache=3");
	CHECK_EQ(sea_options.cache, 3);
}

static void a_section_is_for_one_program(void)
{
	sim.program = "redis-server";
	load_file("cache=1\ndirty_max=1\nshards=1\n"
		  "[redis]\ncache=2\nnone=1\n"
		  "[ redis-server ]\ndirty_max=3\n"
		  "[redis-server2]\ndirty_max=4\n[]\nshards=5\n"
		  "[redis-server] # again\narena=2M\n");
	CHECK_EQ(sea_options.cache, 1);
	CHECK_EQ(sea_options.dirty_max, 3);
	CHECK_EQ(sea_options.shards, 1);
	CHECK_EQ(sea_options.arena, 2 * MiB);
	CHECK_EQ(sim.report_length, 0);
}

static void a_section_that_is_cut_is_for_nobody(void)
{
	sim.program = "redis";
	sim.is_quiet = true;
	load_file("cache=1\n[redis\ncache=2\n[redis]\nshards=3\n[\nshards=4\n");
	CHECK_EQ(sea_options.cache, 1);
	CHECK_EQ(sea_options.shards, 3);
	CHECK(!strcmp(sim.report, "seamalloc: /etc/seamalloc.conf:2: [redis: a section begins with [name]; what follows is ignored "
				  "up to the next section\n"
				  "seamalloc: /etc/seamalloc.conf:6: [: a section begins with [name]; what follows is ignored "
				  "up to the next section\n"));
}

static void a_complaint_names_file_and_line(void)
{
	sim.is_quiet = true;
	load_file("cache = 1\n\nnone = 1\nthp : never\nthp = no\njust words\n");
	CHECK(!strcmp(sim.report, "seamalloc: /etc/seamalloc.conf:3: none=1: there is no such option; it is ignored\n"
				  "seamalloc: /etc/seamalloc.conf:4: thp : never: did you mean thp=never? thp=auto is used\n"
				  "seamalloc: /etc/seamalloc.conf:5: thp=no: the value is one of never|auto|always; thp=auto is used\n"
				  "seamalloc: /etc/seamalloc.conf:6: just words: there is no such option; it is ignored\n"));
	CHECK_EQ(sea_options.cache, 1);
}

static char large[200 * 1024];

static void a_line_may_be_as_long_as_it_likes(void)
{
	memset(large, ' ', sizeof(large) - 1);
	memcpy(large, "cache=1#", 8);
	memcpy(large + 30000, "\ncache=", 7);
	memset(large + 30007, '0', 1000);
	memcpy(large + 40000, "\nshards=3\n", 11);
	sim.is_quiet = true;
	load_file(large);
	CHECK_EQ(sea_options.cache, 1);
	CHECK_EQ(sea_options.shards, 3);
	CHECK(said("conf:2: cache=00"));
	CHECK(said(": the line is too long; it is ignored\n"));
	CHECK(sim.report_length < 200);
}

static void a_huge_file_is_not_read_to_its_end(void)
{
	for (size_t i = 0; i < sizeof(large) - 9; i += 9)
		memcpy(large + i, "shards=3\n", 10);
	memcpy(large + 100 * KiB / 9 * 9, "shards=4\n", 9);
	sim.is_quiet = true;
	load_file(large);
	CHECK_EQ(sea_options.shards, 3);
	CHECK(said("the file is longer than 64K; the rest is ignored\n"));
}

static void a_file_as_long_as_it_may_be(void)
{
	memset(large, '\n', 64 * KiB);
	memcpy(large + 64 * KiB - 8, "shards=3", 9);
	load_file(large);
	CHECK_EQ(sea_options.shards, 3);
	CHECK_EQ(sim.report_length, 0);
}

static void any_bytes(void)
{
	uint64_t seed = test_seed();
	sim.is_quiet = true;
	sim.program = "p";
	for (size_t i = 0; i + 1 < 60000; i++) {
		static const char bytes[] = "[]=p#\n\r\t:,1 cache\x80\x01";
		large[i] = bytes[below(&seed, sizeof(bytes) - 1)];
	}
	load_file(large);
	CHECK(sim.report_length < 8 * 250);
}

static void check_refusal(enum sea_opened refusal, const char *standard, const char *named)
{
	pid_t child;
	int status;
	for (int is_named = 0; is_named < 2; is_named++) {
		if ((child = fork()) == 0) {
			sim.is_quiet = true;
			sim.files[0] = (struct sim_file){is_named ? "/x" : "/etc/seamalloc.conf", "cache=1"};
			sim.refusals[0] = refusal;
			if (is_named)
				set_variable(0, "SEAMALLOC_CONF_FILE", "/x");
			sea_sources_load();
			_exit(strcmp(sim.report, is_named ? named : standard) || sea_options.cache == 1 || sim.nr_open);
		}
		CHECK_EQ(waitpid(child, &status, 0), child);
		CHECK_EQ(status, 0);
	}
}

static void a_file_that_cannot_be_read(void)
{
	check_refusal(SEA_NO_FILE, "", "seamalloc: /x: there is no such file; it is not used\n");
	check_refusal(SEA_NOT_OPENED, "", "seamalloc: /x: it cannot be opened; it is not used\n");
	check_refusal(SEA_NO_PERMISSION,
		      "seamalloc: /etc/seamalloc.conf: there is no permission to read it; it is not used\n",
		      "seamalloc: /x: there is no permission to read it; it is not used\n");
	check_refusal(SEA_NOT_REGULAR, "seamalloc: /etc/seamalloc.conf: it is not a regular file; it is not used\n",
		      "seamalloc: /x: it is not a regular file; it is not used\n");
}

static void a_named_file_is_read_instead(void)
{
	set_file("cache=1\nshards=1\n");
	sim.files[1] = (struct sim_file){"conf", "shards=2\n"};
	set_variable(0, "SEAMALLOC_CONF_FILE", "conf");
	size_t before = sea_options.cache;
	sea_sources_load();
	CHECK_EQ(sea_options.cache, before);
	CHECK_EQ(sea_options.shards, 2);
	CHECK_EQ(sim.nr_opens, 1);
}

static void no_name_is_no_file(void)
{
	set_file("cache=1\n");
	set_variable(0, "SEAMALLOC_CONF_FILE", "");
	sea_sources_load();
	CHECK(sea_options.cache != 1);
	CHECK_EQ(sim.nr_opens, 0);
	CHECK_EQ(sim.report_length, 0);
}

static void strict_in_a_file(void)
{
	set_file("none=1\nstrict=1\n[p]\nother=1\n");
	sim.program = "p";
	sea_sources_load();
}

/* --- who wins ----------------------------------------------------------------------------- */

static void the_later_wins(void)
{
	set_file("cache=1\nshards=1\ndirty_max=1\ndirty_ratio=1\n");
	seamalloc_conf = "shards=2,dirty_max=2,dirty_ratio=2";
	set_variable(0, "MALLOC_TRIM_THRESHOLD_", "3");
	set_variable(1, "SEAMALLOC_CONF", "dirty_ratio=4");
	sea_sources_load();
	CHECK_EQ(sea_options.cache, 1);
	CHECK_EQ(sea_options.shards, 2);
	CHECK_EQ(sea_options.dirty_max, 3);
	CHECK_EQ(sea_options.dirty_ratio, 4);
	CHECK_EQ(sim.report_length, 0);
}

static void the_programs_string_is_named(void)
{
	sim.is_quiet = true;
	seamalloc_conf = "none=1";
	sea_sources_load();
	CHECK(!strcmp(sim.report, "seamalloc: seamalloc_conf: none=1: there is no such option; it is ignored\n"));
}

/* --- what the line says, read again --------------------------------------------------------- */

static const char *const items[] = {"arena=2M", "cache=0", "deepbind=keep", "dirty_max=1025", "dirty_ratio=1", "shards=256",
				    "thp=never", "thp=always", "strict=1", "cache=1024G", "dirty_max=1023G"};

static void put_random_items(uint64_t *seed, char *text)
{
	for (size_t nr = below(seed, 12); nr > 0; nr--) {
		strcat(text, ",");
		strcat(text, items[below(seed, NR(items))]);
	}
}

/* Loads options at random, and then from the defaults what the line says of them. */
static void load_and_read_back(uint64_t seed)
{
	char conf[1000] = "verbose=1";
	struct sea_origin origin = {.name = "line"};
	put_random_items(&seed, conf);
	set_variable(0, "SEAMALLOC_CONF", conf);
	struct sea_options first = sea_options;
	sea_sources_load();
	struct sea_options loaded = sea_options;
	sea_options = first;
	char *settings = strstr(sim.report, ", ");
	CHECK(settings);
	settings[strcspn(settings, "\n")] = '\0';
	CHECK(sea_options_parse(settings + 2, &origin));
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
	PASSES(the_environment_is_read_once),
	PASSES(names_of_glibc),
	PASSES(our_own_name_wins),
	PASSES(a_secure_process_reads_neither_environment_nor_file),
	PASSES(verbose_says_one_line),
	PASSES(verbose_says_what_is_not_as_at_first),
	PASSES(a_file_sets_options),
	PASSES(the_last_line_needs_no_end),
	PASSES(a_section_is_for_one_program),
	PASSES(a_section_that_is_cut_is_for_nobody),
	PASSES(a_complaint_names_file_and_line),
	PASSES(a_line_may_be_as_long_as_it_likes),
	PASSES(a_huge_file_is_not_read_to_its_end),
	PASSES(a_file_as_long_as_it_may_be),
	PASSES(any_bytes),
	PASSES(a_file_that_cannot_be_read),
	PASSES(a_named_file_is_read_instead),
	PASSES(no_name_is_no_file),
	ABORTS(strict_in_a_file, "/etc/seamalloc.conf:4: other=1: there is no such option; strict=1 ends the process"),
	PASSES(the_later_wins),
	PASSES(the_programs_string_is_named),
	PASSES(what_verbose_says_is_read_back),
};

HARNESS_MAIN(cases)
