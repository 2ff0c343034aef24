/* SPDX-License-Identifier: MIT */
/* batch.c - batches of small blocks, freed in every order
 *
 * After sh8bench by MicroQuill (SmartHeap's benchmark, 1990s): batches of blocks of varied,
 * mostly small sizes, some freed at once, some kept over several batches, in order and
 * against it; and after threadtest of E. Berger et al., "Hoard: A Scalable Memory Allocator
 * for Multithreaded Applications", ASPLOS 2000, in which each thread does so for itself.
 *
 * Adapted: four orders follow each other, and a third of each batch stays while two more
 * are made.
 */
#include "stress.h"

/* Of all threads in one round. */
#define BATCH 50000
/* Batches of which a part is alive. */
#define NR_BATCHES 3
/* Small blocks are the rule: the smaller of two sizes is taken. */
#define SIZE_HIGH 1000
/* A prime above BATCH: multiples of it reach each place once. */
#define STRIDE 1000003

enum sequence { FIRST_TO_LAST, LAST_TO_FIRST, EVERY_SECOND, SCATTERED, NR_SEQUENCES };

struct batch {
	void **blocks;
	size_t nr; /* places */
	size_t nr_freed;
	enum sequence sequence;
	uint64_t first_id;
};

static size_t pick_size(struct worker *self)
{
	size_t one = random_between(&self->random, BLOCK_MIN, SIZE_HIGH);
	size_t other = random_between(&self->random, BLOCK_MIN, SIZE_HIGH);
	return one < other ? one : other;
}

/* The place that is freed after `i` others. */
static size_t place_after(const struct batch *batch, size_t i)
{
	size_t nr_even = (batch->nr + 1) / 2;
	switch (batch->sequence) {
	case FIRST_TO_LAST:
		return i;
	case LAST_TO_FIRST:
		return batch->nr - 1 - i;
	case EVERY_SECOND:
		return i < nr_even ? 2 * i : 2 * (i - nr_even) + 1;
	default:
		return i * STRIDE % batch->nr;
	}
}

static void free_up_to(struct worker *self, struct batch *batch, size_t nr)
{
	for (; batch->nr_freed < nr; batch->nr_freed++) {
		size_t place = place_after(batch, batch->nr_freed);
		block_give(self, batch->blocks[place], batch->first_id + place);
	}
}

static void fill(struct worker *self, struct batch *batch)
{
	for (size_t place = 0; place < batch->nr; place++)
		batch->blocks[place] = block_take(self, pick_size(self), batch->first_id + place);
	batch->nr_freed = 0;
	batch->sequence = (enum sequence)(self->round % NR_SEQUENCES);
}

/* Without blocks yet: all of them count as freed. */
static void open_batch(struct worker *self, struct batch *batch, unsigned number)
{
	size_t nr = stress_share(BATCH);
	uint64_t first_id = (uint64_t)(self->index * NR_BATCHES + number) << 32;
	*batch = (struct batch){ .nr = nr, .nr_freed = nr, .first_id = first_id };
	batch->blocks = take(self, nr * sizeof(void *));
}

static void work(struct worker *self)
{
	struct batch batches[NR_BATCHES];
	for (unsigned i = 0; i < NR_BATCHES; i++)
		open_batch(self, &batches[i], i);
	while (worker_goes_on(self)) {
		struct batch *batch = &batches[self->round % NR_BATCHES];
		free_up_to(self, batch, batch->nr);
		fill(self, batch);
		free_up_to(self, batch, batch->nr - batch->nr / 3);
	}
	for (unsigned i = 0; i < NR_BATCHES; i++) {
		free_up_to(self, &batches[i], batches[i].nr);
		give(self, batches[i].blocks, batches[i].nr * sizeof(void *));
	}
}

const struct pattern pattern = {
	.name = "batch",
	.imitates = "batches of small blocks freed in order, in reverse, every second and scattered "
		    "(after sh8bench by MicroQuill, and threadtest of Berger et al. 2000)",
	.threads = 4,
	.rounds = 120,
	.work = work,
};
