/* SPDX-License-Identifier: MIT */
/* heirs.c - a table that one thread after the other works on
 *
 * The server benchmark of P. Larson and M. Krishnan, "Memory Allocation for Long-Running Server
 * Applications", ISMM 1998: a thread replaces blocks at random, hands all of them to a
 * successor, and ends.
 *
 * A thread draws about as much as it sends back, and holds what it never drew: an allocator
 * that goes by what a thread has drawn takes it for one that holds nothing.
 *
 * Adapted: sizes are uniform as there, the live set is divided among the threads.
 */
#include "stress.h"

/* 5 MB in all tables. */
#define HELD 10000
#define SIZE_LOW 16
#define SIZE_END 1000
/* Of all lanes together in one round, two for each replacement: each place is replaced some 25
 * times in a life. */
#define OPERATIONS 500000

static void **tables[MAX_THREADS];

static uint64_t first_id(const struct worker *self)
{
	return (uint64_t)self->index * HELD;
}

static void live_one_life(struct worker *self)
{
	size_t nr_held = stress_share(HELD);
	for (size_t i = stress_share(OPERATIONS) / 2; i > 0; i--) {
		size_t at = random_below(&self->random, nr_held);
		size_t size = SIZE_LOW + random_below(&self->random, SIZE_END - SIZE_LOW);
		block_replace(self, tables[self->index], at, size, first_id(self) + at);
	}
}

static void work(struct worker *self)
{
	tables[self->index] = table_take(self, stress_share(HELD));
	while (worker_goes_on(self))
		worker_in_thread(self, live_one_life);
	table_give(self, tables[self->index], stress_share(HELD), first_id(self));
}

const struct pattern pattern = {
	.name = "heirs",
	.imitates = "threads that each replace blocks of a table they inherit, and bequeath it (Larson and Krishnan 1998)",
	.threads = 2,
	.rounds = 60,
	.always_threads = true,
	.work = work,
};
