/* SPDX-License-Identifier: MIT */
/* refault.c - credit for what recurs
 *
 * Pages that go back are owed.  If fresh pages come into use within RECURS_MS, so many
 * of those owed were wanted back.  They are earned if they cost more than a small part of
 * the time: memory is worth more than that.
 *
 * An idle process keeps what it has earned.  So that is half of what was in use at most of late,
 * and all of it only in a program that has made use of what it had earned for a whole period.
 * It lasts as long as it is made use of: as far as what is free beyond the budget became more
 * and less within each period.  The peak that bounds it is halved unless so much was in use.
 */
#include "page/refault.h"

#include "base/atomic.h"
#include "base/check.h"
#include "base/os.h"
#include "base/page_size.h"

/* A swing that takes longer than this costs little by its faults: 2,500 of them, some
 * 10 MiB, are 3 % of it. */
#define RECURS_MS 250
/* On a slow or throttled machine a fault takes so long: for each page that came into use meanwhile the
 * times here are that much longer, up to a quarter of a second.  Without that bound 30 swings of
 * 100 MiB were one period of 76 s, and what they had earned was kept through a light load. */
#define SLOW_FAULT_US 100
#define SLOW_FAULTS_MS 250
/* What earns swings within this time, and so is made use of within it. */
#define PERIOD_MS RECURS_MS
/* A page that goes and comes back costs 2.7 us.  Over windows of this length, pages that
 * cost 5 % of the time or more are earned. */
#define WINDOW_MS 20
#define COSTLY_PAGES_PER_MS 18

/* What may be earned at first is this part of what was in use at most of late, or
 * 48 MiB: a buffer of 32 MiB and what is beside it. */
#define FIRST_SHARE 2
#define FIRST_MIN (48 * SEA_MIB)

/* Of what was earned, so much is to be made use of for all of the peak to be. */
#define USED_SHARE 2

/* A program that starts threads and waits for their end, over and over, is not at its end:
 * when that has come so often, each time within RECURS_MS, nothing is forgotten. */
#define ENDS_IN_A_ROW 4

/* With what is in use, the allowance comes to the peak of late and this part of it, as far
 * as that lies outside zones: free pages in the wrong places would be exchanged for fresh
 * ones again and again. */
#define SLACK_SHARE 4

static struct {
	size_t nr_fresh, nr_purged; /* pages, ever; atomic */
	size_t nr_again;	    /* of the fresh ones, that were owed; atomic */
	size_t earned;		    /* bytes; atomic */
	size_t peak;		    /* bytes in use at most of late; atomic */
	struct {
		uint64_t began_ms;  /* atomic */
		size_t fresh;	    /* nr_fresh when it began; atomic, roughly */
		size_t most_in_use; /* bytes; atomic, roughly */
		size_t least_free, most_free; /* bytes beyond the budget; the same */
		size_t earned;	    /* what was earned when it began; the same */
		size_t learned;	    /* what was earned at the last lesson in it; the same */
	} period;
	uint32_t is_steady;	    /* for a whole period it was made use of what was earned; atomic */
	uint32_t is_void;	    /* what was earned, and what is owed, until the next lesson; atomic */
	uint32_t nr_ends;	    /* ends of work in a row; atomic, roughly */
	uint64_t end_ms;	    /* when the last was; the same */
	uint32_t is_learning;	    /* a thread is; atomic */
	size_t seen_fresh, seen_purged, owed; /* pages; the learning thread's */
	size_t back;		    /* wanted back in this window; the same */
	uint64_t window_ms;	    /* when it began; the same */
	uint64_t ms;		    /* when it last learned; the same */
} state;

void sea_refault_note_use(size_t in_use, size_t beyond)
{
	if (in_use > sea_load_relaxed(&state.peak))
		sea_store_relaxed(&state.peak, in_use);
	if (in_use > sea_load_relaxed(&state.period.most_in_use))
		sea_store_relaxed(&state.period.most_in_use, in_use);
	if (beyond < sea_load_relaxed(&state.period.least_free))
		sea_store_relaxed(&state.period.least_free, beyond);
	if (beyond > sea_load_relaxed(&state.period.most_free))
		sea_store_relaxed(&state.period.most_free, beyond);
}

void sea_refault_note_fresh(size_t nr_pages) { sea_add_relaxed(&state.nr_fresh, nr_pages); }

void sea_refault_note_purged(size_t nr_pages) { sea_add_relaxed(&state.nr_purged, nr_pages); }

/* `ms`, and what so many faults take at worst. */
static int64_t with_faults(int64_t ms, size_t nr_pages)
{
	return ms + (int64_t)sea_min(nr_pages * SLOW_FAULT_US / 1000, SLOW_FAULTS_MS);
}

/* Signed: another thread may have begun a period after we looked at the clock. */
static bool goes_period_on(uint64_t now, uint64_t began)
{
	int64_t length = (int64_t)(now - began);
	if (likely(length < PERIOD_MS))
		return true;
	size_t nr_fresh = sea_load_relaxed(&state.nr_fresh) - sea_load_relaxed(&state.period.fresh);
	return length < with_faults(PERIOD_MS, nr_fresh);
}

