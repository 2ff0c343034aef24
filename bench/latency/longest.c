/* SPDX-License-Identifier: MIT */
/* longest.c - the longest single calls of malloc and free
 *
 *    longest THREADS MIB SIZE
 *
 * The threads together allocate MIB mebibytes of blocks of SIZE bytes, free every second one, ask
 * for a few longer blocks, fill the gaps again, and free all in random order.  Each frees what its
 * neighbour has allocated.
 *
 * Each call is timed by the thread's own processor time, so that what other programs do is not
 * counted, as far as the kernel can tell.  Prints a line for each phase:
 *
 *    PHASE NR_CALLS MEAN_NS P99_99_US LONGEST_US
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "random.h"

enum { MOST_THREADS = 64, NR_LONGER = 16 };

/* Durations are counted in steps of a sixteenth of their power of two. */
enum { STEPS = 16, NR_STEPS = 64 * STEPS };

enum phase { GROW, THIN, LONGER, REFILL, TEAR_DOWN, NR_PHASES };

static const char *const names[NR_PHASES] = {"grow", "thin-out", "longer", "refill", "tear-down"};

struct durations {
	uint64_t nr, sum, longest;
	uint32_t count[NR_STEPS];
};

struct worker {
	pthread_t thread;
	struct random_source random;
	void **blocks;
	size_t nr_blocks;
	struct durations durations[NR_PHASES];
};

static struct worker workers[MOST_THREADS];
static size_t nr_workers, block_size;
static pthread_barrier_t barrier;

static uint64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static unsigned step_of(uint64_t ns)
{
	if (ns < STEPS)
		return (unsigned)ns;
	unsigned exponent = 63 - (unsigned)__builtin_clzll(ns);
	return (exponent - 3) * STEPS + (unsigned)(ns >> (exponent - 4) & (STEPS - 1));
}

/* The longest duration of a step. */
static uint64_t end_of(unsigned step)
{
	if (step < STEPS)
		return step;
	unsigned exponent = step / STEPS + 3;
	return ((uint64_t)(STEPS + step % STEPS + 1) << (exponent - 4)) - 1;
}

static void note(struct durations *durations, uint64_t ns)
{
	durations->nr++;
	durations->sum += ns;
	durations->longest = ns > durations->longest ? ns : durations->longest;
	durations->count[step_of(ns)]++;
}

static void *timed_malloc(struct durations *durations, size_t size)
{
	uint64_t began = now_ns();
	char *block = malloc(size);
	note(durations, now_ns() - began);
	if (!block) {
		fputs("longest: no memory\n", stderr);
		exit(1);
	}
	memset(block, 1, size < 16 ? size : 16);
	return block;
}

static void timed_free(struct durations *durations, void *block)
{
	uint64_t began = now_ns();
	free(block);
	note(durations, now_ns() - began);
}

static void grow(struct worker *self)
{
	for (size_t i = 0; i < self->nr_blocks; i++)
		self->blocks[i] = timed_malloc(&self->durations[GROW], block_size);
}

static void thin_out(struct worker *self, struct worker *from)
{
	for (size_t i = 0; i < from->nr_blocks; i += 2)
		timed_free(&self->durations[THIN], from->blocks[i]);
}

static void ask_longer(struct worker *self)
{
	void *block[NR_LONGER];
	for (size_t i = 0; i < NR_LONGER; i++)
		block[i] = timed_malloc(&self->durations[LONGER], block_size * 5 / 2 * (1 + i % 8));
	for (size_t i = 0; i < NR_LONGER; i++)
		timed_free(&self->durations[LONGER], block[i]);
}

static void refill(struct worker *self)
{
	for (size_t i = 0; i < self->nr_blocks; i += 2)
		self->blocks[i] = timed_malloc(&self->durations[REFILL], block_size);
}

static void tear_down(struct worker *self, struct worker *from)
{
	for (size_t i = from->nr_blocks; i > 1; i--) {
		size_t j = random_below(&self->random, i);
		void *block = from->blocks[j];
		from->blocks[j] = from->blocks[i - 1];
		from->blocks[i - 1] = block;
	}
	for (size_t i = 0; i < from->nr_blocks; i++)
		timed_free(&self->durations[TEAR_DOWN], from->blocks[i]);
}

static void *work(void *argument)
{
	struct worker *self = argument, *next = &workers[(size_t)(self - workers + 1) % nr_workers];
	grow(self);
	pthread_barrier_wait(&barrier);
	thin_out(self, next);
	pthread_barrier_wait(&barrier);
	ask_longer(self);
	refill(self);
	pthread_barrier_wait(&barrier);
	tear_down(self, next);
	return NULL;
}

static void add(struct durations *sum, const struct durations *more)
{
	sum->nr += more->nr;
	sum->sum += more->sum;
	sum->longest = more->longest > sum->longest ? more->longest : sum->longest;
	for (unsigned i = 0; i < NR_STEPS; i++)
		sum->count[i] += more->count[i];
}

/* The duration that all but one call in 10,000 keep within. */
static uint64_t percentile(const struct durations *durations)
{
	uint64_t above = durations->nr / 10000, seen = 0;
	for (unsigned i = NR_STEPS; i-- > 0;)
		if ((seen += durations->count[i]) > above)
			return end_of(i) < durations->longest ? end_of(i) : durations->longest;
	return 0;
}

static void print_phase(enum phase phase)
{
	static struct durations sum;
	memset(&sum, 0, sizeof(sum));
	for (size_t i = 0; i < nr_workers; i++)
		add(&sum, &workers[i].durations[phase]);
	printf("%s %llu %.0f %.1f %.1f\n", names[phase], (unsigned long long)sum.nr, (double)sum.sum / (double)sum.nr,
	       (double)percentile(&sum) / 1e3, (double)sum.longest / 1e3);
}

int main(int argc, char **argv)
{
	size_t mib = argc == 4 ? strtoul(argv[2], NULL, 10) : 0;
	nr_workers = argc == 4 ? strtoul(argv[1], NULL, 10) : 0;
	block_size = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;
	if (nr_workers - 1 >= MOST_THREADS || !mib || !block_size) {
		fputs("usage: longest THREADS MIB SIZE\n", stderr);
		return 2;
	}
	size_t nr_blocks = (mib << 20) / block_size / nr_workers;
	pthread_barrier_init(&barrier, NULL, (unsigned)nr_workers);
	for (size_t i = 0; i < nr_workers; i++) {
		workers[i].random = random_from(i);
		workers[i].nr_blocks = nr_blocks;
		workers[i].blocks = calloc(nr_blocks, sizeof(void *));
		memset(workers[i].blocks, 1, nr_blocks * sizeof(void *));
	}
	for (size_t i = 0; i < nr_workers; i++)
		pthread_create(&workers[i].thread, NULL, work, &workers[i]);
	for (size_t i = 0; i < nr_workers; i++)
		pthread_join(workers[i].thread, NULL);
	for (unsigned phase = 0; phase < NR_PHASES; phase++)
		print_phase((enum phase)phase);
	return 0;
}
