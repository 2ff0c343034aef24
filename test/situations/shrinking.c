/* SPDX-License-Identifier: MIT */
/* shrinking.c - large buffers are filled, and shrunk by realloc to the little that stays
 *
 * What realloc cuts off goes back to the system like what free() frees: 60 MiB are twice the
 * live bytes and the budget for free memory, and far from the 400 to 1,000 MiB that were filled.
 */
#include "situation.h"

enum { MAX_BUFFERS = 50, FULL = 20 * 1024 * 1024, SHRUNK = 300000 };

#define MAX_RESIDENT (60 * MiB)

static char *buffers[MAX_BUFFERS];
static size_t nr_buffers;

/* Work that is small enough to be cached; it lasts `seconds` of wall time. */
static void work_lightly(double seconds)
{
	for (double end = test_now() + seconds; test_now() < end; usleep(1000))
		free(opaque(malloc(100)));
}

/* The thread has the small class at hand: light work does not reach what deals in pages. */
static void start(void)
{
	nr_buffers = test_pick(20, MAX_BUFFERS, MAX_BUFFERS);
	for (size_t i = 0; i < 2; i++)
		free(opaque(malloc(100)));
}

static void fill(size_t i)
{
	CHECK((buffers[i] = malloc(FULL)) != NULL);
	memset(buffers[i], (int)i + 1, FULL);
}

static void shrink(size_t i)
{
	CHECK((buffers[i] = realloc(buffers[i], SHRUNK)) != NULL);
}

static void check_what_is_left(void)
{
	for (int i = 0; i < 15 && test_rss() > MAX_RESIDENT; i++)
		work_lightly(0.1);
	CHECK_AT_MOST(test_rss(), MAX_RESIDENT);
	for (size_t i = 0; i < nr_buffers; i++)
		CHECK(buffers[i][0] == (char)(i + 1) && buffers[i][SHRUNK - 1] == (char)(i + 1));
}

static void one_by_one(void)
{
	start();
	for (size_t i = 0; i < nr_buffers; i++) {
		fill(i);
		shrink(i);
	}
	check_what_is_left();
}

static void all_at_last(void)
{
	start();
	for (size_t i = 0; i < nr_buffers; i++)
		fill(i);
	for (size_t i = 0; i < nr_buffers; i++)
		shrink(i);
	check_what_is_left();
}

static const struct test_case cases[] = {
	{.name = "each buffer is shrunk when it is full", .run = one_by_one, .seconds = 120},
	{.name = "all buffers are shrunk at last", .run = all_at_last, .seconds = 120},
};

HARNESS_MAIN(cases)
