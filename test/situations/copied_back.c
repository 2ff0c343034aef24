/* SPDX-License-Identifier: MIT */
/* copied_back.c - blocks are copied out with all their bytes, and the bytes come back
 *
 * What free chunks hold of the allocator's stays in the larger block that is made of them.
 * A program that copies such a block saves it, and puts it back when it takes small blocks
 * at the same addresses: no block is freed twice.
 */
#include "situation.h"

enum { NR_SMALL = 20000, NR_LARGE = 40, SMALL = 32, LARGE = 20000 };

static char *small[NR_SMALL], *large[NR_LARGE];
static char saved[NR_LARGE][LARGE];

static void take_small(void)
{
	for (size_t i = 0; i < NR_SMALL; i++)
		CHECK((small[i] = malloc(SMALL)) != NULL);
}

static void free_small(void)
{
	for (size_t i = 0; i < NR_SMALL; i++)
		free(small[i]);
}

/* Large blocks lie where the small ones were; nothing is written to them. */
static void save_large(void)
{
	for (size_t i = 0; i < NR_LARGE; i++) {
		CHECK((large[i] = malloc(LARGE)) != NULL);
		memcpy(saved[i], opaque(large[i]), LARGE);
	}
	for (size_t i = 0; i < NR_LARGE; i++)
		free(large[i]);
}

/* Gives a small block the bytes that were at its address in a large one. */
static void put_back(char *block)
{
	for (size_t i = 0; i < NR_LARGE; i++) {
		uintptr_t offset = (uintptr_t)block - (uintptr_t)large[i];
		if (offset <= LARGE - SMALL) {
			memcpy(block, saved[i] + offset, SMALL);
			return;
		}
	}
}

static void small_and_large(void)
{
	take_small();
	free_small();
	for (size_t round = 0; round < test_pick(40, 200, 2000); round++) {
		save_large();
		take_small();
		for (size_t i = 0; i < NR_SMALL; i++)
			put_back(small[i]);
		free_small();
	}
}

static const struct test_case cases[] = {
	{.name = "bytes of large blocks are put back into small ones", .run = small_and_large, .seconds = 120},
};

HARNESS_MAIN(cases)
