/* SPDX-License-Identifier: MIT */
/* survivors.c - phases that leave survivors, and threads that die
 *
 * D. Barrett and B. Zorn, "Using Lifetime Predictors to Improve Memory Allocation Performance",
 * PLDI 1993, found that most blocks die young and few live to the end; E. Berger et al.,
 * "Hoard: A Scalable Memory Allocator for Multithreaded Applications", ASPLOS 2000, that
 * an allocator's memory must not grow because threads end or free each other's blocks.
 *
 * Adapted: in each phase a new thread takes many blocks of the phase's sizes.  Every tenth
 * goes into an archive, in place of one that a dead thread left there; the others die with
 * the phase, in random order.  Then archives move to the next lane: archived blocks are
 * freed neither by the thread nor in the lane that made them.
 */
#include "bag.h"

/* Survivors in all archives: 30 MB, of the sizes of all phases. */
#define ARCHIVE 75000
/* Blocks of all lanes in one phase. */
#define YOUNG 50000
#define ONE_SURVIVES_OF 10
/* Phases of different sizes follow each other: 16 to 255 bytes, up to 128 to 2047. */
#define NR_SIZES 4
#define SIZE_LOW ((size_t)16)
#define SIZE_SPAN 16

static struct archive {
	void **blocks;
	uint64_t first_id;
} archives[MAX_THREADS];

/* The archive that is in this lane in this phase. */
static struct archive *archive_of(const struct worker *self)
{
	return &archives[(self->index + self->round) % stress_threads()];
}

static size_t pick_size(struct worker *self)
{
	size_t low = SIZE_LOW << self->round % NR_SIZES;
	return random_doubling(&self->random, low, low * SIZE_SPAN);
}

static void archive_one(struct worker *self)
{
	struct archive *archive = archive_of(self);
	size_t at = random_below(&self->random, stress_share(ARCHIVE));
	block_replace(self, archive->blocks, at, pick_size(self), archive->first_id + at);
}

static void live_one_phase(struct worker *self)
{
	struct bag young;
	bag_open(self, &young, stress_share(YOUNG));
	for (size_t i = 0; i < young.nr_places; i++) {
		bag_put(self, &young, pick_size(self));
		if (i % ONE_SURVIVES_OF == 0)
			archive_one(self);
	}
	while (young.nr > 0)
		bag_drop_any(self, &young);
	bag_close(self, &young);
}

static void work(struct worker *self)
{
	struct archive *own = &archives[self->index];
	own->blocks = table_take(self, stress_share(ARCHIVE));
	own->first_id = (uint64_t)self->index * ARCHIVE;
	while (worker_all_go_on(self))
		worker_in_thread(self, live_one_phase);
	table_give(self, own->blocks, stress_share(ARCHIVE), own->first_id);
}

const struct pattern pattern = {
	.name = "survivors",
	.imitates = "phases in which one block of ten survives the thread that made it, and is inherited "
		    "(Barrett and Zorn 1993, Berger et al. 2000)",
	.threads = 4,
	.rounds = 50,
	.always_threads = true,
	.work = work,
};
