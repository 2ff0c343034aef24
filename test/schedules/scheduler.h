/* SPDX-License-Identifier: MIT */
/* scheduler.h - threads of which one runs at a time, as a seed says
 *
 * The core is built so that each atomic operation may let another thread run (base/atomic.h).
 * Which one does, and when, follows from the seed: so a schedule can be repeated.  Two ways are
 * used in turn: at each operation with some chance (a random walk); or by priorities that change
 * at a few operations, chosen before (Burckhardt and others, "A Randomized Scheduler with
 * Probabilistic Guarantees of Finding Bugs", 2010).
 *
 * The threads are coroutines of one thread of the system.  Each borrows the thread-local storage
 * of a real thread that sleeps, by the processor's register for it.  So a switch takes less than a
 * microsecond.  Orders of weak memory are not tried: operations take effect one after the other.
 */
#ifndef SEA_TEST_SCHEDULER_H
#define SEA_TEST_SCHEDULER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCHEDULER_THREADS 4

struct schedule {
	uint64_t seed;
	unsigned nr_threads;
	void (*body)(unsigned thread);
};

/* Once in a process.  False: the machine is no x86-64. */
bool scheduler_init(void);

/* Runs all bodies to their end.  Returns the number of operations at which a switch was
 * possible. */
size_t scheduler_run(const struct schedule *schedule);

/* Switches so far. */
extern size_t scheduler_switches;

#endif
