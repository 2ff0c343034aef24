/* SPDX-License-Identifier: MIT */
/* sharing.c - small objects of several threads in one cache line
 *
 * After E. Berger, K. McKinley, R. Blumofe and P. Wilson, "Hoard: A Scalable Memory Allocator
 * for Multithreaded Applications", ASPLOS 2000, programs active-false and passive-false.
 * Active: the allocator hands parts of one line to several threads.  Passive: one thread
 * allocates and hands out neighbours, and the allocator must not give the pieces of
 * these lines back to the threads that free them.
 *
 * Adapted: both in each round.  Each thread has many objects rather than one and writes them
 * in turn, so that the result depends less on where a single object happens to lie.  What is
 * measured are mostly writes; few bytes are alive.
 */
#include "stress.h"

/* Of all threads; four of 16 bytes fill a line. */
#define OBJECTS 1024
#define OBJECT_BYTES 16
/* Writes to each object in each of the three parts of a round. */
#define WRITES 200

struct object {
	uint64_t id;
	volatile uint64_t nr_writes;
};

static struct object **handed_out[MAX_THREADS];

static uint64_t id_of(const struct worker *self, size_t i)
{
	return random_mix((uint64_t)self->index << 32 | i);
}

static void take_objects(struct worker *self, struct object **objects)
{
	for (size_t i = 0; i < stress_share(OBJECTS); i++)
		objects[i] = take(self, OBJECT_BYTES);
}

static void write_objects(struct worker *self, struct object **objects)
{
	size_t nr = stress_share(OBJECTS);
	for (size_t i = 0; i < nr; i++)
		*objects[i] = (struct object){ .id = id_of(self, i), .nr_writes = 0 };
	for (unsigned pass = 0; pass < WRITES; pass++)
		for (size_t i = 0; i < nr; i++)
			objects[i]->nr_writes++;
}

static void give_objects(struct worker *self, struct object **objects)
{
	for (size_t i = 0; i < stress_share(OBJECTS); i++) {
		if (objects[i]->id != id_of(self, i) || objects[i]->nr_writes != WRITES)
			stress_fail("object %zu of thread %u: another one was written in its place", i, self->index);
		give(self, objects[i], OBJECT_BYTES);
	}
}

static void use_own(struct worker *self, struct object **objects)
{
	take_objects(self, objects);
	write_objects(self, objects);
	give_objects(self, objects);
}

/* Neighbours go to different threads. */
static void hand_out(struct worker *self)
{
	for (size_t i = 0; i < stress_share(OBJECTS); i++)
		for (unsigned thread = 0; thread < stress_threads(); thread++)
			handed_out[thread][i] = take(self, OBJECT_BYTES);
}

static void work(struct worker *self)
{
	size_t table_bytes = stress_share(OBJECTS) * sizeof(struct object *);
	struct object **objects = handed_out[self->index] = take(self, table_bytes);
	while (worker_all_go_on(self)) {
		use_own(self, objects);
		worker_meet(self);
		if (self->index == 0)
			hand_out(self);
		worker_meet(self);
		write_objects(self, objects);
		give_objects(self, objects);
		use_own(self, objects);
	}
	give(self, objects, table_bytes);
}

const struct pattern pattern = {
	.name = "sharing",
	.imitates = "active and passive false sharing: threads write small objects that may share a cache line "
		    "(Berger et al. 2000)",
	.threads = 4,
	.rounds = 2000,
	.work = work,
};
