/* SPDX-License-Identifier: MIT */
/* allowance.c - refaults raise it, disuse and time lower it */
#include "page/allowance.h"

#include "unit.h"

#define PAGES(bytes) ((bytes) / 4096)

static void start(void)
{
	sim.now_ms = 5000;
	sea_allowance_age(0, 0);
}

/* So much is purged, and faulted in after `ms`; the window that this is judged by ends. */
static void swing(size_t bytes, uint64_t ms)
{
	sea_allowance_note_use(100 * MiB, 0);
	sea_allowance_measure();
	sea_allowance_note_purged(PAGES(bytes));
	sea_allowance_measure();
	sim.now_ms += ms;
	sea_allowance_note_faulted(PAGES(bytes));
	sea_allowance_measure();
	CHECK(sea_allowance_is_sound());
}

static void growth_does_not_raise_it(void)
{
	start();
	for (int i = 0; i < 100; i++) {
		sea_allowance_note_faulted(PAGES(MiB));
		sea_allowance_measure();
		sim.now_ms++;
	}
	CHECK_EQ(sea_allowance(0), 0);
	CHECK_EQ(sea_allowance_nr_refaults(), 0);
}

static void refaults_raise_it(void)
{
	start();
	swing(3 * MiB, 20);
	CHECK_EQ(sea_allowance(0), 3 * MiB);
	CHECK_EQ(sea_allowance_nr_refaults(), PAGES(3 * MiB));
	swing(2 * MiB, 20);
	CHECK_EQ(sea_allowance(0), 5 * MiB);
}

/* 18 pages a millisecond cost 5 % of the time. */
static void refaults_that_cost_little_do_not(void)
{
	start();
	for (int i = 0; i < 50; i++)
		swing(17 * 20 * 4096, 20);
	CHECK_EQ(sea_allowance(0), 0);
	CHECK_EQ(sea_allowance_nr_refaults(), 50 * 17 * 20);
	swing(18 * 20 * 4096, 20);
	CHECK_EQ(sea_allowance(0), 18 * 20 * 4096);
}

static void late_refaults_do_not(void)
{
	start();
	swing(3 * MiB, 2000);
	CHECK_EQ(sea_allowance(0), 0);
}

/* 100 MiB are purged, and faulted in again, a MiB each `ms`.  Nobody purges or asks meanwhile. */
static size_t allowed_after_faults_each(uint64_t ms)
{
	sea_allowance_note_use(100 * MiB, 0);
	sea_allowance_reset();
	sea_allowance_measure();
	sea_allowance_note_purged(PAGES(100 * MiB));
	sea_allowance_measure();
	for (int i = 0; i < 100; i++) {
		sim.now_ms += ms;
		sea_allowance_note_faulted(PAGES(MiB));
	}
	sea_allowance_measure();
	return sea_allowance(0);
}

/* Faults that begin soon count, however long all of them take. */
static void a_long_swing_that_begins_soon(void)
{
	start();
	CHECK_EQ(allowed_after_faults_each(12), 50 * MiB);
	CHECK_EQ(allowed_after_faults_each(300), 0);
}

/* Not more pages can be refaults than were purged. */
static void not_more_than_was_purged(void)
{
	start();
	sea_allowance_note_use(100 * MiB, 0);
	sea_allowance_measure();
	sea_allowance_note_purged(PAGES(2 * MiB));
	sea_allowance_measure();
	sim.now_ms += 20;
	sea_allowance_note_faulted(PAGES(20 * MiB));
	sea_allowance_measure();
	CHECK_EQ(sea_allowance(0), 2 * MiB);
}

/* A period ends; so much is in use, and so much free beyond the budget. */
static void pass_a_period(size_t in_use, size_t beyond)
{
	sim.now_ms += 250 + 250; /* a period is longer by what its faults take at worst */
	sea_allowance_age(in_use, beyond);
}

static void it_is_gone_after_a_period_without_use(void)
{
	start();
	swing(8 * MiB, 20);
	pass_a_period(100 * MiB, 8 * MiB);
	CHECK_EQ(sea_allowance(0), 8 * MiB);
	sim.now_ms += 249;
	sea_allowance_age(100 * MiB, 8 * MiB);
	CHECK_EQ(sea_allowance(0), 8 * MiB);
	sim.now_ms += 1;
	sea_allowance_age(100 * MiB, 8 * MiB);
	CHECK_EQ(sea_allowance(0), 0);
}

