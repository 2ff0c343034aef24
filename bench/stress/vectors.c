/* SPDX-License-Identifier: MIT */
/* vectors.c - arrays that grow by realloc, several at a time
 *
 * The dynamic tables of T. Cormen, C. Leiserson and R. Rivest, "Introduction to Algorithms", 1990,
 * chapter 18: growth by a factor costs a constant for each element.  Growth by a fixed amount
 * is what much C code does, and costs quadratic time unless realloc extends in place.
 *
 * Adapted: many arrays are alive, each grows in steps of its own kind, and they take turns at
 * random, so that one seldom finds its neighbour free.  A full one is verified element by
 * element, cut to its length and kept until its place is needed.
 * Capacity counts as alive, written or not: less may be resident than is alive.
 */
#include "stress.h"

/* Of all threads: 100 MB, of which a part is capacity ahead of length. */
#define VECTORS 64
/* Turns of all threads in one round; each appends one portion of elements. */
#define TURNS 500
#define PORTION 1000
/* 1,000 to 512,000 elements, each doubling as likely. */
#define LENGTH_LOW 1000
#define LENGTH_END 512000
/* Where growing begins. */
#define CAPACITY_FIRST 16
/* What the two linear kinds add: 2 KiB, as stdio-like buffers do, and 64 KiB. */
#define SMALL_STEP 256
#define LARGE_STEP 8192

struct vector {
	uint64_t *elements; /* NULL: none yet */
	size_t length;
	size_t capacity;
	size_t final_length;
	uint64_t key;
};

enum growth { DOUBLE, HALF_MORE, LINEAR_SMALL, LINEAR_LARGE, NR_GROWTHS };

static uint64_t element(const struct vector *vector, size_t i)
{
	return random_mix(vector->key + i);
}

static size_t grown(const struct vector *vector)
{
	switch ((enum growth)(vector->key % NR_GROWTHS)) {
	case DOUBLE:
		return 2 * vector->capacity;
	case HALF_MORE:
		return vector->capacity + vector->capacity / 2;
	case LINEAR_SMALL:
		return vector->capacity + SMALL_STEP;
	default:
		return vector->capacity + LARGE_STEP;
	}
}

static void set_capacity(struct worker *self, struct vector *vector, size_t capacity)
{
	size_t old_size = vector->capacity * sizeof(uint64_t);
	vector->elements = resize(self, vector->elements, old_size, capacity * sizeof(uint64_t));
	vector->capacity = capacity;
}

static void begin(struct worker *self, struct vector *vector)
{
	*vector = (struct vector){
		.capacity = CAPACITY_FIRST,
		.final_length = random_doubling(&self->random, LENGTH_LOW, LENGTH_END),
		.key = random_next(&self->random),
	};
	vector->elements = take(self, CAPACITY_FIRST * sizeof(uint64_t));
}

static void append_portion(struct worker *self, struct vector *vector)
{
	for (size_t i = 0; i < PORTION && vector->length < vector->final_length; i++) {
		if (vector->length == vector->capacity)
			set_capacity(self, vector, grown(vector));
		vector->elements[vector->length] = element(vector, vector->length);
		vector->length++;
	}
	if (vector->length == vector->final_length)
		set_capacity(self, vector, vector->length);
}

static void end(struct worker *self, struct vector *vector)
{
	for (size_t i = 0; i < vector->length; i++)
		if (vector->elements[i] != element(vector, i))
			stress_fail("vector of %zu elements: element %zu is not what was appended", vector->length, i);
	give(self, vector->elements, vector->capacity * sizeof(uint64_t));
	vector->elements = NULL;
}

static void take_turn(struct worker *self, struct vector *vector)
{
	if (vector->elements && vector->length == vector->final_length)
		end(self, vector);
	if (!vector->elements)
		begin(self, vector);
	append_portion(self, vector);
}

static void work(struct worker *self)
{
	size_t nr = stress_share(VECTORS);
	struct vector *vectors = take_zeroed(self, nr * sizeof(*vectors));
	while (worker_goes_on(self))
		for (size_t i = stress_share(TURNS); i > 0; i--)
			take_turn(self, &vectors[random_below(&self->random, nr)]);
	for (size_t i = 0; i < nr; i++)
		if (vectors[i].elements)
			end(self, &vectors[i]);
	give(self, vectors, nr * sizeof(*vectors));
}

const struct pattern pattern = {
	.name = "vectors",
	.imitates = "arrays that grow by realloc, by a factor and by a fixed amount, several at a time "
		    "(after the dynamic tables of Cormen et al. 1990)",
	.threads = 1,
	.rounds = 300,
	.work = work,
};
