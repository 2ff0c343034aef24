/* SPDX-License-Identifier: MIT */
/* hand_over.c - blocks that another thread frees: hand_over/threads:T
 *
 *    thread 0 --> ring 0 --> thread 1        thread 2 --> ring 1 --> thread 3    ...
 *    malloc       of bags    free
 *
 * The pattern of Lever and Boreham, "malloc() Performance in a Multithreaded Linux
 * Environment" (USENIX 2000): one thread always allocates, the other always frees.  Blocks
 * travel in bags, so that a ring's two semaphores cost little beside what is measured, and
 * a thread that has to wait sleeps: waiting is no CPU time.  An iteration is one malloc or
 * one free.  Sizes as measured, up to 1 KiB.
 *
 * A ring's bags between `room` and `filled` belong to the producer, the others to the
 * consumer; the semaphores order the accesses.
 */
#include <semaphore.h>
#include <stdatomic.h>

#include "block.h"
#include "memory.h"
#include "random.h"
#include "shim.h"
#include "sizes/sizes.h"

#define BAG_BLOCKS 512	/* some microseconds of work beside two system calls at most */
#define RING_BAGS 8
#define MAX_RINGS (MAX_THREADS / 2)
#define MEASURED_LIMIT (1 * KIB)

struct ring {
	sem_t room, filled;	/* bags */
	_Atomic bool is_broken;	/* one side has given up; nobody waits any more */
	struct block bags[RING_BAGS][BAG_BLOCKS];
};

static struct ring rings[MAX_RINGS];
static uint32_t sizes[BAG_BLOCKS];

#define BROKEN "the other thread has given up"

static void set_up(const struct bench_state *state, const void *argument)
{
	(void)argument;
	struct random_source source = random_from(BAG_BLOCKS);
	for (uint32_t i = 0; i < BAG_BLOCKS; i++)
		sizes[i] = size_draw(&source, MEASURED_LIMIT);
	for (int i = 0; i < bench_threads(state) / 2; i++) {
		sem_init(&rings[i].room, 0, RING_BAGS);
		sem_init(&rings[i].filled, 0, 0);
		rings[i].is_broken = false;
	}
	memory_note_base();
}

/* Frees what a broken ring still holds. */
static void tear_down(const struct bench_state *state, const void *argument)
{
	(void)argument;
	for (int i = 0; i < bench_threads(state) / 2; i++) {
		for (uint32_t bag = 0; bag < RING_BAGS; bag++)
			blocks_free(rings[i].bags[bag], BAG_BLOCKS);
	}
}

/* Waits for a bag; a reason if the ring breaks. */
static const char *wait_for(struct ring *ring, sem_t *bags)
{
	while (sem_wait(bags) != 0)
		;	/* a signal */
	return ring->is_broken ? BROKEN : NULL;
}

/* Lets both sides go. */
static void break_ring(struct ring *ring)
{
	ring->is_broken = true;
	sem_post(&ring->room);
	sem_post(&ring->filled);
}

static const char *fill_bag(struct block *bag, uint32_t turn)
{
	const char *reason = NULL;
	for (uint32_t i = 0; i < BAG_BLOCKS && !reason; i++)
		reason = block_alloc(&bag[i], sizes[i], turn + i);
	return reason;
}

static const char *produce(struct ring *ring, uint32_t turn)
{
	const char *reason = wait_for(ring, &ring->room);
	if (!reason)
		reason = fill_bag(ring->bags[turn % RING_BAGS], turn);
	if (!reason)
		sem_post(&ring->filled);
	return reason;
}

static const char *consume(struct ring *ring, uint32_t turn)
{
	const char *reason = wait_for(ring, &ring->filled);
	if (!reason)
		reason = blocks_free(ring->bags[turn % RING_BAGS], BAG_BLOCKS);
	if (!reason)
		sem_post(&ring->room);
	return reason;
}

static void run(struct bench_state *state, const void *argument)
{
	(void)argument;
	struct ring *ring = &rings[bench_thread(state) / 2];
	bool is_producer = bench_thread(state) % 2 == 0;
	for (uint32_t turn = 0; bench_keep_running_batch(state, BAG_BLOCKS); turn++) {
		const char *reason = is_producer ? produce(ring, turn) : consume(ring, turn);
		if (reason) {
			bench_skip(state, reason);	/* first: the first reason is reported */
			break_ring(ring);
		}
	}
	bench_set_operations(state, bench_iterations(state));
}

BENCH_REGISTER(hand_over)
{
	struct bench *bench = bench_add("hand_over", run, NULL);
	bench_with_threads(bench, 2);
	bench_with_threads(bench, 4);
	bench_with_threads(bench, 16);
	bench_with_hooks(bench, set_up, tear_down);
	bench_quick("hand_over/threads:2");
}
