/* SPDX-License-Identifier: MIT */
/* resize_in_handler.c - a timer's handler resizes a large block, wherever the program is
 *
 * Also inside malloc.  The C standard leaves it undefined; but the heap must not wait for a lock
 * that only the thread itself can drop, and not take the block for one that was freed.
 */
#include "misuse.h"

#include <signal.h>
#include <sys/time.h>

enum { NR_BLOCKS = 4000, NR_SIGNALS = 4000, SECONDS_TO_END = 30 };

static char *blocks[NR_BLOCKS], *resized;
static volatile size_t nr_signals;

/* Each second signal only asks for its size. */
static void on_signal(int signal)
{
	(void)signal;
	if (nr_signals++ % 2)
		(void)malloc_usable_size(resized);
	else
		resized = (char *)realloc(resized, 200000 + nr_signals % 7 * 4096);
}

static void at_the_end(int signal)
{
	(void)signal;
	_exit(4);
}

static void set_timer(int which, size_t seconds, size_t microseconds)
{
	struct itimerval timer = {{(time_t)seconds, (suseconds_t)microseconds}, {(time_t)seconds, (suseconds_t)microseconds}};
	setitimer(which, &timer, NULL);
}

int main(void)
{
	uint64_t random = (uint64_t)getpid();
	resized = block(200000);
	signal(SIGALRM, on_signal);
	signal(SIGPROF, at_the_end);
	set_timer(ITIMER_PROF, SECONDS_TO_END, 0);
	set_timer(ITIMER_REAL, 0, 60);
	while (nr_signals < NR_SIGNALS) {
		random = random * 6364136223846793005u + 1442695040888963407u;
		size_t i = (random >> 33) % NR_BLOCKS;
		free(blocks[i]);
		blocks[i] = (char *)malloc(40000 + (random >> 40) % 200000);
		for (int asked = 0; asked < 10; asked++) /* little else than taking the lock */
			(void)malloc_usable_size(blocks[i]);
	}
	set_timer(ITIMER_REAL, 0, 0);
	return 0;
}
