/* SPDX-License-Identifier: MIT */
/* burst.c - eight threads hold 150 MiB together, free all of it, and have little to do
 *
 * What is left after a burst is the question of give-back: J. Evans, "A Scalable Concurrent
 * malloc(3) Implementation for FreeBSD", BSDCan 2006, and the decay of unused dirty pages in
 * jemalloc since; M. Maas et al., "Learning-based Memory Allocation for C++ Server Workloads",
 * ASPLOS 2020, have server heaps that swell and shrink with the load.
 *
 * Adapted: bursts begin together.  One half of each burst is freed by the neighbour of the thread
 * that made it.  Between bursts each thread works on a few small blocks.  --idle tells what
 * is resident when all is over.
 */
#include "bag.h"

#define BURST (150 * MiB)
/* 16 bytes to 16 KiB, each doubling as likely: 2.4 KiB on average. */
#define SIZE_LOW 16
#define SIZE_END (16 * KiB)
/* Room for the average of half that, in case chance prefers small blocks. */
#define AVERAGE_LOW 1200
/* Of all threads, in the quiet time after each burst. */
#define QUIET_OPERATIONS 20000
#define QUIET_BLOCKS 64
#define QUIET_SIZE_END 512

static struct bag bags[MAX_THREADS];

static void swell(struct worker *self, struct bag *bag)
{
	while (bag->bytes < stress_share(BURST) && bag->nr < bag->nr_places)
		bag_put(self, bag, random_doubling(&self->random, SIZE_LOW, SIZE_END));
}

static void shrink(struct worker *self, struct bag *bag, size_t left)
{
	while (bag->nr > left)
		bag_drop_any(self, bag);
}

static void be_quiet(struct worker *self)
{
	void *blocks[QUIET_BLOCKS] = { NULL };
	for (size_t i = stress_share(QUIET_OPERATIONS); i > 0; i--) {
		size_t at = random_below(&self->random, QUIET_BLOCKS);
		block_replace(self, blocks, at, random_doubling(&self->random, SIZE_LOW, QUIET_SIZE_END), at);
	}
	for (size_t at = 0; at < QUIET_BLOCKS; at++)
		if (blocks[at])
			block_give(self, blocks[at], at);
}

static void work(struct worker *self)
{
	struct bag *own = &bags[self->index];
	struct bag *neighbours = &bags[(self->index + 1) % stress_threads()];
	while (worker_all_go_on(self)) {
		bag_open(self, own, stress_share(BURST) / AVERAGE_LOW);
		swell(self, own);
		worker_meet(self);
		shrink(self, own, own->nr / 2);
		worker_meet(self);
		shrink(self, neighbours, 0);
		bag_close(self, neighbours);
		be_quiet(self);
	}
}

const struct pattern pattern = {
	.name = "burst",
	.imitates = "threads that hold 150 MiB together, free all of it, and do little afterwards "
		    "(give-back; after Evans 2006, Maas et al. 2020)",
	.threads = 8,
	.rounds = 30,
	.is_quick = true,
	.work = work,
};