static void it_can_be_reset(void)
{
	start();
	swing(8 * MiB, 20);
	sea_allowance_reset();
	CHECK_EQ(sea_allowance(0), 0);
}

/* Pages that stay leave no refaults: the allowance stays as far as free memory became more and
 * less. */
static void it_stays_while_it_is_made_use_of(void)
{
	start();
	swing(48 * MiB, 20);
	for (int i = 0; i < 100; i++) {
		sea_allowance_note_use(100 * MiB, 0);
		pass_a_period(40 * MiB, 70 * MiB);
	}
	CHECK_EQ(sea_allowance(0), 48 * MiB);
	for (int i = 0; i < 100; i++) {
		sea_allowance_note_use(100 * MiB, 40 * MiB);
		pass_a_period(40 * MiB, 60 * MiB);
	}
	CHECK_EQ(sea_allowance(0), 20 * MiB);
	pass_a_period(100 * MiB, 60 * MiB);
	CHECK_EQ(sea_allowance(0), 0);
}

/* A period that ends right after it was raised does not lower it. */
static void what_is_new_is_not_judged(void)
{
	start();
	sea_allowance_age(100 * MiB, 0);
	sim.now_ms += 220;
	swing(48 * MiB, 20);
	sim.now_ms += 10;
	sea_allowance_age(100 * MiB, 0);
	CHECK_EQ(sea_allowance(0), 48 * MiB);
}

/* Refaults of the open window do not count, nor pages that were purged before. */
static void nothing_counts_that_was_before_a_reset(void)
{
	start();
	swing(3 * MiB, 20);
	swing(3 * MiB, 5);
	sea_allowance_note_purged(PAGES(3 * MiB));
	sea_allowance_measure();
	sea_allowance_reset();
	sim.now_ms += 30;
	sea_allowance_note_faulted(PAGES(3 * MiB));
	sea_allowance_measure();
	sim.now_ms += 30;
	sea_allowance_measure();
	CHECK_EQ(sea_allowance(0), 0);
	swing(3 * MiB, 20);
	CHECK_EQ(sea_allowance(0), 3 * MiB);
}

/* Threads that are started and waited for over and over: the end of one round is not that of
 * the work.  A pause starts the count anew. */
static void ends_in_a_row_are_no_end(void)
{
	start();
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 4; i++) {
			swing(3 * MiB, 20);
			CHECK_AT_MOST(3 * MiB, sea_allowance(0));
			sea_allowance_reset();
			CHECK_EQ(sea_allowance(0), 0);
		}
		swing(3 * MiB, 20);
		sea_allowance_reset();
		CHECK_EQ(sea_allowance(0), 3 * MiB);
		swing(3 * MiB, 20);
		sea_allowance_reset();
		CHECK_EQ(sea_allowance(0), 6 * MiB);
		sim.now_ms += 300;
	}
}

/* All of the allowance was used for a whole period. */
static void make_use(size_t earned)
{
	pass_a_period(100 * MiB, 0);
	sea_allowance_note_use(100 * MiB - earned, earned);
	pass_a_period(100 * MiB, 0);
}

static void become_steady(void)
{
	swing(3 * MiB, 20);
	make_use(3 * MiB);
	CHECK_EQ(sea_allowance(0), 3 * MiB);
}

static void swing_often(void)
{
	for (int i = 0; i < 10; i++)
		swing(12 * MiB, 20);
}

static void it_is_half_of_the_peak_at_first(void)
{
	start();
	swing_often();
	CHECK_EQ(sea_allowance(0), 50 * MiB);
	pass_a_period(100 * MiB, 0); /* it was raised in this period: the next will show */
	swing_often();
	CHECK_EQ(sea_allowance(0), 50 * MiB);
	make_use(20 * MiB); /* less than half */
	CHECK_EQ(sea_allowance(0), 20 * MiB);
	swing_often();
	CHECK_EQ(sea_allowance(0), 50 * MiB);
	make_use(50 * MiB);
	swing_often();
	CHECK_EQ(sea_allowance(0), 125 * MiB);
}

