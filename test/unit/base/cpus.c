/* SPDX-License-Identifier: MIT */
/* cpus.c - trees of control groups, sound and not, and how many processors they leave */
#include "base/cpus.h"

#include <stdio.h>

#include "unit.h"

#define LIST "/proc/self/cgroup"
#define V1 "/sys/fs/cgroup/cpu"
#define V2 "/sys/fs/cgroup"

static size_t nr_files;

static void file(const char *path, const char *text)
{
	CHECK(nr_files < NR(sim.files));
	sim.files[nr_files++] = (struct sim_file){path, text};
}

/* A fresh tree on a machine of 64 processors. */
static void list(const char *text)
{
	sim.nr_cpus = 64;
	memset(sim.files, 0, sizeof(sim.files));
	nr_files = 0;
	file(LIST, text);
}

/* --- what the numbers mean ---------------------------------------------------------- */

static void the_mask_counts_where_there_are_no_groups(void)
{
	for (unsigned nr = 1; nr < 5; nr++) {
		sim.nr_cpus = nr;
		CHECK_EQ(sea_cpus_available(), nr);
	}
}

static unsigned with_v2(const char *text)
{
	list("0::/\n");
	file(V2 "/cpu.max", text);
	return sea_cpus_available();
}

static void time_is_rounded_up_to_whole_processors(void)
{
	CHECK_EQ(with_v2("100000 100000\n"), 1);
	CHECK_EQ(with_v2("100001 100000\n"), 2);
	CHECK_EQ(with_v2("200000 100000\n"), 2);
	CHECK_EQ(with_v2("250000 100000\n"), 3);
	CHECK_EQ(with_v2("1000 100000\n"), 1);
	CHECK_EQ(with_v2("1000 1000000\n"), 1);
	CHECK_EQ(with_v2("3000000 50000\n"), 60);
	CHECK_EQ(with_v2("18446744073709551615 1000000\n"), 64);
	CHECK_EQ(with_v2("18446744073709551615 18446744073709551615\n"), 1);
}

static void the_mask_may_be_less(void)
{
	list("0::/\n");
	file(V2 "/cpu.max", "800000 100000\n");
	sim.nr_cpus = 3;
	CHECK_EQ(sea_cpus_available(), 3);
	sim.nr_cpus = 8;
	CHECK_EQ(sea_cpus_available(), 8);
	sim.nr_cpus = 9;
	CHECK_EQ(sea_cpus_available(), 8);
}

static void no_limit_in_version_2(void)
{
	static const char *const texts[] = {
		"max 100000\n", "max\n", "max", "", "\n", " ", "100000", "100000\n", "100000 \n", " 100000 100000\n",
		"100000  100000\n", "100000\t100000\n", "100000 100000", "100000 100000 \n", "100000 100000x\n",
		"100000 max\n", "-1 100000\n", "100000 -1\n", "+1 1\n", "0x10 1\n", "0 100000\n", "100000 0\n", "0 0\n",
		"1e5 100000\n", "18446744073709551616 100000\n", "1 18446744073709551616\n",
		"0000000000000000000000000000000000000000000000000000000000100000 100000\n", "\x80\xff\n", "1\n1\n",
	};
	for (size_t i = 0; i < NR(texts); i++)
		if (with_v2(texts[i]) != 64)
			test_fail(__FILE__, __LINE__, "a limit was read from \"%s\"", texts[i]);
}

static unsigned with_v1(const char *quota, const char *period)
{
	list("3:cpu:/\n");
	file(V1 "/cpu.cfs_quota_us", quota);
	file(V1 "/cpu.cfs_period_us", period);
	return sea_cpus_available();
}

static void version_1_has_two_files(void)
{
	CHECK_EQ(with_v1("150000\n", "100000\n"), 2);
	CHECK_EQ(with_v1("5000\n", "5000\n"), 1);
	CHECK_EQ(with_v1("-1\n", "100000\n"), 64);
	CHECK_EQ(with_v1("", "100000\n"), 64);
	CHECK_EQ(with_v1("100000\n", ""), 64);
	CHECK_EQ(with_v1("100000\n", "0\n"), 64);
	CHECK_EQ(with_v1("0\n", "100000\n"), 64);
	CHECK_EQ(with_v1("100000", "100000\n"), 64);
	CHECK_EQ(with_v1("100000 1\n", "100000\n"), 64);
}

/* --- where the numbers are ------------------------------------------------------------ */

