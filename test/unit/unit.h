/* SPDX-License-Identifier: MIT */
/* unit.h - what the tests of single files share
 *
 * Cases run in processes of their own (harness.h), so that each finds the core's
 * static state as at first; the kernel is simulated (os_sim.h).
 */
#ifndef SEA_TEST_UNIT_H
#define SEA_TEST_UNIT_H

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "os_sim.h"

#define NR(array) (sizeof(array) / sizeof((array)[0]))

/* A case that is to end with abort() and this on standard error. */
#define ABORTS(function, message) {.name = #function, .run = function, .signal = SIGABRT, .text = message}
#define PASSES(function) {.name = #function, .run = function}

/* Asserts of ours are on: claims that only debug builds check may be tested. */
#ifdef SEA_DEBUG
#define IS_DEBUG SEA_DEBUG
#else
#define IS_DEBUG 0
#endif

/* A random number in [0, bound). */
static inline size_t below(uint64_t *state, size_t bound) { return (size_t)((test_random(state) >> 11) % bound); }

/* How often to repeat: sanitized builds take a tenth of it. */
static inline size_t rounds(size_t normal)
{
	size_t nr = test_pick(normal / 4, normal, normal * 20);
	return IS_DEBUG ? nr / 8 + 1 : nr;
}

/* Starts a thread, or fails the case. */
static inline pthread_t start_thread(void *(*run)(void *), void *argument)
{
	pthread_t thread;
	CHECK_EQ(pthread_create(&thread, NULL, run, argument), 0);
	return thread;
}

/* Runs a function in a thread of its own, to its end. */
static inline void run_in_thread(void *(*run)(void *), void *argument)
{
	CHECK_EQ(pthread_join(start_thread(run, argument), NULL), 0);
}

#endif
