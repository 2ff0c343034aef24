/* SPDX-License-Identifier: MIT */
/* give_back.c - goal 2: memory that is free goes back, and a steady load does not feel it */
#include "bag.h"

#include <malloc.h>
#include <pthread.h>
#include <sys/resource.h>

/* --- a burst ------------------------------------------------------------------------------ */

enum { NR_THREADS = 8, BURST_BLOCKS = 40000, STEP_MS = 100 };

/* 508 bytes on average: 155 MiB of all threads together. */
enum { SIZE_LOW = 16, SIZE_SPAN = 985 };

static void *held[NR_THREADS][BURST_BLOCKS];
static pthread_barrier_t barrier;

/* How a burst ends. */
static struct {
	bool stays_alive; /* its threads do not end */
	size_t nr_ways;   /* it frees from the starts of so many stretches in turn */
} ending;

static void take_blocks(void **mine)
{
	for (size_t i = 0; i < BURST_BLOCKS; i++) {
		size_t size = SIZE_LOW + i * 6553 % SIZE_SPAN;
		CHECK((mine[i] = malloc(size)) != NULL);
		memset(mine[i], 1, size);
	}
}

static void free_blocks(void **mine)
{
	size_t ways = ending.nr_ways;
	for (size_t i = 0; i < BURST_BLOCKS; i++)
		free(mine[i % ways * (BURST_BLOCKS / ways) + i / ways]);
}

static void *burst(void *mine)
{
	take_blocks(mine);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	free_blocks(mine);
	pthread_barrier_wait(&barrier);
	if (ending.stays_alive)
		pause();
	return NULL;
}

static struct {
	size_t base, peak;
	pthread_t thread[NR_THREADS];
} run;

/* What stays of the peak, above what was there before the first block. */
static double share_left(void)
{
	size_t rss = test_rss();
	return rss > run.base ? 100.0 * (double)(rss - run.base) / (double)(run.peak - run.base) : 0;
}

static void burst_and_free_all(bool stays, size_t nr_ways)
{
	ending.stays_alive = stays;
	ending.nr_ways = nr_ways;
	memset(held, 1, sizeof(held));
	CHECK_EQ(pthread_barrier_init(&barrier, NULL, NR_THREADS + 1), 0);
	run.base = test_rss();
	for (size_t i = 0; i < NR_THREADS; i++)
		CHECK_EQ(pthread_create(&run.thread[i], NULL, burst, held[i]), 0);
	pthread_barrier_wait(&barrier);
	run.peak = test_rss();
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	for (size_t i = 0; i < NR_THREADS && !stays; i++)
		CHECK_EQ(pthread_join(run.thread[i], NULL), 0);
}

/* Nobody calls the allocator meanwhile.  Returns after how many seconds a tenth of the
 * peak was reached, or the last look. */
static double wait_for_a_tenth(void)
{
	size_t ms = 0, most = goal_is_survey() ? 10000 : test_pick(1000, 10000, 10000);
	for (; ms < most && share_left() > 10; ms += STEP_MS)
		usleep(STEP_MS * 1000);
	return (double)ms / 1000;
}

static void idle_after(bool stays, size_t nr_ways, const char *what, double holds)
{
	char line[128];
	burst_and_free_all(stays, nr_ways);
	snprintf(line, sizeof(line), "%s after", what);
	double spent = wait_for_a_tenth();
	goal_holding("2", what, share_left(), 10, holds, "%");
	goal_report("2", line, spent, NO_BOUND, "s");
}

static void threads_end(void) { idle_after(false, 64, "burst of 8 threads that end: left", 10); }

static void threads_stay(void) { idle_after(true, 1, "burst of 8 threads that idle, freed in order: left", 10); }

static void scattered_threads_stay(void)
{
	idle_after(true, 64, "burst of 8 threads that idle, freed in 64 places in turn: left", 10);
}

static void trim_at_once(void)
{
	burst_and_free_all(true, 64);
	double start = test_now();
	malloc_trim(0);
	double spent = test_now() - start;
	goal_at_most("2", "burst of 8 threads that idle: left after malloc_trim(0)", share_left(), 10, "%");
	goal_report("2", "burst of 8 threads that idle: malloc_trim(0) took", spent * 1000, NO_BOUND, "ms");
}

