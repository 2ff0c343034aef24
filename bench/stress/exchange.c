/* SPDX-License-Identifier: MIT */
/* exchange.c - threads that swap blocks by a shared table
 *
 * After rptest of M. Jansson's rpmalloc-benchmark (2017) and test-stress of D. Leijen's
 * mimalloc ("mimalloc: Free List Sharding in Action", APLAS 2019): each thread works
 * on blocks of its own, and now and then exchanges one with a table that all share, so that
 * blocks are freed all over and in both directions.
 *
 * Adapted: every second operation exchanges.  The id of an exchanged block is the shared place
 * that it lay in, known to whoever takes it out.
 */
#include "stress.h"

/* 9 MB in the shared table and 9 MB in those of all threads, 435 bytes each on average. */
#define SHARED 20000
#define OWN 20000
#define SIZE_LOW 16
#define SIZE_END 2048
/* Of all threads in one round. */
#define REPLACEMENTS 50000

static _Atomic(void *) *shared;

static size_t pick_size(struct worker *self)
{
	return random_doubling(&self->random, SIZE_LOW, SIZE_END);
}

static uint64_t own_id(const struct worker *self)
{
	return (uint64_t)(self->index + 1) << 32;
}

/* The exchange releases what was written into one block and acquires the other. */
static void exchange(struct worker *self)
{
	size_t at = random_below(&self->random, SHARED);
	void *block = block_take(self, pick_size(self), at);
	block = atomic_exchange_explicit(&shared[at], block, memory_order_acq_rel);
	if (block)
		block_give(self, block, at);
}

static void work(struct worker *self)
{
	size_t nr_own = stress_share(OWN);
	void **own = table_take(self, nr_own);
	while (worker_goes_on(self)) {
		for (size_t i = stress_share(REPLACEMENTS) / 2; i > 0; i--) {
			size_t at = random_below(&self->random, nr_own);
			block_replace(self, own, at, pick_size(self), own_id(self) + at);
			exchange(self);
		}
	}
	table_give(self, own, nr_own, own_id(self));
}

static void prepare(struct worker *self)
{
	shared = take_zeroed(self, SHARED * sizeof(*shared));
}

/* No thread is left that could exchange. */
static void finish(struct worker *self)
{
	for (size_t at = 0; at < SHARED; at++) {
		void *block = atomic_load(&shared[at]);
		if (block)
			block_give(self, block, at);
	}
	give(self, shared, SHARED * sizeof(*shared));
}

const struct pattern pattern = {
	.name = "exchange",
	.imitates = "threads that swap blocks with each other by a shared table "
		    "(after rpmalloc-benchmark, Jansson 2017, and Leijen et al. 2019)",
	.threads = 4,
	.rounds = 120,
	.is_quick = true,
	.prepare = prepare,
	.work = work,
	.finish = finish,
};
