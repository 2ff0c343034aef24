/* SPDX-License-Identifier: MIT */
/* lock.c - exclusion, ranks, fork */
#include "base/lock.h"

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

static void gives_up_what_a_fork_took(void)
{
	sea_lock_fork_take(&low);
	sea_lock_fork_take(&other);
	sea_lock_fork_begin();
	sea_lock_give_up();
	CHECK(!sea_lock_owns_all());
	CHECK(!sea_lock_is_held(&low) && !sea_lock_is_held(&other));
}

static void leaving_with_a_lock(void)
{
	if (!IS_DEBUG)
		test_skip("asserted in debug builds");
	SEA_LEAVES_HERE();
	sea_lock_take(&low);
	CHECK(SIM_ABORTS(SEA_LEAVES_HERE()));
}

/* --- fork ------------------------------------------------------------------------- */

static void the_forking_thread_passes(void)
{
	sea_lock_fork_take(&low);
	sea_lock_fork_take(&high);
	sea_lock_fork_begin();
	sea_lock_take(&high); /* in any order */
	sea_lock_take(&low);
	CHECK(sea_lock_try(&low));
	sea_lock_drop(&low);
	sea_lock_drop(&high);
	CHECK(sea_lock_is_held(&low));
	sea_lock_fork_end();
	sea_lock_fork_drop_all(false);
	CHECK(!sea_lock_is_held(&low));
	CHECK(!sea_lock_is_held(&high));
	sea_lock_take(&low);
	sea_lock_drop(&low);
}

static void others_wait_for_the_forking_thread(void)
{
	bool got = true;
	sea_lock_fork_take(&low);
	sea_lock_fork_begin();
	run_in_thread(try_low, &got);
	CHECK(!got);
	sea_lock_fork_end();
	sea_lock_fork_drop_all(false);
	run_in_thread(try_low, &got);
	CHECK(got);
}

static void the_child_forgets_who_waited(void)
{
	sea_lock_fork_take(&low);
	low.state = 2;
	sea_lock_fork_drop_all(true);
	CHECK_EQ(sim.nr_wakes, 0);
	CHECK(!sea_lock_is_held(&low));
}

static const struct test_case cases[] = {
	PASSES(take_and_drop), PASSES(try_fails_while_held), PASSES(threads_exclude_each_other),
	PASSES(a_waiter_sleeps_and_is_woken), PASSES(wrong_order), PASSES(equal_ranks), PASSES(dropping_a_free_lock),
	PASSES(ranks_are_forgotten_with_the_lock), PASSES(holds_what_it_took), PASSES(what_others_hold_is_not_its),
	PASSES(its_own_lock_is_not_waited_for), PASSES(nor_where_there_were_threads), PASSES(gives_up_all),
	PASSES(gives_up_what_a_fork_took), PASSES(leaving_with_a_lock), PASSES(the_forking_thread_passes),
	PASSES(others_wait_for_the_forking_thread), PASSES(the_child_forgets_who_waited),
};

HARNESS_MAIN(cases)
