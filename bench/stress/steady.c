/* SPDX-License-Identifier: MIT */
/* steady.c - each thread replaces blocks of its own, small ones much more often
 *
 * After bench-malloc-thread of the GNU C library (benchtests, W. Newton and others, 2013): a
 * working set for each thread, random replacement, and block sizes by an inverse square law,
 * which resembles many programs, as it says.  Nothing crosses threads: what is left is how
 * well they keep out of each other's way.
 *
 * Adapted: the working set is larger, so that memory can be compared.
 */
#include "stress.h"

/* 12 MB, 122 bytes each on average. */
#define OBJECTS 100000
#define SIZE_LOW 16
#define SIZE_HIGH 32768
/* Of all threads in one round. */
#define REPLACEMENTS 50000

/* The density falls with the square of the size: a uniform number in the denominator. */
static size_t pick_size(struct worker *self)
{
	uint64_t dice = random_below(&self->random, SIZE_HIGH - SIZE_LOW + 1);
	return (size_t)SIZE_LOW * SIZE_HIGH / (SIZE_LOW + dice);
}

static uint64_t first_id(const struct worker *self)
{
	return (uint64_t)self->index * OBJECTS;
}

static void work(struct worker *self)
{
	size_t nr_objects = stress_share(OBJECTS);
	void **objects = table_take(self, nr_objects);
	while (worker_goes_on(self)) {
		for (size_t i = stress_share(REPLACEMENTS); i > 0; i--) {
			size_t at = random_below(&self->random, nr_objects);
			block_replace(self, objects, at, pick_size(self), first_id(self) + at);
		}
	}
	table_give(self, objects, nr_objects, first_id(self));
}

const struct pattern pattern = {
	.name = "steady",
	.imitates = "each thread replaces blocks of its own, sizes by an inverse square law "
		    "(after bench-malloc-thread of the GNU C library)",
	.threads = 4,
	.rounds = 150,
	.is_quick = true,
	.work = work,
};
