/* SPDX-License-Identifier: MIT */
/* huge_requests.c - a bogus length from outside: the program asks for it and handles NULL
 *
 * A request that cannot be served fails at once, and nothing is kept of the attempt.
 */
#include "situation.h"

/* Of a process that holds next to nothing. */
#define MAX_RESIDENT (20 * MiB)

/* CPU seconds of one request, served or not. */
#define MAX_SECONDS 0.010

/* Claim: `size` bytes are asked for within the time, by each function that may.  The best of
 * three tries, in case the machine is stopped in one. */
static void ask_for(size_t size)
{
	double least = 1e9;
	for (int i = 0; i < 3; i++) {
		double start = situation_cpu();
		free(opaque(malloc(opaque_size(size))));
		free(opaque(calloc(1, opaque_size(size))));
		double spent = situation_cpu() - start;
		least = spent < least ? spent : least;
	}
	if (least > 2 * MAX_SECONDS)
		test_fail(__FILE__, __LINE__, "2 requests of %zu MiB take %.1f ms, may take %.1f", size / MiB,
			  least * 1e3, 2e3 * MAX_SECONDS);
	CHECK_AT_MOST(test_rss(), MAX_RESIDENT);
}

static void powers_of_two(void)
{
	free(malloc(100));
	for (unsigned shift = 36; shift < 64; shift++)
		ask_for((size_t)1 << shift);
}

/* Just what the address space has, just what it does not have, and the largest numbers. */
static void borders(void)
{
	static const size_t sizes[] = {((size_t)1 << 47) - 4096, ((size_t)1 << 47) - 64 * GiB, ((size_t)1 << 47) + 1,
				       PTRDIFF_MAX - 4096, PTRDIFF_MAX, SIZE_MAX - 4096, SIZE_MAX};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		ask_for(sizes[i]);
}

/* The block that could not grow stays as it was. */
static void realloc_fails(void)
{
	static const size_t sizes[] = {100, 3000, 50000, 400000, 3000000};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char *block = malloc(sizes[i]);
		test_fill(block, sizes[i], i);
		double start = situation_cpu();
		CHECK(opaque(realloc(block, opaque_size((size_t)1 << 60))) == NULL);
		CHECK(situation_cpu() - start <= 3 * MAX_SECONDS); /* it may be stopped once */
		CHECK(test_is_filled(block, sizes[i], i));
		free(block);
	}
	CHECK_AT_MOST(test_rss(), MAX_RESIDENT);
}

static void aligned_fails(void)
{
	for (unsigned shift = 40; shift < 62; shift++) {
		void *block = NULL;
		double start = situation_cpu();
		if (posix_memalign(&block, (size_t)1 << (shift / 2), (size_t)1 << shift) == 0)
			free(block);
		CHECK(situation_cpu() - start <= 3 * MAX_SECONDS);
	}
	CHECK_AT_MOST(test_rss(), MAX_RESIDENT);
}

static const struct test_case cases[] = {
	{.name = "powers of two from 64 GiB", .run = powers_of_two, .seconds = 120},
	{.name = "at the borders of the address space", .run = borders, .seconds = 120},
	{.name = "realloc leaves the block as it was", .run = realloc_fails, .seconds = 120},
	{.name = "aligned", .run = aligned_fails, .seconds = 120},
};

HARNESS_MAIN(cases)
