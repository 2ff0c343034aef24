/* SPDX-License-Identifier: MIT */
/* churn.c - thousands of threads, each with little to do
 *
 * A server with a thread for each connection, as it is in P. Larson and M. Krishnan, "Memory
 * Allocation for Long-Running Server Applications", ISMM 1998, taken to its end: what an
 * allocator sets up for a thread and what it leaves behind weighs more than the blocks.
 *
 * Adapted: in each lane one thread lives after the other.  It takes blocks, puts some more in
 * place of what threads long dead have left, as in a session store, frees its own and dies.
 */
#include "stress.h"

/* 13 MB, 430 bytes each on average. */
#define STORED 30000
#define SIZE_LOW 16
#define SIZE_END 2048
/* Of all lanes together in one round. */
#define LIVES 16
/* Blocks of one life, and those that outlive it. */
#define TAKEN 200
#define LEFT 50

static void **stores[MAX_THREADS];

static size_t pick_size(struct worker *self)
{
	return random_doubling(&self->random, SIZE_LOW, SIZE_END);
}

static uint64_t stored_id(const struct worker *self, size_t at)
{
	return (uint64_t)self->index * STORED + at;
}

/* Own blocks have ids of their own, above those that are stored. */
static uint64_t own_id(const struct worker *self, size_t i)
{
	return (uint64_t)(self->index + 1) << 40 | i;
}

static void live_one_life(struct worker *self)
{
	void *own[TAKEN];
	for (size_t i = 0; i < TAKEN; i++)
		own[i] = block_take(self, pick_size(self), own_id(self, i));
	for (size_t i = 0; i < LEFT; i++) {
		size_t at = random_below(&self->random, stress_share(STORED));
		block_replace(self, stores[self->index], at, pick_size(self), stored_id(self, at));
	}
	for (size_t i = 0; i < TAKEN; i++)
		block_give(self, own[i], own_id(self, i));
}

static void work(struct worker *self)
{
	stores[self->index] = table_take(self, stress_share(STORED));
	while (worker_goes_on(self))
		for (size_t i = stress_share(LIVES); i > 0; i--)
			worker_in_thread(self, live_one_life);
	table_give(self, stores[self->index], stress_share(STORED), stored_id(self, 0));
}

const struct pattern pattern = {
	.name = "churn",
	.imitates = "thousands of short-lived threads that leave some blocks behind (after Larson and Krishnan 1998)",
	.threads = 4,
	.rounds = 1000,
	.always_threads = true,
	.work = work,
};