static void trim_after_one_thread(void)
{
	memset(held, 1, sizeof(held));
	ending.nr_ways = 64;
	run.base = test_rss();
	take_blocks(held[0]);
	free_blocks(held[0]);
	malloc_trim(0);
	size_t rss = test_rss();
	goal_at_most("2", "20 MiB of one thread: left after malloc_trim(0)", in_mib(rss > run.base ? rss - run.base : 0), 1,
		     "MiB");
}

/* One thread frees all, in an order that has nothing to do with addresses, and then does
 * nothing. */
static void tear_down_in_disorder(void)
{
	bag_open();
	run.base = bag.base;
	bag_fill(150 * MiB, 16, 256);
	for (size_t i = bag.nr / 2; i > 0; i--) {
		bag_drop(bag_draw(bag.nr));
		bag_put(bag_draw_size(16, 256));
	}
	run.peak = test_rss();
	while (bag.nr > 0)
		bag_drop(bag_draw(bag.nr));
	goal_at_most("2", "150 MiB of one thread freed in random order: left", share_left(), 10, "%");
}

/* --- the budget ------------------------------------------------------------------------------ */

/* Holds 256 MiB and frees the older half: of what was freed, the budget may stay. */
static void free_half(size_t block_size, const char *what, double holds)
{
	bag_open();
	while (bag.bytes < 256 * MiB)
		bag_put(block_size);
	size_t full = test_rss(), nr_old = bag.nr / 2, freed = nr_old * block_size;
	for (size_t i = 0; i < nr_old; i++)
		free(bag.block[i]);
	double kept = in_mib(test_rss()) - in_mib(full - freed), live = in_mib(bag.bytes - freed);
	double budget = live / 16 > 4 ? live / 16 : 4;
	goal_holding("2", what, kept, budget, holds > 0 ? holds : budget, "MiB");
}

static void budget_of_small_blocks(void) { free_half(500, "half of 256 MiB freed, 500 B each: kept", 0); }

static void budget_of_zone_blocks(void) { free_half(60 * KiB, "half of 256 MiB freed, 60 KiB each: kept", 0); }

static void budget_of_page_runs(void) { free_half(400 * KiB, "half of 256 MiB freed, 400 KiB each: kept", 0); }

/* --- a steady load --------------------------------------------------------------------------- */

enum { WARM_UP = 40, NR_ROUNDS = 60 };

static size_t minor_faults(void)
{
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	return (size_t)usage.ru_minflt;
}

/* `steady` bytes stay, `swing` bytes come and go each round.  Returns how many of the
 * pages of the swing fault again in a round, in percent. */
static double faults_of(size_t steady, size_t swing, size_t low, size_t high)
{
	size_t faults = 0, nr_steady;
	bag_open();
	bag_fill(steady, low, high);
	nr_steady = bag.nr;
	for (size_t round = 0; round < WARM_UP + NR_ROUNDS; round++) {
		if (round == WARM_UP)
			faults = minor_faults();
		bag_fill(steady + swing, low, high);
		while (bag.nr > nr_steady)
			bag_drop(bag.nr - 1);
		usleep(1000);
	}
	return 100.0 * (double)(minor_faults() - faults) / (double)NR_ROUNDS / ((double)swing / 4096);
}

/* Of the pages of a swing, 1/20 may fault again each time. */
static void steady(const char *what, double faults, double holds)
{
	goal_holding("2", what, faults, 5, holds, "%");
}

static void steady_within_budget(void)
{
	steady("64 MiB stay, 3 MiB of 16 B-4 KiB swing: faulted again", faults_of(64 * MiB, 3 * MiB, 16, 4 * KiB), 5);
}

static void steady_above_budget(void)
{
	steady("64 MiB stay, 24 MiB of 16 B-4 KiB swing: faulted again", faults_of(64 * MiB, 24 * MiB, 16, 4 * KiB), 5);
}

