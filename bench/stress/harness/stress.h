/* SPDX-License-Identifier: MIT */
/* stress.h - what the stress programs share
 *
 * A program is one file that defines `pattern`; the harness has main().  A worker is a
 * thread of the pattern, with a number, random numbers and an account of its own.
 *
 *     main       prepare(worker 0)                               finish(worker 0)
 *     worker 0                    work() ... worker_goes_on() ...
 *     worker 1                    work() ...
 *
 * Rules for a pattern:
 *   - it allocates by take(), resize() and give() or by blocks alone, so that each call is
 *     counted and running out of memory is reported; tables too, for they are alive;
 *   - what it does depends on the seed and the threads, never on addresses or time;
 *   - threads divide the work and the live set (stress_share()), they do not multiply it;
 *   - it verifies what it wrote before it frees it, or follows a pointer in it;
 *   - it frees everything: the harness fails a program that does not.
 *
 * The harness itself never calls the allocator; libc does, for each thread it creates.
 */
#ifndef BENCH_STRESS_H
#define BENCH_STRESS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "draw.h"

#define KiB ((size_t)1024)
#define MiB (1024 * KiB)

/* Enough for 32 cores with two threads each. */
#define MAX_THREADS 64

/* Two cache lines: processors fetch them in pairs. */
#define LINE_PAIR 128

struct worker {
	/* Written by the worker, read by whoever adds up; these only rise.  A line pair
	 * of their own keeps workers from slowing each other. */
	_Alignas(LINE_PAIR) _Atomic uint64_t taken_bytes;
	_Atomic uint64_t given_bytes;
	_Atomic uint64_t operations;

	/* Nobody else's. */
	int64_t look_above; /* own live bytes above which to add up all accounts */
	uint64_t sample_at; /* own operations at which the timeline has its next sample */
	struct random_source random;
	uint64_t round; /* rounds begun */
	unsigned index;
};

struct pattern {
	const char *name;
	const char *imitates;        /* one line, for the report */
	unsigned threads;            /* by default */
	unsigned rounds;             /* at scale 1: one to two seconds of CPU time under glibc */
	bool is_quick;               /* belongs to the quick set */
	bool always_threads;         /* a single worker is a thread too, not main */
	void (*prepare)(struct worker *self); /* may be NULL */
	void (*work)(struct worker *self);
	void (*finish)(struct worker *self); /* may be NULL */
};

extern const struct pattern pattern;

/* --- the run (run.c) ------------------------------------------------------------- */

unsigned stress_threads(void);

/* This worker's part of a total, at least 1. */
size_t stress_share(size_t total);

/* True as often as there are rounds, or until the time is over. */
bool worker_goes_on(struct worker *self);

/* Waits for all workers. */
void worker_meet(struct worker *self);

/* worker_goes_on() with one answer for all workers, which meet for it. */
bool worker_all_go_on(struct worker *self);

/* Runs body in a new thread that acts for the worker, and waits until it has died. */
void worker_in_thread(struct worker *self, void (*body)(struct worker *self));

/* Ends the program with status 1 and one sentence, without quotes in it. */
__attribute__((noreturn, format(printf, 1, 2))) void stress_fail(const char *format, ...);

/* --- memory, counted (account.c) --------------------------------------------------- */

/* malloc, calloc, realloc, free: never NULL, and the caller knows the size. */
void *take(struct worker *self, size_t size);
void *take_zeroed(struct worker *self, size_t size); /* verified to be zero */
void *resize(struct worker *self, void *memory, size_t old_size, size_t size);
void give(struct worker *self, void *memory, size_t size);

/* --- blocks that check themselves (block.c) ---------------------------------------- */

/* The least size of a block. */
#define BLOCK_MIN ((size_t)16)

/* A block knows its size.  Its id is known to whoever holds it, so that another block
 * in the same place is noticed; block_give() and block_resize() verify. */
void *block_take(struct worker *self, size_t size, uint64_t id);
void *block_resize(struct worker *self, void *block, size_t size, uint64_t id);
void block_give(struct worker *self, void *block, uint64_t id);
void block_verify(const void *block, uint64_t id);
size_t block_size(const void *block);

/* Frees the block in a place of a table, if there is one, and puts one of `size` there; both
 * have the id. */
void block_replace(struct worker *self, void **table, size_t place, size_t size, uint64_t id);

/* Frees a table of pointers; the block in place i has the id first_id + i. */
void table_give(struct worker *self, void **table, size_t nr_places, uint64_t first_id);
void **table_take(struct worker *self, size_t nr_places);

#endif
