/* SPDX-License-Identifier: MIT */
/* forkjoin.c - threads that are started for each round, and waited for
 *
 * After test-stress of D. Leijen's mimalloc ("mimalloc: Free List Sharding in Action", APLAS
 * 2019): in each round new threads take blocks, free some in random order, and swap some by a
 * shared table.  Some blocks are a hundred to ten thousand times as large as most.  Threads
 * have unequal shares, and at the end of a round free what they hold.
 *
 * To an allocator each round looks like the end of the program's work, and is not.
 *
 * Adapted: the id of a block in the shared table is its place there.
 */
#include "bag.h"

#define SHARED 1000
/* Blocks of all lanes in one round: the last lane takes most. */
#define TAKEN 60000
/* Most blocks have 16 bytes to 512. */
#define SIZE_LOW 16
#define SIZE_END 512
/* One block in so many is a hundred times as large, one of those ten times that, and one of
 * those again: up to 5 MB. */
#define LARGE_ONE_OF 50
#define LARGER_ONE_OF 10
#define LARGEST_ONE_OF 5

static _Atomic(void *) shared[SHARED];

static size_t pick_size(struct worker *self)
{
	size_t size = random_doubling(&self->random, SIZE_LOW, SIZE_END);
	if (!random_is(&self->random, 1, LARGE_ONE_OF))
		return size;
	if (!random_is(&self->random, 1, LARGER_ONE_OF))
		return size * 100;
	return size * (random_is(&self->random, 1, LARGEST_ONE_OF) ? 10000 : 1000);
}

/* The exchange releases what was written into one block and acquires the other. */
static void exchange(struct worker *self)
{
	size_t at = random_below(&self->random, SHARED);
	void *block = block_take(self, random_doubling(&self->random, SIZE_LOW, SIZE_END), at);
	block = atomic_exchange_explicit(&shared[at], block, memory_order_acq_rel);
	if (block)
		block_give(self, block, at);
}

/* Lane i of n takes i + 1 parts of n (n + 1) / 2. */
static size_t share_of(const struct worker *self)
{
	size_t nr = stress_threads();
	return TAKEN * 2 * (self->index + 1) / (nr * (nr + 1));
}

static void live_one_round(struct worker *self)
{
	struct bag held;
	bag_open(self, &held, share_of(self));
	for (size_t i = 0; i < held.nr_places; i++) {
		bag_put(self, &held, pick_size(self));
		if (random_is(&self->random, 2, 3))
			bag_drop_any(self, &held);
		if (random_is(&self->random, 1, 4))
			exchange(self);
	}
	while (held.nr > 0)
		bag_drop_any(self, &held);
	bag_close(self, &held);
}

static void work(struct worker *self)
{
	while (worker_all_go_on(self))
		worker_in_thread(self, live_one_round);
}

/* No thread is left that could exchange. */
static void finish(struct worker *self)
{
	for (size_t at = 0; at < SHARED; at++) {
		void *block = atomic_load(&shared[at]);
		if (block)
			block_give(self, block, at);
	}
}

const struct pattern pattern = {
	.name = "forkjoin",
	.imitates = "threads that are started for each round and waited for, which swap blocks and hold some large ones "
		    "(after Leijen et al. 2019)",
	.threads = 4,
	.rounds = 100,
	.always_threads = true,
	.work = work,
	.finish = finish,
};
