/* SPDX-License-Identifier: MIT */
/* many_mappings.c - buffers of 5 to 31 MB that are resized at random
 *
 * The kernel allows 65,530 mappings.  A buffer that is moved or grown must not leave a piece
 * of a mapping behind each time: 1,000 are some 7 for each of 150 buffers, glibc has 175.
 */
#include "situation.h"

enum { NR_BUFFERS = 150, MAX_MAPPINGS = 1000 };

static char *buffers[NR_BUFFERS];
static size_t sizes[NR_BUFFERS];

/* Writes a byte in each MiB. */
static void mark_buffer(size_t i)
{
	for (size_t at = 0; at < sizes[i]; at += MiB)
		buffers[i][at] = (char)(i + at / MiB);
}

static void check_buffer(size_t i, size_t size)
{
	for (size_t at = 0; at < size; at += MiB)
		CHECK(buffers[i][at] == (char)(i + at / MiB));
}

static void resize(size_t i, size_t size)
{
	CHECK((buffers[i] = realloc(buffers[i], size)) != NULL);
	check_buffer(i, size < sizes[i] ? size : sizes[i]);
	sizes[i] = size;
	mark_buffer(i);
}

static void resize_at_random(size_t least, size_t most, size_t nr_calls)
{
	uint64_t random = test_seed();
	size_t peak = 0;
	for (size_t call = 0; call < nr_calls; call++) {
		resize(situation_below(&random, NR_BUFFERS), least + situation_below(&random, most - least));
		if (call % 500 == 499) {
			size_t now = test_nr_mappings();
			peak = now > peak ? now : peak;
		}
	}
	test_note("%zu calls, at most %zu mappings\n", nr_calls, peak);
	CHECK_AT_MOST(peak, MAX_MAPPINGS);
}

static void large(void) { resize_at_random(5 * MiB, 31 * MiB, test_pick(16000, 100000, 1000000)); }
static void medium(void) { resize_at_random(1 * MiB, 31 * MiB, test_pick(3000, 100000, 1000000)); }

/* Up and down by little, so that a buffer mostly stays where it is. */
static void by_a_little(void)
{
	uint64_t random = test_seed();
	for (size_t i = 0; i < NR_BUFFERS; i++)
		resize(i, 8 * MiB);
	for (size_t call = 0; call < test_pick(3000, 100000, 1000000); call++) {
		size_t i = situation_below(&random, NR_BUFFERS);
		resize(i, sizes[i] / 2 + 4 * MiB + situation_below(&random, sizes[i] / 2));
	}
	CHECK_AT_MOST(test_nr_mappings(), MAX_MAPPINGS);
}

static const struct test_case cases[] = {
	{.name = "buffers of 5 to 31 MiB", .run = large, .seconds = 300},
	{.name = "buffers of 1 to 31 MiB", .run = medium, .seconds = 300},
	{.name = "buffers that change by a little", .run = by_a_little, .seconds = 300},
};

HARNESS_MAIN(cases)
