/* SPDX-License-Identifier: MIT */
/* lock.c - exclusion, ranks, all locks together */
#include "base/lock.h"

#include "base/options.h"
#include "heap/shard.h"
#include "seamalloc.h"

#include <unistd.h>

#include "unit.h"

static struct sea_lock low = SEA_LOCK_INIT(SEA_RANK_SHARD), high = SEA_LOCK_INIT(SEA_RANK_PAGES);
static struct sea_lock other = SEA_LOCK_INIT(SEA_RANK_SHARD);

static void take_and_drop(void)
{
	CHECK(!sea_lock_is_held(&low));
	sea_lock_take(&low);
	CHECK(sea_lock_is_held(&low));
	sea_lock_take(&high);
	sea_lock_drop(&high);
	sea_lock_drop(&low);
	CHECK(!sea_lock_is_held(&low));
	CHECK(sea_lock_try(&low));
	CHECK(sea_lock_is_held(&low));
	sea_lock_drop(&low);
	CHECK_EQ(low.nr_contended, 0);
}

static void *try_low(void *result)
{
	*(bool *)result = sea_lock_try(&low);
	if (*(bool *)result)
		sea_lock_drop(&low);
	return NULL;
}

static void try_fails_while_held(void)
{
	bool got = true;
	sea_lock_take(&low);
	run_in_thread(try_low, &got);
	CHECK(!got);
	sea_lock_drop(&low);
	run_in_thread(try_low, &got);
	CHECK(got);
}

static uint64_t counter;
static size_t nr_rounds;

static void *count(void *unused)
{
	for (size_t i = 0; i < nr_rounds; i++) {
		if (i % 8 == 0) {
			while (!sea_lock_try(&low))
				;
		} else {
			sea_lock_take(&low);
		}
		counter++;
		sea_lock_drop(&low);
	}
	return unused;
}

static void threads_exclude_each_other(void)
{
	pthread_t threads[4];
	nr_rounds = rounds(20000);
	for (size_t i = 0; i < NR(threads); i++)
		threads[i] = start_thread(count, NULL);
	for (size_t i = 0; i < NR(threads); i++)
		pthread_join(threads[i], NULL);
	CHECK_EQ(counter, NR(threads) * nr_rounds);
	CHECK(!sea_lock_is_held(&low));
}

static void *hold_for_a_while(void *held)
{
	sea_lock_take(&low);
	__atomic_store_n((int *)held, 1, __ATOMIC_RELEASE);
	while (__atomic_load_n(&sim.nr_waits, __ATOMIC_ACQUIRE) == 0)
		;
	sea_lock_drop(&low);
	return NULL;
}

/* L2: who waits sleeps, and is woken. */
static void a_waiter_sleeps_and_is_woken(void)
{
	int held = 0;
	pthread_t thread = start_thread(hold_for_a_while, &held);
	while (!__atomic_load_n(&held, __ATOMIC_ACQUIRE))
		;
	sea_lock_take(&low);
	CHECK(sim.nr_waits > 0);
	CHECK_EQ(low.nr_contended, 1);
	sea_lock_drop(&low);
	pthread_join(thread, NULL); /* which wakes after it has dropped */
	CHECK(sim.nr_wakes > 0);
}

static void wrong_order(void)
{
	if (!IS_DEBUG)
		test_skip("ranks are checked in debug builds");
	CHECK(SIM_ABORTS((sea_lock_take(&high), sea_lock_take(&low))));
	CHECK(strstr(sim.report, "rank") != NULL);
}

static void equal_ranks(void)
{
	if (!IS_DEBUG)
		test_skip("ranks are checked in debug builds");
	CHECK(SIM_ABORTS((sea_lock_take(&low), sea_lock_take(&other))));
}

static void dropping_a_free_lock(void)
{
	if (!IS_DEBUG)
		test_skip("asserted in debug builds");
	CHECK(SIM_ABORTS(sea_lock_drop(&low)));
}

static void ranks_are_forgotten_with_the_lock(void)
{
	sea_lock_take(&high);
	sea_lock_drop(&high);
	sea_lock_take(&low);
	sea_lock_drop(&low);
}

/* --- what a thread holds ------------------------------------------------------------- */

static void holds_what_it_took(void)
{
	CHECK(!sea_lock_holds_any());
	sea_lock_take(&low);
	sea_lock_take(&high);
	sea_lock_drop(&low); /* in any order */
	CHECK(sea_lock_holds_any());
	sea_lock_drop(&high);
	CHECK(!sea_lock_holds_any());
}

