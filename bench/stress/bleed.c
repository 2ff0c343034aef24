/* SPDX-License-Identifier: MIT */
/* bleed.c - a server whose objects outlive the thread that made them
 *
 * After P. Larson and M. Krishnan, "Memory Allocation for Long-Running Server Applications",
 * ISMM 1998: each thread replaces objects at random places of an array; then it creates a
 * successor, leaves it the array and ends, so that blocks "bleed" from thread to thread.
 *
 * Adapted: sizes are 16 to 500 bytes, all equally likely; the arrays are larger than theirs,
 * so that memory can be compared.  A lane is one line of succession; each
 * round is one life.
 */
#include "stress.h"

/* 26 MB of blocks; 258 bytes each on average. */
#define OBJECTS 100000
#define SIZE_MAX_BYTES 500
/* Of all lanes together in one round: each object once on average. */
#define REPLACEMENTS 100000

static void **lanes[MAX_THREADS];

static size_t pick_size(struct worker *self)
{
	return random_between(&self->random, BLOCK_MIN, SIZE_MAX_BYTES);
}

/* An id tells lane and place, so that blocks of two lanes cannot be taken for each other. */
static uint64_t first_id(const struct worker *self)
{
	return (uint64_t)self->index * OBJECTS;
}

static void live_one_life(struct worker *self)
{
	size_t nr_objects = stress_share(OBJECTS);
	for (size_t i = stress_share(REPLACEMENTS); i > 0; i--) {
		size_t at = random_below(&self->random, nr_objects);
		block_replace(self, lanes[self->index], at, pick_size(self), first_id(self) + at);
	}
}

static void fill_all(struct worker *self)
{
	for (size_t at = 0; at < stress_share(OBJECTS); at++)
		block_replace(self, lanes[self->index], at, pick_size(self), first_id(self) + at);
}

static void work(struct worker *self)
{
	lanes[self->index] = table_take(self, stress_share(OBJECTS));
	worker_in_thread(self, fill_all);
	while (worker_goes_on(self))
		worker_in_thread(self, live_one_life);
	table_give(self, lanes[self->index], stress_share(OBJECTS), first_id(self));
}

const struct pattern pattern = {
	.name = "bleed",
	.imitates = "server simulation: each thread replaces random objects that it inherited from a dead one "
		    "(Larson and Krishnan 1998)",
	.threads = 4,
	.rounds = 50,
	.is_quick = true,
	.always_threads = true,
	.work = work,
};
