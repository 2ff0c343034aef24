/* SPDX-License-Identifier: MIT */
/* bag.c - two tables side by side: 12 bytes for each block, 16 would be padding */
#include "bag.h"

static uint64_t id_in(const struct bag *bag, size_t place)
{
	return bag->owner | bag->numbers[place];
}

void bag_open(struct worker *self, struct bag *bag, size_t nr_places)
{
	*bag = (struct bag){ .nr_places = nr_places, .owner = (uint64_t)(self->index + 1) << 32 };
	bag->blocks = take(self, nr_places * sizeof(*bag->blocks));
	bag->numbers = take(self, nr_places * sizeof(*bag->numbers));
}

void bag_put(struct worker *self, struct bag *bag, size_t size)
{
	bag->numbers[bag->nr] = bag->next_number++;
	bag->blocks[bag->nr] = block_take(self, size, id_in(bag, bag->nr));
	bag->bytes += size;
	bag->nr++;
}

void bag_drop(struct worker *self, struct bag *bag, size_t place)
{
	bag->bytes -= block_size(bag->blocks[place]);
	block_give(self, bag->blocks[place], id_in(bag, place));
	bag->nr--;
	bag->blocks[place] = bag->blocks[bag->nr];
	bag->numbers[place] = bag->numbers[bag->nr];
}

void bag_drop_any(struct worker *self, struct bag *bag)
{
	bag_drop(self, bag, random_below(&self->random, bag->nr));
}

void bag_close(struct worker *self, struct bag *bag)
{
	while (bag->nr > 0)
		bag_drop(self, bag, bag->nr - 1);
	give(self, bag->numbers, bag->nr_places * sizeof(*bag->numbers));
	give(self, bag->blocks, bag->nr_places * sizeof(*bag->blocks));
}
