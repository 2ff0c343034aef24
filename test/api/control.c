/* SPDX-License-Identifier: MIT */
/* control.c - malloc_trim, mallinfo, malloc_info, malloc_stats, mallopt: they speak
 * for the heap that malloc really uses
 */
#include "../harness.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "seamalloc.h"

enum { NR_BLOCKS = 64 * 1024, BLOCK_SIZE = 1024, SLACK = 2 * 1024 * 1024 };

static char *blocks[NR_BLOCKS];

/* By its name, for the header calls it deprecated. */
static struct mallinfo narrow_mallinfo(void)
{
	return ((struct mallinfo(*)(void))test_symbol("mallinfo"))();
}

/* Bytes the program holds.  glibc counts mapped blocks apart. */
static size_t held(void)
{
	struct mallinfo2 info = mallinfo2();
	return info.uordblks + (test_engine() == GLIBC ? info.hblkhd : 0);
}

/* 64 MiB in `count` touched blocks; returns their usable bytes. */
static size_t take(size_t count)
{
	size_t usable = 0;
	for (size_t i = 0; i < count; i++) {
		blocks[i] = malloc(64 * MiB / count);
		CHECK(blocks[i] != NULL);
		memset(blocks[i], 1, 64 * MiB / count);
		usable += malloc_usable_size(blocks[i]);
	}
	return usable;
}

static void give(size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(blocks[i]);
}

static void check_near(size_t got, size_t want)
{
	if (got + SLACK < want || got > want + SLACK)
		test_fail(__FILE__, __LINE__, "%zu is within 2 MiB of %zu", got, want);
}

static void check_counted(size_t count)
{
	size_t before = held(), usable = take(count);
	check_near(held() - before, usable);
	give(count);
	if (test_engine() != WATERMARK)
		check_near(held(), before);
}

static void small_blocks_are_counted(void)
{
	check_counted(NR_BLOCKS);
}

static void medium_blocks_are_counted(void)
{
	check_counted(64 * 1024 / 20);
}

static void large_blocks_are_counted(void)
{
	check_counted(64);
}

static void huge_block_is_counted(void)
{
	check_counted(1);
}

static void *take_here(void *argument)
{
	*(size_t *)argument = take(NR_BLOCKS);
	return NULL;
}