static void the_lowest_limit_up_to_the_root_holds(void)
{
	list("0::/a/b/c\n");
	file(V2 "/a/b/c/cpu.max", "max 100000\n");
	CHECK_EQ(sea_cpus_available(), 64);
	file(V2 "/a/b/cpu.max", "500000 100000\n");
	CHECK_EQ(sea_cpus_available(), 5);
	file(V2 "/a/cpu.max", "700000 100000\n");
	CHECK_EQ(sea_cpus_available(), 5);
	file(V2 "/cpu.max", "200000 100000\n");
	CHECK_EQ(sea_cpus_available(), 2);
	file(V2 "/a/b/c/d/cpu.max", "100000 100000\n");
	file(V2 "/a/bb/cpu.max", "100000 100000\n");
	CHECK_EQ(sea_cpus_available(), 2);
}

/* As systemd mounts the trees of version 1 beside that of version 2. */
static void both_versions_at_once(void)
{
	list("12:cpuset:/\n11:memory:/user.slice\n10:devices:/\n4:cpu,cpuacct:/user.slice/x\n1:name=systemd:/user.slice\n"
	     "0::/user.slice/y\n");
	file(V1 "/user.slice/x/cpu.cfs_period_us", "100000\n");
	file(V1 "/user.slice/x/cpu.cfs_quota_us", "600000\n");
	CHECK_EQ(sea_cpus_available(), 6);
	file(V2 "/user.slice/cpu.max", "400000 100000\n");
	CHECK_EQ(sea_cpus_available(), 4);
	file(V1 "/cpu.cfs_period_us", "100000\n");
	file(V1 "/cpu.cfs_quota_us", "300000\n");
	CHECK_EQ(sea_cpus_available(), 3);
}

static void only_the_controller_cpu_counts(void)
{
	static const struct {
		const char *controllers;
		bool counts;
	} table[] = {
		{"cpu", true}, {"cpu,cpuacct", true}, {"cpuacct,cpu", true}, {"a,cpu,b", true}, {",cpu", true},
		{"cpuacct", false}, {"cpuset", false}, {"acpu", false}, {"name=cpu", false}, {"cpu ", false}, {"CPU", false},
	};
	for (size_t i = 0; i < NR(table); i++) {
		char text[64];
		snprintf(text, sizeof(text), "7:%s:/g\n", table[i].controllers);
		list(text);
		file(V1 "/g/cpu.cfs_quota_us", "100000\n");
		file(V1 "/g/cpu.cfs_period_us", "100000\n");
		CHECK_EQ(sea_cpus_available(), table[i].counts ? 1 : 64);
	}
}

/* The host's name of the group, of which the container sees but the root. */
static void a_container_that_shows_names_of_the_host(void)
{
	list("0::/system.slice/docker-0123456789abcdef.scope\n");
	file(V2 "/cpu.max", "200000 100000\n");
	CHECK_EQ(sea_cpus_available(), 2);
}

/* What lies beside the tree does not belong to the process. */
static void a_group_outside_of_the_name_space(void)
{
	static const char *const lists[] = {"0::/../../other\n", "0::/..\n", "0::/a/../b\n", "0::/../\n"};
	for (size_t i = 0; i < NR(lists); i++) {
		list(lists[i]);
		file(V2 "/../../other/cpu.max", "100000 100000\n");
		file(V2 "/../cpu.max", "100000 100000\n");
		file(V2 "/a/cpu.max", "100000 100000\n");
		file(V2 "/cpu.max", "300000 100000\n");
		CHECK_EQ(sea_cpus_available(), 3);
	}
}

static void names_with_what_separates_elsewhere(void)
{
	list("0::/a:b c,d/e (deleted)\n");
	file(V2 "/a:b c,d/cpu.max", "200000 100000\n");
	CHECK_EQ(sea_cpus_available(), 2);
}

static void lists_that_make_no_sense(void)
{
	static const char *const lists[] = {
		"", "\n", "\n\n\n", ":", "::", "0", "0:", "0::", "0::a\n", "0::cpu.max\n", "0:cpu:g\n", "cpu\n", "0:cpu\n",
		"::\n:\n\n", "/\n", "\x80:\xff:\xfe\n",
	};
	for (size_t i = 0; i < NR(lists); i++) {
		list(lists[i]);
		file(V2 "a/cpu.max", "100000 100000\n");
		file(V2 "cpu.max/cpu.max", "100000 100000\n");
		file(V1 "g/cpu.cfs_quota_us", "100000\n");
		file(V1 "g/cpu.cfs_period_us", "100000\n");
		CHECK_EQ(sea_cpus_available(), 64);
	}
}

/* A group of so many levels "/xxxxxxxxx". */
static void deep_list(char *text, size_t nr_levels, const char *after)
{
	strcpy(text, "0::");
	for (size_t i = 0; i < nr_levels; i++)
		strcat(text, "/xxxxxxxxx");
	strcat(text, after);
}

