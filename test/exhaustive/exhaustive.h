/* SPDX-License-Identifier: MIT */
/* exhaustive.h - what the searches share: failing, and the set of states seen */
#ifndef SEA_TEST_EXHAUSTIVE_H
#define SEA_TEST_EXHAUSTIVE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

__attribute__((noreturn, format(printf, 1, 2))) static inline void fail(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	printf("\n");
	exit(1);
}

/* The n-th argument as a number. */
static inline unsigned number(int argc, char **argv, int n, unsigned otherwise)
{
	return argc > n ? (unsigned)strtoul(argv[n], NULL, 10) : otherwise;
}

/* States are kept as fingerprints of 59 bits beside the depth at which they were seen first.  Two
 * of 50 million states share one with a chance of 0.2 %; then one of them is left out. */
#define DEPTH_BITS 5

struct seen {
	uint64_t *slots;
	size_t mask, nr;
};

static inline void seen_init(struct seen *seen, unsigned log2_slots)
{
	seen->mask = ((size_t)1 << log2_slots) - 1;
	seen->nr = 0;
	seen->slots = mmap(NULL, sizeof(uint64_t) << log2_slots, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (seen->slots == MAP_FAILED)
		fail("no room for 2^%u states", log2_slots);
}

static inline void seen_free(struct seen *seen) { munmap(seen->slots, sizeof(uint64_t) * (seen->mask + 1)); }

/* True: the state is new, or was seen only at a greater depth. */
static inline bool seen_add(struct seen *seen, uint64_t fingerprint, unsigned depth)
{
	uint64_t key = fingerprint >> DEPTH_BITS << DEPTH_BITS | (1ull << 63);
	for (size_t i = fingerprint >> DEPTH_BITS & seen->mask;; i = (i + 1) & seen->mask) {
		uint64_t found = seen->slots[i];
		if (!found) {
			if (++seen->nr > seen->mask / 4 * 3)
				fail("more than %zu states: no room", seen->nr);
			seen->slots[i] = key | depth;
			return true;
		}
		if (found >> DEPTH_BITS == key >> DEPTH_BITS) {
			if ((found & ((1u << DEPTH_BITS) - 1)) <= depth)
				return false;
			seen->slots[i] = key | depth;
			return true;
		}
	}
}

/* A fingerprint of words (the mixing of Steele's SplitMix, in a chain). */
static inline uint64_t fingerprint(const uint64_t *words, size_t nr)
{
	uint64_t hash = 0x9e3779b97f4a7c15ull;
	for (size_t i = 0; i < nr; i++) {
		hash = (hash ^ words[i]) * 0xbf58476d1ce4e5b9ull;
		hash ^= hash >> 29;
		hash *= 0x94d049bb133111ebull;
		hash ^= hash >> 32;
	}
	return hash;
}

#endif
