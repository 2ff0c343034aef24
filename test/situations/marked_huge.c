/* SPDX-License-Identifier: MIT */
/* marked_huge.c - what a program says of a block by madvise() does not outlive the block
 *
 * Numerical libraries mark their arrays MADV_HUGEPAGE; programs keep secrets or buffers of a
 * device from their children by MADV_WIPEONFORK and MADV_DONTFORK.  Then the block is freed,
 * and its addresses serve others.
 */
#include "situation.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <sys/mman.h>

#define GUARD_INSTALL 102 /* MADV_GUARD_INSTALL: Linux 6.13, glibc 2.41 */

enum { NR_ARRAYS = 12, ARRAY = 8 * 1024 * 1024, GUARDED = 3 * 1024 * 1024, PAGE = 4096, NR_BLOCKS = 90, BLOCK = 1000000 };

/* Bytes that may become resident where a page in each of 90 blocks is touched. */
#define MAX_GROWTH (40 * MiB)

static char *blocks[NR_BLOCKS];

/* Arrays that are marked, filled and freed. */
static void arrays_marked(int advice)
{
	char *arrays[NR_ARRAYS];
	for (size_t i = 0; i < NR_ARRAYS; i++) {
		CHECK((arrays[i] = malloc(ARRAY)) != NULL);
		char *first_page = (char *)(((uintptr_t)arrays[i] + PAGE - 1) & ~(uintptr_t)(PAGE - 1));
		if (advice >= 0 && madvise(first_page, ARRAY - 2 * PAGE, advice) != 0)
			test_skip("the kernel does not know this advice");
		memset(arrays[i], 1, ARRAY);
	}
	for (size_t i = 0; i < NR_ARRAYS; i++)
		free(arrays[i]);
}

static void take_blocks(void)
{
	for (size_t i = 0; i < NR_BLOCKS; i++) {
		CHECK((blocks[i] = malloc(BLOCK)) != NULL);
		blocks[i][BLOCK / 2] = (char)i;
	}
}

/* With time and calls for what is free to go back. */
static void settle(void)
{
	malloc_trim(0);
	for (size_t i = 0; i < 20; i++) {
		usleep(50000);
		for (size_t k = 0; k < 250; k++)
			free(opaque(malloc(2000 + 250 * i + k)));
	}
}

static void grows_by_little(int advice)
{
	arrays_marked(advice);
	settle();
	size_t before = test_rss();
	take_blocks();
	size_t after = test_rss();
	CHECK_AT_MOST(after > before ? after - before : 0, MAX_GROWTH);
}

/* As the system makes huge pages unasked where it is told "always". */
static void need_huge_pages_on_request(void)
{
	char text[64] = "";
	int fd = open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0 || strstr(text, "[madvise]") == NULL)
		test_skip("huge pages are not on request here");
	close(fd);
}

static void not_marked(void) { grows_by_little(-1); }

static void huge(void)
{
	need_huge_pages_on_request();
	grows_by_little(MADV_HUGEPAGE);
}

/* A long block loses its end, with the advice, and gets it again. */
static void shrunk_and_grown(void)
{
	enum { LONG = 200 << 20, SHORT = 150 << 20, AT = 180 << 20 };
	int status = 0;
	char *block = malloc(LONG);
	CHECK(block != NULL);
	char *page = (char *)(((uintptr_t)block + AT) & ~(uintptr_t)(PAGE - 1));
	if (madvise(page, 16 * PAGE, MADV_DONTFORK) != 0)
		test_skip("the kernel does not know this advice");
	CHECK((block = realloc(block, SHORT)) != NULL);
	CHECK((block = realloc(block, LONG)) != NULL);
	memset(block + AT - MiB, 3, 2 * MiB);
	pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0)
		_exit(((volatile char *)block)[AT] != 3);
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
}

/* A child reads what its parent wrote before the fork. */
static void child_sees_blocks(int advice)
{
	int status = 0;
	arrays_marked(advice);
	take_blocks();
	pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		for (size_t i = 0; i < NR_BLOCKS; i++)
			if (*(volatile char *)&blocks[i][BLOCK / 2] != (char)i)
				_exit(1);
		_exit(0);
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
}

/* Reading or writing a page with a guard ends in SIGSEGV. */
static void guarded(void)
{
	char *array = malloc(GUARDED);
	CHECK(array != NULL);
	memset(array, 1, GUARDED);
	char *page = (char *)(((uintptr_t)array + GUARDED / 2) & ~(uintptr_t)(PAGE - 1));
	if (madvise(page, PAGE, GUARD_INSTALL) != 0)
		test_skip("the kernel does not know this advice");
	free(array);
	CHECK((array = malloc(GUARDED)) != NULL);
	memset(array, 2, GUARDED);
}

static void not_for_children(void) { child_sees_blocks(MADV_DONTFORK); }
static void wiped_in_children(void) { child_sees_blocks(MADV_WIPEONFORK); }

static const struct test_case cases[] = {
	{.name = "arrays that were not marked", .run = not_marked, .seconds = 60},
	{.name = "MADV_HUGEPAGE does not outlive the block", .run = huge, .seconds = 60},
	{.name = "MADV_DONTFORK does not outlive the block", .run = not_for_children, .seconds = 60},
	{.name = "MADV_WIPEONFORK does not outlive the block", .run = wiped_in_children, .seconds = 60},
	{.name = "advice about an end that was cut off", .run = shrunk_and_grown, .seconds = 60},
	{.name = "MADV_GUARD_INSTALL does not outlive the block", .run = guarded, .seconds = 60},
};

HARNESS_MAIN(cases)