static void *hold_forever(void *held)
{
	sea_lock_take(&low);
	__atomic_store_n((int *)held, 1, __ATOMIC_RELEASE);
	for (;;)
		pause();
	return NULL;
}

static void what_others_hold_is_not_its(void)
{
	int held = 0;
	start_thread(hold_forever, &held);
	while (!__atomic_load_n(&held, __ATOMIC_ACQUIRE))
		;
	CHECK(sea_lock_is_held(&low));
	CHECK(!sea_lock_holds_any());
}

/* As a signal handler that has come in by no door. */
static void take_again(void)
{
	if (IS_DEBUG)
		test_skip("a debug build compares ranks first");
	sea_lock_take(&low);
	sea_lock_take(&high);
	sea_lock_take(&low);
	sea_lock_drop(&low);
	CHECK(sea_lock_is_held(&low));
	sea_lock_drop(&high);
	sea_lock_drop(&low);
	CHECK(!sea_lock_is_held(&low));
	CHECK(!sea_lock_holds_any());
}

static void its_own_lock_is_not_waited_for(void)
{
	take_again();
	CHECK_EQ(sim.nr_waits, 0);
}

static void *do_nothing(void *unused) { return unused; }

static void nor_where_there_were_threads(void)
{
	run_in_thread(do_nothing, NULL);
	take_again();
	CHECK_EQ(sim.nr_waits, 0);
}

static void gives_up_all(void)
{
	bool got = false;
	sea_lock_take(&low);
	sea_lock_take(&high);
	CHECK(!sea_lock_gave_up());
	sea_lock_give_up();
	CHECK(sea_lock_gave_up());
	CHECK(sea_lock_holds_any());
	CHECK(!sea_lock_is_held(&low) && !sea_lock_is_held(&high));
	run_in_thread(try_low, &got);
	CHECK(got);
}

static bool is_held(const struct sea_locks *locks) { return sea_lock_is_held(locks->first); }

static void gives_up_what_it_stopped(void)
{
	sea_heap_stop();
	sea_lock_give_up();
	CHECK(!sea_heap_is_stopped());
	CHECK(!is_held(&sea_locks_shard) && !is_held(&sea_locks_pages) && !is_held(&sea_locks_region));
}

static void leaving_with_a_lock(void)
{
	if (!IS_DEBUG)
		test_skip("asserted in debug builds");
	SEA_LEAVES_HERE();
	sea_lock_take(&low);
	CHECK(SIM_ABORTS(SEA_LEAVES_HERE()));
}

/* --- all locks ---------------------------------------------------------------------- */

struct walk {
	uint32_t rank; /* of the last lock that has one */
	size_t nr, nr_held;
};

static void look(struct sea_lock *lock, void *context)
{
	struct walk *walk = context;
	walk->nr++;
	walk->nr_held += sea_lock_is_held(lock);
	if (lock->rank) {
		CHECK(lock->rank >= walk->rank);
		walk->rank = lock->rank;
	}
}

static struct walk walk_all(void)
{
	struct walk walk = {0};
	sea_lock_each(look, &walk);
	return walk;
}

/* THREADS, PAGES, META, SEAMS and REGION are one lock each. */
static size_t count_expected(void) { return 6 + sea_shard_count(); }

static void every_lock_is_found_by_rank(void)
{
	CHECK_EQ(walk_all().nr, count_expected());
	CHECK_EQ(walk_all().nr_held, 0);
	sea_free(sea_malloc(100));
	sea_free(sea_malloc(300000));
	CHECK_EQ(walk_all().nr, count_expected());
	CHECK_EQ(walk_all().rank, SEA_RANK_REGION);
}

static void stop_and_resume(void)
{
	sea_heap_stop();
	CHECK(sea_heap_is_stopped());
	CHECK_EQ(walk_all().nr_held, count_expected());
	CHECK(!sea_heap_resume(false));
	CHECK(!sea_heap_is_stopped());
	CHECK_EQ(walk_all().nr_held, 0);
}

/* The first thing that a process does may be to fork. */
static void before_the_first_allocation(void)
{
	stop_and_resume();
	void *block = sea_malloc(100);
	CHECK(block != NULL);
	stop_and_resume();
	sea_free(block);
}

static pthread_barrier_t barrier;

static void *allocate_and_stay(void *unused)
{
	void *block = sea_malloc(100);
	CHECK(block != NULL);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	sea_free(block);
	return unused;
}