/* Blocks of a thread that has ended are still held. */
static void blocks_of_ended_threads_are_counted(void)
{
	pthread_t thread;
	size_t before = held(), usable = 0;
	CHECK_EQ(pthread_create(&thread, NULL, take_here, &usable), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	check_near(held() - before, usable);
	give(NR_BLOCKS);
	if (test_engine() != WATERMARK)
		check_near(held(), before);
}

static void mallinfo_agrees_with_itself(void)
{
	narrow_mallinfo(); /* older glibc allocates when it first looks up a name */
	take(NR_BLOCKS);
	for (size_t i = 0; i < NR_BLOCKS; i += 2)
		free(blocks[i]);
	struct mallinfo2 info = mallinfo2();
	CHECK(info.uordblks >= 32 * MiB);
	CHECK(info.uordblks <= 32 * MiB + 4 * MiB);
	CHECK(info.fordblks >= 28 * MiB);
	CHECK(info.fsmblks <= info.fordblks);
	CHECK(info.keepcost <= info.fordblks);
	CHECK(info.uordblks <= info.arena + info.hblkhd);
	struct mallinfo narrow = narrow_mallinfo();
	CHECK_EQ(narrow.uordblks, info.uordblks);
	CHECK_EQ(narrow.arena, info.arena);
}

static void trim_gives_back(void)
{
	memset(blocks, 0, sizeof(blocks));
	size_t before = test_rss();
	take(NR_BLOCKS);
	give(NR_BLOCKS);
	CHECK_EQ(malloc_trim(0), 1);
	CHECK_AT_MOST(test_rss() - before, 64 * MiB / 16);
}

static void trim_gives_large_back(void)
{
	size_t before = test_rss();
	take(320); /* of 200 KiB */
	give(320);
	malloc_trim(0);
	CHECK_AT_MOST(test_rss() - before, 64 * MiB / 16);
}

static void second_trim_finds_nothing(void)
{
	take(NR_BLOCKS);
	give(NR_BLOCKS);
	CHECK_EQ(malloc_trim(0), 1);
	CHECK_EQ(malloc_trim(0), 0);
}

static void trim_keeps_what_lives(void)
{
	take(NR_BLOCKS);
	for (size_t i = 0; i < NR_BLOCKS; i++) {
		if (i % 7 != 0)
			free(blocks[i]);
		else
			test_fill(blocks[i], BLOCK_SIZE, i);
	}
	malloc_trim(0);
	for (size_t i = 0; i < NR_BLOCKS; i += 7) {
		CHECK(test_is_filled(blocks[i], BLOCK_SIZE, i));
		free(blocks[i]);
	}
}

static void mallinfo_saturates(void)
{
	char *huge = malloc(3 * GiB); /* never touched */
	if (huge == NULL)
		test_skip("no 3 GiB of address space");
	CHECK(mallinfo2().uordblks >= 3 * GiB);
	CHECK_EQ(narrow_mallinfo().uordblks, INT_MAX);
	free(huge);
}

/* --- malloc_info ------------------------------------------------------------------ */

enum { MAX_DEPTH = 32, MAX_NAME = 64 };

static const char *skip_name(const char *at, char *name)
{
	size_t length = 0;
	while (isalnum((unsigned char)*at) || strchr("_-:.", *at) != NULL) {
		CHECK(*at != '\0' && length < MAX_NAME - 1);
		name[length++] = *at++;
	}
	name[length] = '\0';
	CHECK(length > 0);
	return at;
}

static const char *skip_spaces(const char *at)
{
	while (isspace((unsigned char)*at))
		at++;
	return at;
}

/* ATTRIBUTE="VALUE" ... up to > or />; returns where that stands. */
static const char *skip_attributes(const char *at)
{
	char name[MAX_NAME];
	for (at = skip_spaces(at); *at != '>' && *at != '/'; at = skip_spaces(at)) {
		at = skip_name(at, name);
		CHECK(at[0] == '=' && at[1] == '"');
		at = strpbrk(at + 2, "\"<&");
		CHECK(at != NULL && *at == '"');
		at++;
	}
	return at;
}

/* Elements nest and there is one root; enough of XML for what malloc_info writes. */
static void check_well_formed(const char *at)
{
	static char open[MAX_DEPTH][MAX_NAME];
	char name[MAX_NAME];
	int depth = 0, nr_roots = 0;
	if (strncmp(at, "<?xml", 5) == 0)
		at = strstr(at, "?>") + 2;
	while (*(at += strcspn(at, "<>")) != '\0') {
		CHECK(*at++ == '<');
		if (*at == '/') {
			at = skip_spaces(skip_name(at + 1, name));
			CHECK(depth > 0);
			CHECK(strcmp(open[--depth], name) == 0);
		} else {
			CHECK(depth < MAX_DEPTH);
			nr_roots += depth == 0;
			at = skip_attributes(skip_name(at, open[depth]));
			if (*at == '/')
				at++;
			else
				depth++;
		}
		CHECK(*at++ == '>');
	}
	CHECK_EQ(depth, 0);
	CHECK_EQ(nr_roots, 1);
}

/* The stream itself grows by realloc while malloc_info writes to it. */
static void info_is_xml(void)
{
	char *text = NULL;
	size_t size = 0;
	take(NR_BLOCKS);
	FILE *stream = open_memstream(&text, &size);
	CHECK(stream != NULL);
	CHECK_EQ(malloc_info(0, stream), 0);
	CHECK_EQ(fclose(stream), 0);
	CHECK(size > 0);
	test_note("%s\n", text);
	check_well_formed(text);
	free(text);
}

static void info_with_options_fails(void)
{
	FILE *stream = fopen("/dev/null", "w");
	CHECK(stream != NULL);
	for (int options = -1; options < 100; options += options < 0 ? 2 : 33) {
		errno = 0;
		CHECK_EQ(malloc_info(options, stream), -1);
		CHECK_EQ(errno, EINVAL);
	}
	fclose(stream);
}

/* --- malloc_stats ------------------------------------------------------------------ */

static off_t size_of(int fd)
{
	return lseek(fd, 0, SEEK_END);
}

static void stats_go_to_standard_error(void)
{
	int out = memfd_create("out", 0), err = memfd_create("err", 0);
	int old_out = dup(STDOUT_FILENO), old_err = dup(STDERR_FILENO);
	CHECK(out >= 0 && err >= 0);
	take(64);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	malloc_stats();
	fflush(stdout);
	dup2(old_out, STDOUT_FILENO);
	dup2(old_err, STDERR_FILENO);
	CHECK_EQ(size_of(out), 0);
	CHECK(size_of(err) > 20);
	CHECK(size_of(err) < 8192);
}

static void *cancel_self(void *fd)
{
	pthread_cancel(pthread_self());
	dup2(*(int *)fd, STDERR_FILENO);
	malloc_stats();
	*(int *)fd = -1;
	return NULL;
}

static void stats_are_no_cancellation_point(void)
{
	pthread_t thread;
	int err = memfd_create("err", 0), old = dup(STDERR_FILENO), passed = err;
	CHECK_EQ(pthread_create(&thread, NULL, cancel_self, &passed), 0);
	pthread_join(thread, NULL);
	dup2(old, STDERR_FILENO);
	CHECK_EQ(passed, -1);
	CHECK(size_of(err) > 20);
}

static void stats_without_standard_error(void)
{
	int old = dup(STDERR_FILENO);
	close(STDERR_FILENO);
	malloc_stats();
	dup2(old, STDERR_FILENO);
	free(malloc(100));
}

/* --- mallopt ---------------------------------------------------------------------- */

static void mallopt_accepts(void)
{
	CHECK_EQ(mallopt(M_TRIM_THRESHOLD, 1024 * 1024), 1);
	CHECK_EQ(mallopt(M_TRIM_THRESHOLD, 0), 1);
	CHECK_EQ(mallopt(M_ARENA_MAX, 1), 1);
	CHECK_EQ(mallopt(M_ARENA_MAX, 8), 1);
	CHECK_EQ(mallopt(M_MMAP_THRESHOLD, 128 * 1024), 1);
	CHECK_EQ(mallopt(M_MMAP_MAX, 100), 1);
	CHECK_EQ(mallopt(M_TOP_PAD, 0), 1);
	CHECK_EQ(mallopt(M_MXFAST, 64), 1);
	CHECK_EQ(mallopt(M_ARENA_TEST, 1), 1);
	CHECK_EQ(mallopt(M_PERTURB, 0), 1);
	small_blocks_are_counted();
}

static void mallopt_takes_the_nearest(void)
{
	CHECK_EQ(mallopt(M_ARENA_MAX, -1), 1);
	CHECK_EQ(mallopt(M_ARENA_MAX, 400), 1);
	CHECK_EQ(mallopt(M_TRIM_THRESHOLD, -1), 1);
	small_blocks_are_counted();
}

static void mallopt_refuses(void)
{
	CHECK_EQ(mallopt(M_MXFAST, 160), 1);
	CHECK_EQ(mallopt(M_MXFAST, 161), 0);
	CHECK_EQ(mallopt(M_MXFAST, -1), 0);
}

/* With a budget of 1 MiB nothing more than that stays after a burst. */
static void trim_threshold_is_the_budget(void)
{
	CHECK_EQ(mallopt(M_TRIM_THRESHOLD, 1024 * 1024), 1);
	size_t before = test_rss();
	take(256); /* of 256 KiB */
	give(256);
	CHECK_AT_MOST(test_rss() - before, 4 * MiB);
}

static const struct test_case cases[] = {
	{.name = "mallinfo2 counts small blocks", .run = small_blocks_are_counted},
	{.name = "mallinfo2 counts medium blocks", .run = medium_blocks_are_counted},
	{.name = "mallinfo2 counts large blocks", .run = large_blocks_are_counted},
	{.name = "mallinfo2 counts a huge block", .run = huge_block_is_counted},
	{.name = "mallinfo2 counts blocks of ended threads", .run = blocks_of_ended_threads_are_counted},
	{.name = "mallinfo2 and mallinfo agree", .run = mallinfo_agrees_with_itself,
	 .engines = SEAM | FREELIST},
	{.name = "mallinfo saturates at INT_MAX", .run = mallinfo_saturates, .engines = OURS},
	{.name = "malloc_trim returns 1 and gives 64 MiB back", .run = trim_gives_back, .engines = RECYCLING},
	{.name = "malloc_trim gives large blocks back", .run = trim_gives_large_back, .engines = RECYCLING},
	{.name = "malloc_trim returns 0 where nothing is left", .run = second_trim_finds_nothing,
	 .engines = SEAM | FREELIST},
	{.name = "malloc_trim keeps what lives", .run = trim_keeps_what_lives},
	{.name = "malloc_info writes well-formed XML", .run = info_is_xml},
	{.name = "malloc_info refuses options", .run = info_with_options_fails, .engines = OURS},
	{.name = "malloc_stats writes to standard error only", .run = stats_go_to_standard_error},
	{.name = "malloc_stats is no cancellation point", .run = stats_are_no_cancellation_point},
	{.name = "malloc_stats without standard error", .run = stats_without_standard_error},
	{.name = "mallopt accepts the parameters of glibc", .run = mallopt_accepts},
	{.name = "mallopt takes values out of range", .run = mallopt_takes_the_nearest},
	{.name = "mallopt refuses what glibc does", .run = mallopt_refuses},
	{.name = "M_TRIM_THRESHOLD bounds what is kept", .run = trim_threshold_is_the_budget,
	 .engines = SEAM | FREELIST},
};

HARNESS_MAIN(cases)
