/* SPDX-License-Identifier: MIT */
/* drift.c - survivors of small blocks in the way of larger ones
 *
 * The adversary of J. M. Robson, "Bounds for Some Functions Concerning Dynamic Storage
 * Allocation", Journal of the ACM 21(3), 1974, who allocates a size, frees all but what
 * pins the most memory, and goes on with a larger size; and what M. Johnstone and P. Wilson,
 * "The Memory Fragmentation Problem: Solved?", ISMM 1998, ask of real programs.
 *
 * Adapted: not the worst case but chance.  A phase fills up to a fixed number of bytes, then
 * frees nine of ten at random.  Sizes grow by half from phase to phase, from 32 bytes to
 * 8 KiB, and begin again.  A size class that keeps its pages pays here.
 */
#include "bag.h"

#define LIVE (16 * MiB)
#define KEEP_ONE_OF 10
#define SIZE_LOW ((size_t)32)
#define SIZE_HIGH (8 * KiB)
/* A size is less than a quarter above its phase's. */
#define SPREAD 4

static void fill_up(struct worker *self, struct bag *bag, size_t size)
{
	while (bag->bytes < stress_share(LIVE) && bag->nr < bag->nr_places)
		bag_put(self, bag, size + random_below(&self->random, size / SPREAD));
}

static void thin_out(struct worker *self, struct bag *bag)
{
	for (size_t left = bag->nr / KEEP_ONE_OF; bag->nr > left;)
		bag_drop_any(self, bag);
}

static void work(struct worker *self)
{
	struct bag bag;
	size_t size = SIZE_LOW;
	bag_open(self, &bag, stress_share(LIVE) / SIZE_LOW);
	while (worker_goes_on(self)) {
		fill_up(self, &bag, size);
		thin_out(self, &bag);
		size = size > SIZE_HIGH ? SIZE_LOW : size + size / 2;
	}
	bag_close(self, &bag);
}

const struct pattern pattern = {
	.name = "drift",
	.imitates = "fragmentation by size drift: allocate, free nine of ten at random, allocate larger "
		    "(after Robson 1974, Johnstone and Wilson 1998)",
	.threads = 1,
	.rounds = 28,
	.is_quick = true,
	.work = work,
};