/* Of a line that is too long the first levels count, and what comes behind does not. */
static void a_line_that_is_too_long(void)
{
	static char text[3000];
	for (size_t nr_levels = 45; nr_levels < 250; nr_levels++) {
		deep_list(text, nr_levels, "\n");
		list(text);
		file(V2 "/xxxxxxxxx/xxxxxxxxx/cpu.max", "400000 100000\n");
		CHECK_EQ(sea_cpus_available(), 4);
		file(V2 "/xxxxxxxxx/xxx/cpu.max", "100000 100000\n");
		file(V2 "/xxxxxxxxx/xxxxxx/cpu.max", "100000 100000\n");
		CHECK_EQ(sea_cpus_available(), 4);
	}
}

/* The line that counts lies across the border of what is read at a time, or anywhere. */
static void a_long_list(void)
{
	static char text[8000];
	for (size_t before = 0; before < 1200; before += 7) {
		size_t length = 0;
		while (length < before)
			length += (size_t)sprintf(text + length, "9:other:/%0*d\n", (int)(before % 90) + 1, 0);
		sprintf(text + length, "4:cpu:/g\n3:memory:/m\n");
		list(text);
		file(V1 "/g/cpu.cfs_quota_us", "500000\n");
		file(V1 "/g/cpu.cfs_period_us", "100000\n");
		CHECK_EQ(sea_cpus_available(), 5);
	}
}

static void an_endless_list_ends(void)
{
	static char text[1 << 20];
	for (size_t i = 0; i + 9 < sizeof(text); i += 9)
		memcpy(text + i, "1:other:\n", 9);
	list(text);
	CHECK_EQ(sea_cpus_available(), 64);
	CHECK_AT_MOST(sim.nr_calls[SIM_READ], 40);
}

/* --- at random --------------------------------------------------------------------------- */

/* Pieces of lists, in any order; whatever comes of it, all reads stay inside (sanitizers
 * look) and the answer is between 1 and the mask. */
static void random_files(void)
{
	static const char *const pieces[] = {"0", "::", ":", "/", "/a", "/..", "\n", "cpu", ",", "max", "100000",
					     " ", "-1", "5", "cpu,cpuacct", "9:cpu:/a\n", "0::/a\n", "\x80", "/."};
	uint64_t seed = test_seed();
	for (size_t i = 0; i < rounds(20000); i++) {
		char text[4][160] = {"", "", "", ""};
		for (size_t f = 0; f < NR(text); f++)
			for (size_t n = below(&seed, 12); n > 0; n--)
				strcat(text[f], pieces[below(&seed, NR(pieces))]);
		list(text[0]);
		file(below(&seed, 2) ? V2 "/cpu.max" : V2 "/a/cpu.max", text[1]);
		file(V1 "/cpu.cfs_quota_us", text[2]);
		file(V1 "/cpu.cfs_period_us", text[3]);
		unsigned nr = sea_cpus_available();
		CHECK(nr >= 1 && nr <= 64);
	}
}

/* A limit at random at a random level, in random numbers, against plain arithmetic. */
static void random_limits(void)
{
	uint64_t seed = test_seed();
	for (size_t i = 0; i < rounds(5000); i++) {
		size_t quota = 1000 + below(&seed, 10000000), period = 1000 + below(&seed, 1000000);
		char text[64];
		snprintf(text, sizeof(text), "%zu %zu\n", quota, period);
		list("0::/a/b\n");
		file(below(&seed, 2) ? V2 "/a/cpu.max" : V2 "/a/b/cpu.max", text);
		size_t want = (quota + period - 1) / period;
		CHECK_EQ(sea_cpus_available(), want < 64 ? want : 64);
	}
}

static const struct test_case cases[] = {
	PASSES(the_mask_counts_where_there_are_no_groups),
	PASSES(time_is_rounded_up_to_whole_processors),
	PASSES(the_mask_may_be_less),
	PASSES(no_limit_in_version_2),
	PASSES(version_1_has_two_files),
	PASSES(the_lowest_limit_up_to_the_root_holds),
	PASSES(both_versions_at_once),
	PASSES(only_the_controller_cpu_counts),
	PASSES(a_container_that_shows_names_of_the_host),
	PASSES(a_group_outside_of_the_name_space),
	PASSES(names_with_what_separates_elsewhere),
	PASSES(lists_that_make_no_sense),
	PASSES(a_line_that_is_too_long),
	PASSES(a_long_list),
	PASSES(an_endless_list_ends),
	PASSES(random_files),
	PASSES(random_limits),
};

HARNESS_MAIN(cases)