static void shards_that_come_later_are_stopped_too(void)
{
	pthread_t threads[6];
	sea_options.shards = 4;
	stop_and_resume();
	CHECK_EQ(sea_shard_count(), 1);
	pthread_barrier_init(&barrier, NULL, NR(threads) + 1);
	for (size_t i = 0; i < NR(threads); i++)
		threads[i] = start_thread(allocate_and_stay, NULL);
	pthread_barrier_wait(&barrier);
	CHECK_EQ(sea_shard_count(), 4);
	stop_and_resume();
	pthread_barrier_wait(&barrier);
	for (size_t i = 0; i < NR(threads); i++)
		pthread_join(threads[i], NULL);
	stop_and_resume();
}

static void the_thread_that_stopped_passes(void)
{
	struct sea_lock *shard = sea_locks_shard.first, *region = sea_locks_region.first;
	sea_heap_stop();
	sea_lock_take(region); /* in any order */
	sea_lock_take(shard);
	CHECK(sea_lock_try(shard));
	sea_lock_drop(shard);
	sea_lock_drop(region);
	CHECK(sea_lock_is_held(shard));
	void *block = sea_malloc(100), *large = sea_malloc(300000);
	CHECK(block && large);
	sea_free(block);
	sea_free(large);
	CHECK_EQ(walk_all().nr_held, count_expected());
	sea_heap_resume(false);
	CHECK_EQ(walk_all().nr_held, 0);
}

static void *allocate(void *is_done)
{
	sea_free(sea_malloc(100));
	__atomic_store_n((bool *)is_done, true, __ATOMIC_RELEASE);
	return NULL;
}

static void others_wait_until_it_resumes(void)
{
	bool is_done = false;
	sea_heap_stop();
	pthread_t thread = start_thread(allocate, &is_done);
	while (__atomic_load_n(&sim.nr_waits, __ATOMIC_ACQUIRE) == 0)
		;
	CHECK(!__atomic_load_n(&is_done, __ATOMIC_ACQUIRE));
	CHECK(sea_heap_resume(false)); /* somebody slept */
	pthread_join(thread, NULL);
	CHECK(is_done);
}

/* Its parent's threads sleep on locks that are free here. */
static void the_child_forgets_who_waited(void)
{
	sea_heap_stop();
	sea_locks_pages.first->state = 2;
	sea_heap_resume(true);
	CHECK_EQ(sim.nr_wakes, 0);
	CHECK_EQ(walk_all().nr_held, 0);
}

static void stopping_with_a_lock(void)
{
	if (!IS_DEBUG)
		test_skip("asserted in debug builds");
	sea_lock_take(&low);
	CHECK(SIM_ABORTS(sea_heap_stop()));
}

static void stopping_twice(void)
{
	if (!IS_DEBUG)
		test_skip("asserted in debug builds");
	sea_heap_stop();
	CHECK(SIM_ABORTS(sea_heap_stop()));
}

static void resuming_what_is_not_stopped(void)
{
	if (!IS_DEBUG)
		test_skip("asserted in debug builds");
	CHECK(SIM_ABORTS(sea_heap_resume(false)));
}

static void a_lock_among_those_of_another_rank(void)
{
	if (!IS_DEBUG)
		test_skip("asserted in debug builds");
	sea_locks_meta.first->rank = SEA_RANK_REGION;
	CHECK(SIM_ABORTS(sea_heap_stop()));
	CHECK(strstr(sim.report, "rank") != NULL);
}

static const struct test_case cases[] = {
	PASSES(take_and_drop), PASSES(try_fails_while_held), PASSES(threads_exclude_each_other),
	PASSES(a_waiter_sleeps_and_is_woken), PASSES(wrong_order), PASSES(equal_ranks), PASSES(dropping_a_free_lock),
	PASSES(ranks_are_forgotten_with_the_lock), PASSES(holds_what_it_took), PASSES(what_others_hold_is_not_its),
	PASSES(its_own_lock_is_not_waited_for), PASSES(nor_where_there_were_threads), PASSES(gives_up_all),
	PASSES(gives_up_what_it_stopped), PASSES(leaving_with_a_lock), PASSES(every_lock_is_found_by_rank),
	PASSES(stop_and_resume), PASSES(before_the_first_allocation), PASSES(shards_that_come_later_are_stopped_too),
	PASSES(the_thread_that_stopped_passes), PASSES(others_wait_until_it_resumes), PASSES(the_child_forgets_who_waited),
	PASSES(stopping_with_a_lock), PASSES(stopping_twice), PASSES(resuming_what_is_not_stopped),
	PASSES(a_lock_among_those_of_another_rank),
};

HARNESS_MAIN(cases)
