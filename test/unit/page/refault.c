/* SPDX-License-Identifier: MIT */
/* refault.c - what recurs soon is earned, and fades */
#include "page/refault.h"

#include "unit.h"

#define PAGES(bytes) ((bytes) / 4096)

/* So much goes, and comes back after `ms`; the window that this is judged by ends. */
static void swing(size_t bytes, uint64_t ms)
{
	sea_refault_note_use(100 * MiB, 0);
	sea_refault_learn();
	sea_refault_note_purged(PAGES(bytes));
	sea_refault_learn();
	sim.now_ms += ms;
	sea_refault_note_fresh(PAGES(bytes));
	sea_refault_learn();
}

static void growth_earns_nothing(void)
{
	sim.now_ms = 5000;
	for (int i = 0; i < 100; i++) {
		sea_refault_note_fresh(PAGES(MiB));
		sea_refault_learn();
		sim.now_ms++;
	}
	CHECK_EQ(sea_refault_allowance(0, 0), 0);
	CHECK_EQ(sea_refault_count(), 0);
}

static void what_recurs_soon_is_earned(void)
{
	sim.now_ms = 5000;
	swing(3 * MiB, 20);
	CHECK_EQ(sea_refault_allowance(0, 0), 3 * MiB);
	CHECK_EQ(sea_refault_count(), PAGES(3 * MiB));
	swing(2 * MiB, 20);
	CHECK_EQ(sea_refault_allowance(0, 0), 5 * MiB);
}

/* 18 pages a millisecond cost 5 % of the time. */
static void what_costs_little_is_not(void)
{
	sim.now_ms = 5000;
	for (int i = 0; i < 50; i++)
		swing(17 * 20 * 4096, 20);
	CHECK_EQ(sea_refault_allowance(0, 0), 0);
	CHECK_EQ(sea_refault_count(), 50 * 17 * 20);
	swing(18 * 20 * 4096, 20);
	CHECK_EQ(sea_refault_allowance(0, 0), 18 * 20 * 4096);
}

static void what_recurs_late_is_not(void)
{
	sim.now_ms = 5000;
	swing(3 * MiB, 2000);
	CHECK_EQ(sea_refault_allowance(0, 0), 0);
}

/* More than went cannot have been wanted back. */
static void only_what_was_owed(void)
{
	sim.now_ms = 5000;
	sea_refault_note_use(100 * MiB, 0);
	sea_refault_learn();
	sea_refault_note_purged(PAGES(2 * MiB));
	sea_refault_learn();
	sim.now_ms += 20;
	sea_refault_note_fresh(PAGES(20 * MiB));
	sea_refault_learn();
	CHECK_EQ(sea_refault_allowance(0, 0), 2 * MiB);
}

/* A period ends; so much is in use, and so much free beyond the budget. */
static void pass_a_period(size_t in_use, size_t beyond)
{
	sim.now_ms += 250 + 10000; /* a period is longer by what its faults take at worst */
	sea_refault_age(in_use, beyond);
}

static void it_is_gone_after_a_period_without_use(void)
{
	sim.now_ms = 5000;
	swing(8 * MiB, 20);
	pass_a_period(100 * MiB, 8 * MiB);
	CHECK_EQ(sea_refault_allowance(0, 0), 8 * MiB);
	sim.now_ms += 249;
	sea_refault_age(100 * MiB, 8 * MiB);
	CHECK_EQ(sea_refault_allowance(0, 0), 8 * MiB);
	sim.now_ms += 1;
	sea_refault_age(100 * MiB, 8 * MiB);
	CHECK_EQ(sea_refault_allowance(0, 0), 0);
}

static void it_can_be_forgotten(void)
{
	sim.now_ms = 5000;
	swing(8 * MiB, 20);
	sea_refault_forget();
	CHECK_EQ(sea_refault_allowance(0, 0), 0);
}

/* What keeps pages from going back leaves no refaults to learn from: it stays as far as free
 * memory became more and less. */
static void it_stays_while_it_is_made_use_of(void)
{
	sim.now_ms = 5000;
	swing(48 * MiB, 20);
	for (int i = 0; i < 100; i++) {
		sea_refault_note_use(100 * MiB, 0);
		pass_a_period(40 * MiB, 70 * MiB);
	}
	CHECK_EQ(sea_refault_allowance(0, 0), 48 * MiB);
	for (int i = 0; i < 100; i++) {
		sea_refault_note_use(100 * MiB, 40 * MiB);
		pass_a_period(40 * MiB, 60 * MiB);
	}
	CHECK_EQ(sea_refault_allowance(0, 0), 20 * MiB);
	pass_a_period(100 * MiB, 60 * MiB);
	CHECK_EQ(sea_refault_allowance(0, 0), 0);
}

/* A period that ends right after it was earned does not take it away. */
static void what_is_new_is_not_judged(void)
{
	sim.now_ms = 5000;
	sea_refault_age(100 * MiB, 0);
	sim.now_ms += 220;
	swing(48 * MiB, 20);
	sim.now_ms += 10;
	sea_refault_age(100 * MiB, 0);
	CHECK_EQ(sea_refault_allowance(0, 0), 48 * MiB);
}

/* What came back in the window that is open is forgotten as well, and what is owed. */
static void nothing_that_was_is_earned_once_it_is_forgotten(void)
{
	sim.now_ms = 5000;
	swing(3 * MiB, 20);
	swing(3 * MiB, 5);
	sea_refault_note_purged(PAGES(3 * MiB));
	sea_refault_learn();
	sea_refault_forget();
	sim.now_ms += 30;
	sea_refault_note_fresh(PAGES(3 * MiB));
	sea_refault_learn();
	sim.now_ms += 30;
	sea_refault_learn();
	CHECK_EQ(sea_refault_allowance(0, 0), 0);
	swing(3 * MiB, 20);
	CHECK_EQ(sea_refault_allowance(0, 0), 3 * MiB);
}

