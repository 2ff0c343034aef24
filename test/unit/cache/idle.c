/* SPDX-License-Identifier: MIT */
/* idle.c - the thread that gives free memory back: when it starts, what it does, when it ends */
#include "cache/idle.h"

#include "base/lock.h"
#include "cache/cache.h"
#include "page/page_alloc.h"
#include "unit.h"

#define NR_RUNS 40

/* Frees 40 MiB of page runs, of which the budget keeps 4 MiB at most. */
static void work(void)
{
	void *run[NR_RUNS];
	for (int i = 0; i < NR_RUNS; i++)
		run[i] = sea_cache_alloc_slow(MiB);
	for (int i = 0; i < NR_RUNS; i++)
		sea_cache_free(run[i]);
	sea_cache_send_all();
}

static void begin(size_t seconds)
{
	sim.now_ms = 5000;
	sea_options.idle = seconds;
}

static void there_is_none_unless_asked_for(void)
{
	begin(0);
	work();
	CHECK(sea_pages_dirty() > MiB);
	CHECK_EQ(sim.nr_threads_started, 0);
}

static void one_starts_when_the_heap_is_large(void)
{
	begin(10);
	sea_cache_free(sea_cache_alloc_slow(100));
	CHECK_EQ(sim.nr_threads_started, 0);
	work();
	CHECK_EQ(sim.nr_threads_started, 1);
	work();
	CHECK_EQ(sim.nr_threads_started, 1);
}

static void it_gives_all_back_after_a_quiet_period(void)
{
	begin(10);
	work();
	CHECK(sea_pages_dirty() > MiB);
	uint64_t before = sim.now_ms;
	sim.thread_body();
	CHECK_AT_MOST(sea_pages_free_dirty(), 0);
	CHECK_EQ(sim.now_ms - before, 10000);
	CHECK(sea_pages_are_sound());
}

static int nr_rounds;

/* The program works while it sleeps, three times. */
static void work_three_times(void)
{
	if (nr_rounds++ < 3)
		work();
}

static void work_puts_it_off(void)
{
	begin(10);
	work();
	sim.while_asleep = work_three_times;
	uint64_t before = sim.now_ms;
	sim.thread_body();
	CHECK_EQ(sim.now_ms - before, 3 * 2500 + 10000);
	CHECK_EQ(sea_pages_free_dirty(), 0);
}

static void *kept;
static unsigned nr_looks;

/* For a while the program keeps what it has. */
static void free_it_late(void)
{
	if (++nr_looks == 10)
		sea_pages_free(kept);
}

static void it_stays_while_the_heap_is_large(void)
{
	begin(10);
	work();
	kept = sea_pages_alloc(8 * MiB, 1, SEA_TOUCH_NOW, NULL);
	sim.while_asleep = free_it_late;
	sim.thread_body();
	CHECK_EQ(nr_looks, 14); /* the free was work: four quiet looks from there */
	CHECK_EQ(sea_pages_free_dirty(), 0);
}

/* The C library frees memory while it holds the lock that pthread_create() takes. */
static void a_free_starts_none(void)
{
	begin(0);
	void *run = sea_cache_alloc_slow(2 * MiB), *other = sea_cache_alloc_slow(2 * MiB);
	begin(10);
	sea_cache_free(run);
	sea_cache_free(other);
	CHECK(sea_pages_dirty() > MiB);
	CHECK_EQ(sim.nr_threads_started, 0);
}

static void another_starts_when_there_is_something_again(void)
{
	begin(10);
	work();
	sim.thread_body();
	work();
	CHECK_EQ(sim.nr_threads_started, 2);
}

static void a_refusal_is_final(void)
{
	begin(10);
	sim.refuse_threads = true;
	work();
	sim.refuse_threads = false;
	work();
	CHECK_EQ(sim.nr_threads_started, 0);
}

static void one_that_cannot_sleep_ends_for_good(void)
{
	begin(10);
	work();
	sim.refuse_sleep = true;
	size_t dirty = sea_pages_dirty();
	sim.thread_body();
	CHECK_EQ(sea_pages_dirty(), dirty);
	sim.refuse_sleep = false;
	work();
	CHECK_EQ(sim.nr_threads_started, 1);
}

static void none_starts_while_the_heap_is_stopped(void)
{
	begin(0);
	CHECK(sea_cache_alloc_slow(4 * MiB));
	begin(10);
	sea_heap_stop();
	sea_idle_look();
	CHECK_EQ(sim.nr_threads_started, 0);
	sea_heap_resume(false);
	sea_idle_look();
	CHECK_EQ(sim.nr_threads_started, 1);
}

static void a_child_has_none(void)
{
	begin(10);
	work();
	sea_idle_in_child();
	work();
	CHECK_EQ(sim.nr_threads_started, 2);
}

static const struct test_case cases[] = {
	PASSES(there_is_none_unless_asked_for), PASSES(one_starts_when_the_heap_is_large),
	PASSES(it_gives_all_back_after_a_quiet_period), PASSES(work_puts_it_off),
	PASSES(it_stays_while_the_heap_is_large), PASSES(a_free_starts_none), PASSES(another_starts_when_there_is_something_again),
	PASSES(a_refusal_is_final), PASSES(one_that_cannot_sleep_ends_for_good),
	PASSES(none_starts_while_the_heap_is_stopped), PASSES(a_child_has_none),
};

HARNESS_MAIN(cases)