static void steady_page_runs(void)
{
	steady("64 MiB stay, 24 MiB of 0.5-2 MiB swing: faulted again",
	       faults_of(64 * MiB, 24 * MiB, 512 * KiB, 2 * MiB), 5);
}

static void all_of_it(void)
{
	steady("nothing stays, 48 MiB of 16 B-4 KiB swing: faulted again", faults_of(0, 48 * MiB, 16, 4 * KiB), 5);
}

/* --- from a heavy load to a light one -------------------------------------------------------- */

enum { HEAVY_ROUNDS = 30, LIGHT_BLOCKS = 2000, LIGHT_MS = 4000 };

/* Blocks of all sizes up to 3 KiB are replaced, a few thousand in a millisecond, until a tenth of
 * the peak is left or LIGHT_MS have passed; returns how many have. */
static size_t work_lightly(void)
{
	static void *light[LIGHT_BLOCKS];
	size_t ms = 0;
	for (; ms < LIGHT_MS && share_left() > 10; ms++) {
		for (size_t i = 0; i < LIGHT_BLOCKS; i++) {
			size_t at = (i * 7919 + ms * 31) % LIGHT_BLOCKS;
			free(light[at]);
			CHECK((light[at] = malloc(1 + (i * 997 + ms) % 3000)) != NULL);
		}
		usleep(1000);
	}
	return ms;
}

static void heavy_then_light(void)
{
	bag_open();
	run.base = bag.base;
	for (size_t round = 0; round < HEAVY_ROUNDS; round++) {
		bag_fill(100 * MiB, 64 * KiB, 512 * KiB);
		run.peak = test_rss();
		while (bag.nr > 0)
			bag_drop(bag.nr - 1);
	}
	double spent = (double)work_lightly() / 1000;
	goal_at_most("2", "100 MiB swing, then 3 MiB of small blocks at work: left", share_left(), 10, "%");
	goal_report("2", "100 MiB swing, then 3 MiB of small blocks at work: left after", spent, NO_BOUND, "s");
}

static const struct test_case cases[] = {
	{.name = "idle after a burst, threads have ended: a tenth of the peak", .run = threads_end,
	 .engines = SEAM | GLIBC, .seconds = 60},
	{.name = "idle after a burst, threads stay: a tenth of the peak", .run = threads_stay,
	 .engines = SEAM | GLIBC, .seconds = 60},
	{.name = "idle after a burst freed in many places, threads stay", .run = scattered_threads_stay,
	 .engines = SEAM | GLIBC, .seconds = 60},
	{.name = "idle after a teardown in random order: a tenth of the peak", .run = tear_down_in_disorder,
	 .engines = SEAM | GLIBC, .seconds = 60},
	{.name = "malloc_trim(0) after a burst gives back at once", .run = trim_at_once,
	 .engines = SEAM | GLIBC, .seconds = 60},
	{.name = "malloc_trim(0), one thread: 1 MiB stays", .run = trim_after_one_thread, .engines = SEAM | GLIBC},
	{.name = "the budget for free memory: small blocks", .run = budget_of_small_blocks, .engines = SEAM | GLIBC},
	{.name = "the budget for free memory: medium blocks", .run = budget_of_zone_blocks, .engines = SEAM | GLIBC},
	{.name = "the budget for free memory: page runs", .run = budget_of_page_runs, .engines = SEAM | GLIBC},
	{.name = "a steady load within the budget does not fault", .run = steady_within_budget, .engines = SEAM | GLIBC},
	{.name = "a steady load above the budget does not fault", .run = steady_above_budget, .engines = SEAM | GLIBC,
	 .seconds = 60},
	{.name = "a steady load of page runs does not fault", .run = steady_page_runs, .engines = SEAM | GLIBC},
	{.name = "what a heavy load kept goes back in a light one", .run = heavy_then_light, .engines = SEAM | GLIBC,
	 .seconds = 60},
	{.name = "a load that comes and goes entirely does not fault", .run = all_of_it, .engines = SEAM | GLIBC,
	 .seconds = 60},
};

HARNESS_MAIN(cases)
