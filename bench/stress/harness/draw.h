/* SPDX-License-Identifier: MIT */
/* draw.h - what the patterns draw from random numbers, beyond bench/random.h */
#ifndef BENCH_STRESS_DRAW_H
#define BENCH_STRESS_DRAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "random.h"

/* One to one, and each bit of the result depends on all of `word`. */
static inline uint64_t random_mix(uint64_t word)
{
	struct random_source source = random_from(word);
	return random_next(&source);
}

/* low .. high - 1, each doubling as likely as another; high / low is a power of 2. */
static inline size_t random_doubling(struct random_source *source, size_t low, size_t high)
{
	unsigned doublings = 63 - (unsigned)__builtin_clzll(high / low);
	size_t base = low << random_below(source, doublings);
	return base + (size_t)random_below(source, base);
}

/* True `part` times of `whole`. */
static inline bool random_is(struct random_source *source, unsigned part, unsigned whole)
{
	return random_below(source, whole) < part;
}

#endif
