/* SPDX-License-Identifier: MIT */
/* handoff.c - some threads only allocate, others only free
 *
 * After C. Lever and D. Boreham, "malloc() Performance in a Multithreaded Linux Environment",
 * USENIX Annual Technical Conference 2000 (and xmalloc-test, which grew from it): blocks
 * flow one way, so that a cache for each thread is always empty on one side and full on
 * the other.
 *
 * Adapted: the queue between them is bounded in blocks, as a server's is, and consumers
 * leave it half full until the producers have ended, so that what is alive depends little
 * on the scheduler.  A block waits for 20,000 to 40,000 others.  One half of the threads
 * produces; a single thread does both in turn.
 */
#include <pthread.h>

#include "stress.h"

/* 17 MB when full. */
#define CAPACITY 40000
#define HALF (CAPACITY / 2)
/* Blocks that move under one lock. */
#define BATCH 32
/* Of all producers together in one round. */
#define BATCHES 1000
/* 16 bytes to 2 KiB, each doubling as likely: requests and their parts. */
#define SIZE_LOW 16
#define SIZE_END 2048

struct parcel {
	void *block;
	uint64_t id;
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t has_room;
	pthread_cond_t has_parcels;
	struct parcel *ring;
	uint64_t nr_put;
	uint64_t nr_got;
	unsigned nr_producers; /* still at work */
} queue = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, PTHREAD_COND_INITIALIZER, NULL, 0, 0, 0 };

static unsigned nr_producers(void)
{
	return (stress_threads() + 1) / 2;
}

static uint64_t nr_waiting(void)
{
	return queue.nr_put - queue.nr_got;
}

static void put(const struct parcel *batch)
{
	pthread_mutex_lock(&queue.lock);
	while (nr_waiting() + BATCH > CAPACITY)
		pthread_cond_wait(&queue.has_room, &queue.lock);
	for (unsigned i = 0; i < BATCH; i++)
		queue.ring[queue.nr_put++ % CAPACITY] = batch[i];
	if (nr_waiting() >= HALF)
		pthread_cond_signal(&queue.has_parcels);
	pthread_mutex_unlock(&queue.lock);
}

static bool is_ready(void)
{
	return nr_waiting() >= HALF || queue.nr_producers == 0;
}

/* Takes a batch, or tells that there is none any more.  The number put is a multiple of
 * BATCH. */
static bool get(struct parcel *batch)
{
	pthread_mutex_lock(&queue.lock);
	while (!is_ready())
		pthread_cond_wait(&queue.has_parcels, &queue.lock);
	bool any = nr_waiting() > 0;
	for (unsigned i = 0; any && i < BATCH; i++)
		batch[i] = queue.ring[queue.nr_got++ % CAPACITY];
	pthread_cond_signal(&queue.has_room);
	pthread_mutex_unlock(&queue.lock);
	return any;
}

static void end_producer(void)
{
	pthread_mutex_lock(&queue.lock);
	queue.nr_producers--;
	pthread_cond_broadcast(&queue.has_parcels);
	pthread_mutex_unlock(&queue.lock);
}

/* Ids count up from a number of the producer's own. */
static void produce_batch(struct worker *self, uint64_t *next_id)
{
	struct parcel batch[BATCH];
	for (unsigned i = 0; i < BATCH; i++) {
		uint64_t id = (uint64_t)self->index << 48 | (*next_id)++;
		size_t size = random_doubling(&self->random, SIZE_LOW, SIZE_END);
		batch[i] = (struct parcel){ block_take(self, size, id), id };
	}
	put(batch);
}

static bool consume_batch(struct worker *self)
{
	struct parcel batch[BATCH];
	if (!get(batch))
		return false;
	for (unsigned i = 0; i < BATCH; i++)
		block_give(self, batch[i].block, batch[i].id);
	return true;
}

static size_t batches_a_round(void)
{
	return BATCHES / nr_producers() ? BATCHES / nr_producers() : 1;
}

static void produce(struct worker *self)
{
	bool alone = stress_threads() == 1;
	uint64_t next_id = 0;
	while (worker_goes_on(self)) {
		for (size_t i = batches_a_round(); i > 0; i--) {
			produce_batch(self, &next_id);
			if (alone && nr_waiting() + BATCH > CAPACITY)
				while (nr_waiting() >= HALF)
					consume_batch(self);
		}
	}
	end_producer();
}

static void consume(struct worker *self)
{
	while (consume_batch(self))
		continue;
}

static void work(struct worker *self)
{
	if (self->index < nr_producers())
		produce(self);
	if (self->index >= nr_producers() || stress_threads() == 1)
		consume(self);
}

static void prepare(struct worker *self)
{
	queue.ring = take_zeroed(self, CAPACITY * sizeof(struct parcel));
	queue.nr_producers = nr_producers();
}

static void finish(struct worker *self)
{
	give(self, queue.ring, CAPACITY * sizeof(struct parcel));
}

const struct pattern pattern = {
	.name = "handoff",
	.imitates = "producers that only allocate, consumers that only free, a bounded queue between them "
		    "(Lever and Boreham 2000)",
	.threads = 4,
	.rounds = 120,
	.is_quick = true,
	.prepare = prepare,
	.work = work,
	.finish = finish,
};
