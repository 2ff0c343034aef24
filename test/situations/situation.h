/* SPDX-License-Identifier: MIT */
/* situation.h - what several situations share
 *
 * A situation is a correct program, or a program with one mistake, that some allocator
 * did not serve well.  The suite runs on the production engine; glibc is the reference
 * that shows that a case can pass.
 *
 * Times are CPU times: what else runs on the machine does not count.  A virtual machine
 * may still be stopped in the middle of a call and book the pause on it, so a bound from
 * above is for the best of a few tries.
 */
#ifndef SEA_TEST_SITUATION_H
#define SEA_TEST_SITUATION_H

#include "../harness.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Seconds of CPU time of this thread. */
static inline double situation_cpu(void)
{
	struct timespec now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static inline size_t situation_below(uint64_t *random, size_t bound)
{
	return (size_t)(test_random(random) >> 16) % bound;
}

/* A block of which the first byte is written. */
static inline char *situation_block(size_t size)
{
	char *block = malloc(size);
	CHECK(block != NULL);
	*(volatile char *)block = 1;
	return block;
}

/* A timer that sends `signal`, other than the harness' alarm(). */
static inline timer_t situation_timer(int signal)
{
	timer_t timer;
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = signal};
	CHECK_EQ(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
	return timer;
}

/* It goes off once, so many microseconds from now. */
static inline void situation_arm(timer_t timer, size_t microseconds)
{
	struct itimerspec once = {.it_value = {0, (long)microseconds * 1000}};
	CHECK_EQ(timer_settime(timer, 0, &once, NULL), 0);
}

/* Runs `measure` in a process of its own and returns the figure that it returns. */
static inline double situation_apart(double (*measure)(void))
{
	int ends[2], status = 0;
	double figure = 0;
	CHECK_EQ(pipe(ends), 0);
	pid_t child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		figure = measure();
		_exit(write(ends[1], &figure, sizeof(figure)) == sizeof(figure) ? 0 : 1);
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		_exit(77); /* it has said why */
	CHECK_EQ(status, 0);
	CHECK_EQ(read(ends[0], &figure, sizeof(figure)), sizeof(figure));
	close(ends[0]);
	close(ends[1]);
	return figure;
}

/* The least figure of so many processes. */
static inline double situation_least(double (*measure)(void), int tries)
{
	double least = situation_apart(measure);
	for (int i = 1; i < tries; i++) {
		double next = situation_apart(measure);
		least = next < least ? next : least;
	}
	return least;
}

#endif