/* Threads that are started and waited for over and over: the end of one round is not that of
 * the work.  A pause starts the count anew. */
static void ends_in_a_row_are_no_end(void)
{
	sim.now_ms = 5000;
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 4; i++) {
			swing(3 * MiB, 20);
			CHECK_AT_MOST(3 * MiB, sea_refault_allowance(0, 0));
			sea_refault_forget();
			CHECK_EQ(sea_refault_allowance(0, 0), 0);
		}
		swing(3 * MiB, 20);
		sea_refault_forget();
		CHECK_EQ(sea_refault_allowance(0, 0), 3 * MiB);
		swing(3 * MiB, 20);
		sea_refault_forget();
		CHECK_EQ(sea_refault_allowance(0, 0), 6 * MiB);
		sim.now_ms += 300;
	}
}

/* For a whole period all that was earned was made use of. */
static void make_use(size_t earned)
{
	pass_a_period(100 * MiB, 0);
	sea_refault_note_use(100 * MiB - earned, earned);
	pass_a_period(100 * MiB, 0);
}

static void become_steady(void)
{
	swing(3 * MiB, 20);
	make_use(3 * MiB);
	CHECK_EQ(sea_refault_allowance(0, 0), 3 * MiB);
}

static void swing_often(void)
{
	for (int i = 0; i < 100; i++)
		swing(3 * MiB, 20);
}

static void it_is_half_of_the_peak_at_first(void)
{
	sim.now_ms = 5000;
	swing_often();
	CHECK_EQ(sea_refault_allowance(0, 0), 50 * MiB);
	pass_a_period(100 * MiB, 0); /* it was earned in this period: the next will show */
	swing_often();
	CHECK_EQ(sea_refault_allowance(0, 0), 50 * MiB);
	make_use(20 * MiB); /* less than half */
	CHECK_EQ(sea_refault_allowance(0, 0), 20 * MiB);
	swing_often();
	CHECK_EQ(sea_refault_allowance(0, 0), 50 * MiB);
	make_use(50 * MiB);
	swing_often();
	CHECK_EQ(sea_refault_allowance(0, 0), 100 * MiB);
}

/* After the end of its work a program has to show it again. */
static void all_of_the_peak_is_forgotten(void)
{
	sim.now_ms = 5000;
	become_steady();
	sea_refault_forget();
	sea_refault_learn();
	swing_often();
	CHECK_EQ(sea_refault_allowance(0, 0), 50 * MiB);
}

/* Two threads come to the end of a period at once: one looked at the clock before it ended. */
static void a_clock_that_is_late(void)
{
	sim.now_ms = 5000;
	swing(8 * MiB, 20);
	pass_a_period(100 * MiB, 0);
	sea_refault_note_use(92 * MiB, 8 * MiB);
	pass_a_period(100 * MiB, 8 * MiB);
	sim.now_ms -= 1;
	sea_refault_age(100 * MiB, 8 * MiB);
	CHECK_EQ(sea_refault_allowance(0, 0), 8 * MiB);
}

/* What is kept and what is in use come to the peak and a quarter. */
static void it_raises_no_peak(void)
{
	sim.now_ms = 5000;
	become_steady();
	swing_often();
	CHECK_EQ(sea_refault_allowance(90 * MiB, 0), 10 * MiB);
	CHECK_EQ(sea_refault_allowance(60 * MiB, 0), 40 * MiB);
	CHECK_EQ(sea_refault_allowance(0, 0), 100 * MiB);
	CHECK_EQ(sea_refault_allowance(100 * MiB, 0), 0);
	CHECK_EQ(sea_refault_allowance(101 * MiB, 0), 0);
	CHECK_EQ(sea_refault_allowance(100 * MiB, 9 * MiB), 9 * MiB);
	CHECK_EQ(sea_refault_allowance(100 * MiB, 90 * MiB), 25 * MiB);
}

/* What was in use fades too. */
static void the_peak_is_that_of_late(void)
{
	sim.now_ms = 5000;
	become_steady();
	swing_often();
	CHECK_EQ(sea_refault_allowance(0, 0), 100 * MiB);
	for (int i = 0; i < 8; i++) {
		sea_refault_note_use(20 * MiB, 0);
		pass_a_period(0, 100 * MiB);
	}
	CHECK_EQ(sea_refault_allowance(0, 0), 20 * MiB);
	sea_refault_note_use(90 * MiB, 0);
	CHECK_EQ(sea_refault_allowance(80 * MiB, 0), 10 * MiB);
}

static const struct test_case cases[] = {
	PASSES(growth_earns_nothing), PASSES(what_recurs_soon_is_earned), PASSES(what_costs_little_is_not), PASSES(what_recurs_late_is_not),
	PASSES(only_what_was_owed), PASSES(it_is_gone_after_a_period_without_use), PASSES(it_can_be_forgotten),
	PASSES(it_stays_while_it_is_made_use_of), PASSES(what_is_new_is_not_judged),
	PASSES(nothing_that_was_is_earned_once_it_is_forgotten), PASSES(ends_in_a_row_are_no_end),
	PASSES(it_is_half_of_the_peak_at_first), PASSES(all_of_the_peak_is_forgotten), PASSES(a_clock_that_is_late), PASSES(it_raises_no_peak), PASSES(the_peak_is_that_of_late),
};

HARNESS_MAIN(cases)
