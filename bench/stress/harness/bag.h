/* SPDX-License-Identifier: MIT */
/* bag.h - a set of blocks, from which any one can be taken out
 *
 * One worker's.  Its tables come from the allocator, and count as alive.
 */
#ifndef BENCH_STRESS_BAG_H
#define BENCH_STRESS_BAG_H

#include "stress.h"

struct bag {
	void **blocks;
	uint32_t *numbers; /* the lower half of each id */
	size_t nr;
	size_t nr_places;
	size_t bytes;      /* of the blocks */
	uint64_t owner;    /* the upper half */
	uint32_t next_number;
};

/* An empty bag with room for nr_places blocks. */
void bag_open(struct worker *self, struct bag *bag, size_t nr_places);

/* Takes a block for the last place; the bag is not full. */
void bag_put(struct worker *self, struct bag *bag, size_t size);

/* Frees the block in a place; the last one moves there. */
void bag_drop(struct worker *self, struct bag *bag, size_t place);
void bag_drop_any(struct worker *self, struct bag *bag);

/* Frees all that is left, last one first. */
void bag_close(struct worker *self, struct bag *bag);

#endif
