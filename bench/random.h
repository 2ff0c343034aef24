/* SPDX-License-Identifier: MIT */
/* random.h - random numbers that are the same on every machine
 *
 * splitmix64 of Steele, Lea and Flood, "Fast Splittable Pseudorandom Number
 * Generators" (OOPSLA 2014): one addition and two multiplications a number, any seed
 * is good, and consecutive seeds give unrelated sequences.
 */
#ifndef BENCH_RANDOM_H
#define BENCH_RANDOM_H

#include <stdint.h>

struct random_source {
	uint64_t state;
};

static inline struct random_source random_from(uint64_t seed)
{
	return (struct random_source){seed};
}

static inline uint64_t random_next(struct random_source *source)
{
	uint64_t bits = source->state += 0x9e3779b97f4a7c15;
	bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9;
	bits = (bits ^ bits >> 27) * 0x94d049bb133111eb;
	return bits ^ bits >> 31;
}

/* Below `limit`.  A multiplication instead of a division; the bias is limit / 2^64. */
static inline uint64_t random_below(struct random_source *source, uint64_t limit)
{
	return (uint64_t)((unsigned __int128)random_next(source) * limit >> 64);
}

/* From `first` to `last`, both included. */
static inline uint64_t random_between(struct random_source *source, uint64_t first, uint64_t last)
{
	return first + random_below(source, last - first + 1);
}

/* Fills `order` with 0 .. count - 1 in random order (Fisher and Yates, inside out). */
static inline void random_order(struct random_source *source, uint32_t *order, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = (uint32_t)random_below(source, i + 1);
		order[i] = order[at];
		order[at] = i;
	}
}

#endif
