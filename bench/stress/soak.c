/* SPDX-License-Identifier: MIT */
/* soak.c - the same amount alive, for a long time
 *
 * M. Johnstone and P. Wilson, "The Memory Fragmentation Problem: Solved?", ISMM 1998, measure
 * fragmentation over a whole run, because an allocator that looks good early may creep.  P.
 * Wilson, M. Johnstone, M. Neely and D. Boles, "Dynamic Storage Allocation: A Survey and
 * Critical Review", IWMM 1995, warn that random sizes and lifetimes are not what programs do;
 * the creep that they cause is the one that is easiest to compare all the same.
 *
 * Adapted: bytes alive are constant but for one block.  Nine of ten blocks are small; nine
 * of a hundred medium; the hundredth up to 256 KiB, so that holes of all sizes are
 * needed again and again.  The slope of the timeline is the result.
 */
#include "bag.h"

#define LIVE (48 * MiB)
/* Replacements of all threads in one round. */
#define REPLACEMENTS 20000
/* The least a block is on average; chance stays far above. */
#define AVERAGE_LOW 256

static size_t pick_size(struct worker *self)
{
	uint64_t kind = random_below(&self->random, 100);
	if (kind < 90)
		return random_doubling(&self->random, 16, 256);
	if (kind < 99)
		return random_doubling(&self->random, 256, 8 * KiB);
	return random_doubling(&self->random, 8 * KiB, 256 * KiB);
}

static void fill_up(struct worker *self, struct bag *bag)
{
	while (bag->bytes < stress_share(LIVE) && bag->nr < bag->nr_places)
		bag_put(self, bag, pick_size(self));
}

static void work(struct worker *self)
{
	struct bag bag;
	bag_open(self, &bag, stress_share(LIVE) / AVERAGE_LOW);
	fill_up(self, &bag);
	while (worker_goes_on(self)) {
		for (size_t i = stress_share(REPLACEMENTS); i > 0; i--) {
			bag_drop_any(self, &bag);
			fill_up(self, &bag);
		}
	}
	bag_close(self, &bag);
}

const struct pattern pattern = {
	.name = "soak",
	.imitates = "random replacement of mixed sizes at a constant number of bytes, for the slope of memory over "
		    "time (after Johnstone and Wilson 1998)",
	.threads = 1,
	.rounds = 200,
	.is_quick = true,
	.work = work,
};