void sea_refault_age(size_t in_use, size_t beyond)
{
	uint64_t now = sea_os_now_ms(), began = sea_load_relaxed(&state.period.began_ms);
	sea_refault_note_use(in_use, beyond);
	if (likely(goes_period_on(now, began)) || !sea_swap_if(&state.period.began_ms, began, now))
		return;
	sea_store_relaxed(&state.period.fresh, sea_load_relaxed(&state.nr_fresh));
	size_t most = sea_load_relaxed(&state.period.most_free), least = sea_load_relaxed(&state.period.least_free);
	size_t before = sea_load_relaxed(&state.period.earned), used = most - sea_min(most, least);
	/* What is new could not be made use of yet. */
	size_t stays = sea_max(used, sea_load_relaxed(&state.period.learned));
	size_t earned = sea_min(sea_load_relaxed(&state.earned), stays);
	sea_store_relaxed(&state.earned, earned);
	sea_store_relaxed(&state.is_steady, before && used >= before / USED_SHARE);
	sea_store_relaxed(&state.peak, sea_max(sea_load_relaxed(&state.peak) / 2, sea_load_relaxed(&state.period.most_in_use)));
	sea_store_relaxed(&state.period.most_in_use, in_use);
	sea_store_relaxed(&state.period.least_free, beyond);
	sea_store_relaxed(&state.period.most_free, beyond);
	sea_store_relaxed(&state.period.earned, earned);
	sea_store_relaxed(&state.period.learned, 0);
}

/* Pages that were wanted back since the last time. */
static size_t settle(bool is_soon)
{
	size_t fresh = sea_load_relaxed(&state.nr_fresh), purged = sea_load_relaxed(&state.nr_purged);
	size_t owed = (is_soon ? state.owed : 0) + (purged - state.seen_purged);
	size_t again = is_soon ? sea_min(fresh - state.seen_fresh, owed) : 0;
	SEA_ASSERT(again <= owed);
	state.owed = owed - again;
	state.seen_fresh = fresh;
	state.seen_purged = purged;
	return again;
}

/* Pages that the window which ends now has earned; 0 while it goes on. */
static size_t close_window(uint64_t now)
{
	uint64_t length_ms = now - state.window_ms;
	if (length_ms < WINDOW_MS)
		return 0;
	length_ms = sea_min(length_ms, RECURS_MS); /* longer ones are of faults that take long */
	size_t back = state.back;
	state.back = 0;
	state.window_ms = now;
	return back >= length_ms * COSTLY_PAGES_PER_MS ? back : 0;
}

static size_t most_earned(void)
{
	size_t peak = sea_load_relaxed(&state.peak);
	if (sea_load_relaxed(&state.is_steady))
		return peak + peak / SLACK_SHARE;
	return sea_max(peak / FIRST_SHARE, FIRST_MIN);
}

static void learn(void)
{
	uint64_t now = sea_os_now_ms();
	bool is_void = sea_exchange_acq_rel(&state.is_void, 0);
	size_t nr_fresh = sea_load_relaxed(&state.nr_fresh) - state.seen_fresh;
	size_t again = settle((int64_t)(now - state.ms) < with_faults(RECURS_MS, nr_fresh) && !is_void);
	state.back = is_void ? 0 : state.back + again;
	if (is_void) {
		sea_store_relaxed(&state.is_steady, 0);
		sea_store_relaxed(&state.period.earned, 0);
	}
	state.ms = now;
	size_t earned = is_void ? 0 : sea_load_relaxed(&state.earned), more = close_window(now) * sea_page_size();
	earned = sea_min(earned + more, most_earned());
	sea_store_relaxed(&state.earned, earned);
	if (more)
		sea_store_relaxed(&state.period.learned, earned);
	sea_add_relaxed(&state.nr_again, again);
}

void sea_refault_learn(void)
{
	if (!sea_swap_if(&state.is_learning, 0, 1))
		return;
	learn();
	sea_store_release(&state.is_learning, 0);
}

void sea_refault_in_child(void) { sea_store_relaxed(&state.is_learning, 0); }

void sea_refault_forget(void)
{
	uint64_t now = sea_os_now_ms();
	bool is_soon = (int64_t)(now - sea_load_relaxed(&state.end_ms)) < RECURS_MS;
	uint32_t nr_ends = is_soon ? sea_load_relaxed(&state.nr_ends) + 1 : 1;
	sea_store_relaxed(&state.end_ms, now);
	sea_store_relaxed(&state.nr_ends, nr_ends);
	if (nr_ends <= ENDS_IN_A_ROW)
		sea_store_relaxed(&state.is_void, 1);
}

size_t sea_refault_allowance(size_t in_use, size_t free_dirty)
{
	if (sea_load_relaxed(&state.is_void))
		return 0;
	size_t peak = sea_load_relaxed(&state.peak);
	size_t slack = sea_min(peak / SLACK_SHARE, free_dirty);
	return sea_min(sea_load_relaxed(&state.earned), peak - sea_min(peak, in_use) + slack);
}

size_t sea_refault_count(void) { return sea_load_relaxed(&state.nr_again); }