/* After the end of its work a program has to show it again. */
static void a_reset_takes_the_proof_away(void)
{
	start();
	become_steady();
	sea_allowance_reset();
	sea_allowance_measure();
	swing_often();
	CHECK_EQ(sea_allowance(0), 50 * MiB);
}

/* Two threads come to the end of a period at once: one looked at the clock before it ended. */
static void a_clock_that_is_late(void)
{
	start();
	swing(8 * MiB, 20);
	pass_a_period(100 * MiB, 0);
	sea_allowance_note_use(92 * MiB, 8 * MiB);
	pass_a_period(100 * MiB, 8 * MiB);
	sim.now_ms -= 1;
	sea_allowance_age(100 * MiB, 8 * MiB);
	CHECK_EQ(sea_allowance(0), 8 * MiB);
}

/* What is kept and what is in use come to the peak and a quarter. */
static void it_raises_the_peak_little(void)
{
	start();
	become_steady();
	swing_often();
	CHECK_AT_MOST(sea_allowance(0), 125 * MiB);
	CHECK_EQ(sea_allowance(60 * MiB), 65 * MiB);
	CHECK_EQ(sea_allowance(90 * MiB), 35 * MiB);
	CHECK_EQ(sea_allowance(100 * MiB), 25 * MiB);
	CHECK_EQ(sea_allowance(125 * MiB), 0);
	CHECK_EQ(sea_allowance(200 * MiB), 0);
}

/* The peak ages too. */
static void the_peak_is_that_of_late(void)
{
	start();
	become_steady();
	swing_often();
	CHECK_AT_MOST(100 * MiB, sea_allowance(0));
	for (int i = 0; i < 8; i++) {
		sea_allowance_note_use(20 * MiB, 0);
		pass_a_period(0, 100 * MiB);
	}
	CHECK_EQ(sea_allowance(0), 25 * MiB);
	sea_allowance_note_use(90 * MiB, 0);
	CHECK_EQ(sea_allowance(80 * MiB), 90 * MiB / 4 * 5 - 80 * MiB);
}

/* Nobody asks for the watermarks: halved each second. */
static void silence_halves_it(void)
{
	start();
	become_steady();
	swing_often();
	pass_a_period(100 * MiB, 0);
	sea_allowance_note_use(0, 100 * MiB);
	pass_a_period(0, 0);
	CHECK_EQ(sea_allowance(0), 100 * MiB);
	sea_allowance_note_use(0, 100 * MiB);
	sim.now_ms += 3000;
	sea_allowance_age(0, 0);
	CHECK_EQ(sea_allowance(0), 100 * MiB / 8);
	sea_allowance_note_use(0, 100 * MiB);
	sim.now_ms += 10000;
	sea_allowance_age(0, 0);
	CHECK_AT_MOST(sea_allowance(0), 100 * MiB / 8 / 1024);
	sea_allowance_note_use(0, 100 * MiB);
	sim.now_ms += 1000ull * 3600 * 24 * 365;
	sea_allowance_age(0, 0);
	CHECK_EQ(sea_allowance(0), 0);
}

static const struct test_case cases[] = {
	PASSES(growth_does_not_raise_it), PASSES(refaults_raise_it), PASSES(refaults_that_cost_little_do_not), PASSES(late_refaults_do_not),
	PASSES(a_long_swing_that_begins_soon),
	PASSES(not_more_than_was_purged), PASSES(it_is_gone_after_a_period_without_use), PASSES(it_can_be_reset),
	PASSES(it_stays_while_it_is_made_use_of), PASSES(what_is_new_is_not_judged),
	PASSES(nothing_counts_that_was_before_a_reset), PASSES(ends_in_a_row_are_no_end),
	PASSES(it_is_half_of_the_peak_at_first), PASSES(a_reset_takes_the_proof_away), PASSES(a_clock_that_is_late), PASSES(it_raises_the_peak_little), PASSES(the_peak_is_that_of_late),
	PASSES(silence_halves_it),
};

HARNESS_MAIN(cases)
