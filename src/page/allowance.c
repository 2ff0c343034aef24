/* SPDX-License-Identifier: MIT */
/* allowance.c - refaults raise it; time, and memory that stays unused, lower it
 *
 * AL1  nr_refaults <= nr_faulted, and `missing` <= nr_purged.
 * AL2  `allowed` is at most the bound at the last measurement.
 * AL3  One thread measures at a time.
 */
#include "page/allowance.h"

#include "base/atomic.h"
#include "base/check.h"
#include "base/os.h"
#include "base/page_size.h"

/* Swings slower than this do not count.  The faults of 10 MiB are 3 % of this time. */
#define RECURS_MS 250
/* Refaults are counted each time so many faults have come, 10 MiB.  So a swing counts if its
 * faults begin soon, however long all of them take. */
#define SOME_FAULTS 2500
/* On a slow or throttled machine a fault takes up to SLOW_FAULT_US.  The times here grow by that
 * for each page that was faulted in meanwhile, but at most by RECURS_MS.  Without that limit,
 * 30 swings of 100 MiB were one period of 76 s, and their allowance lasted through a light
 * load. */
#define SLOW_FAULT_US 100
/* A swing that raises the allowance takes less than this, so it uses the allowance within a
 * period. */
#define PERIOD_MS RECURS_MS
/* While no thread asks for the watermarks, the allowance is halved each time this has passed.
 * After 10 s a thousandth is left. */
#define HALVED_MS 1000
/* A page that is purged and faulted in again costs 2.7 us.  Refaults raise the allowance if they
 * cost 5 % or more of such a window. */
#define WINDOW_MS 20
#define COSTLY_PAGES_PER_MS 18

/* The first bound: this part of the recent peak; at least a buffer of 32 MiB and some more. */
#define FIRST_SHARE 2
#define FIRST_MIN (48 * SEA_MIB)
/* If this part of the allowance was used for a whole period, the bound rises to 5/4 of the
 * peak. */
#define USED_SHARE 2
/* A program that starts threads and waits for their end again and again has more work.  After so
 * many ends, each within RECURS_MS of the last, the allowance is not reset. */
#define ENDS_IN_A_ROW 4
/* What is kept plus what is in use may exceed the peak by this part of the peak.  Otherwise free
 * pages in the wrong places would be purged and other pages faulted in, again and again. */
#define SLACK_SHARE 4

static struct {
	size_t nr_faulted, nr_purged; /* pages, ever; atomic */
	/* faulted pages that followed soon after as many purged ones; atomic */
	size_t nr_refaults;
	size_t allowed;		      /* bytes; atomic */
	size_t peak;		      /* recent peak of bytes in use; atomic */
	struct {
		uint64_t began_ms;    /* atomic */
		/* state.nr_faulted at the period's start; atomic, not exact */
		size_t nr_faulted;
		size_t most_in_use;   /* bytes; atomic, not exact */
		size_t least_beyond, most_beyond; /* bytes beyond the base; the same */
		size_t allowed;	      /* state.allowed at the period's start; the same */
		/* the allowance after the last raise in the period; the same */
		size_t raised_to;
	} period;
	/* half of the allowance was used for a whole period; atomic */
	uint32_t is_proven;
	uint32_t is_reset;	      /* until the next measurement the allowance is 0, and earlier
					purges do not count; atomic */
	uint32_t nr_ends;	      /* ends of work in a row; atomic, not exact */
	uint64_t end_ms;	      /* time of the last one; the same */
	uint32_t is_measuring;	      /* a thread is measuring; atomic */
	size_t seen_faulted;	      /* pages at the last measurement; atomic */
	size_t seen_purged;	      /* the same; for the measuring thread */
	size_t missing;		      /* purged pages that were not faulted in again; the same */
	size_t window_refaults;	      /* pages in this window; the same */
	uint64_t window_ms;	      /* the window's start; the same */
	uint64_t measured_ms;	      /* time of the last measurement; the same */
} state;

void sea_allowance_note_use(size_t in_use, size_t beyond)
{
	if (in_use > sea_load_relaxed(&state.peak))
		sea_store_relaxed(&state.peak, in_use);
	if (in_use > sea_load_relaxed(&state.period.most_in_use))
		sea_store_relaxed(&state.period.most_in_use, in_use);
	if (beyond < sea_load_relaxed(&state.period.least_beyond))
		sea_store_relaxed(&state.period.least_beyond, beyond);
	if (beyond > sea_load_relaxed(&state.period.most_beyond))
		sea_store_relaxed(&state.period.most_beyond, beyond);
}

void sea_allowance_note_faulted(size_t nr_pages)
{
	sea_add_relaxed_mt(&state.nr_faulted, nr_pages);
	if (unlikely(sea_load_relaxed(&state.nr_faulted) - sea_load_relaxed(&state.seen_faulted) >= SOME_FAULTS))
		sea_allowance_measure();
}

void sea_allowance_note_purged(size_t nr_pages) { sea_add_relaxed_mt(&state.nr_purged, nr_pages); }

/* `ms`, plus the time that so many faults take at worst. */
static int64_t with_faults(int64_t ms, size_t nr_pages)
{
	return ms + (int64_t)sea_min(nr_pages * SLOW_FAULT_US / 1000, RECURS_MS);
}

/* --- periods -------------------------------------------------------------------------- */

/* length_ms is signed: another thread may have begun a period after we read the clock. */
static bool goes_period_on(int64_t length_ms)
{
	if (likely(length_ms < PERIOD_MS))
		return true;
	size_t nr_faulted = sea_load_relaxed(&state.nr_faulted) - sea_load_relaxed(&state.period.nr_faulted);
	return length_ms < with_faults(PERIOD_MS, nr_faulted);
}

/* Halves the bytes once for each HALVED_MS in the period. */
static size_t halved(size_t bytes, int64_t length_ms)
{
	int64_t times = length_ms / HALVED_MS;
	return times < 64 ? bytes >> times : 0;
}

/* Keeps what was used in the period and what was raised in it, which could not be used yet. */
static void end_period(int64_t length_ms)
{
	SEA_ASSERT(length_ms >= PERIOD_MS);
	size_t most = sea_load_relaxed(&state.period.most_beyond), least = sea_load_relaxed(&state.period.least_beyond);
	size_t before = sea_load_relaxed(&state.period.allowed), used = most - sea_min(most, least);
	size_t stays = sea_max(used, sea_load_relaxed(&state.period.raised_to));
	size_t peak = sea_max(sea_load_relaxed(&state.peak) / 2, sea_load_relaxed(&state.period.most_in_use));
	sea_store_relaxed(&state.allowed, halved(sea_min(sea_load_relaxed(&state.allowed), stays), length_ms));
	sea_store_relaxed(&state.is_proven, before && used >= before / USED_SHARE);
	sea_store_relaxed(&state.peak, peak);
}

static void begin_period(size_t in_use, size_t beyond)
{
	sea_store_relaxed(&state.period.nr_faulted, sea_load_relaxed(&state.nr_faulted));
	sea_store_relaxed(&state.period.most_in_use, in_use);
	sea_store_relaxed(&state.period.least_beyond, beyond);
	sea_store_relaxed(&state.period.most_beyond, beyond);
	sea_store_relaxed(&state.period.allowed, sea_load_relaxed(&state.allowed));
	sea_store_relaxed(&state.period.raised_to, 0);
}

void sea_allowance_age(size_t in_use, size_t beyond)
{
	uint64_t now = sea_os_now_ms(), began = sea_load_relaxed(&state.period.began_ms);
	int64_t length_ms = (int64_t)(now - began);
	sea_allowance_note_use(in_use, beyond);
	if (likely(goes_period_on(length_ms)) || !sea_swap_if(&state.period.began_ms, began, now))
		return;
	end_period(length_ms);
	begin_period(in_use, beyond);
}

/* --- refaults ------------------------------------------------------------------------- */

/* Refaults since the last measurement. */
static size_t count_refaults(bool is_soon)
{
	size_t faulted = sea_load_relaxed(&state.nr_faulted), purged = sea_load_relaxed(&state.nr_purged);
	size_t missing = (is_soon ? state.missing : 0) + (purged - state.seen_purged);
	size_t refaults = is_soon ? sea_min(faulted - state.seen_faulted, missing) : 0;
	SEA_ASSERT(refaults <= missing);
	SEA_ASSERT(faulted >= state.seen_faulted && purged >= state.seen_purged);
	state.missing = missing - refaults;
	sea_store_relaxed(&state.seen_faulted, faulted);
	state.seen_purged = purged;
	return refaults;
}

/* The window's refaults if it ends now and they cost enough; else 0. */
static size_t close_window(uint64_t now)
{
	uint64_t length_ms = now - state.window_ms;
	if (length_ms < WINDOW_MS)
		return 0;
	length_ms = sea_min(length_ms, RECURS_MS); /* a window this long had slow faults */
	size_t refaults = state.window_refaults;
	state.window_refaults = 0;
	state.window_ms = now;
	return refaults >= length_ms * COSTLY_PAGES_PER_MS ? refaults : 0;
}

/* What is in use and what is kept may come to so many bytes. */
static size_t most_together(void)
{
	size_t peak = sea_load_relaxed(&state.peak);
	return peak + peak / SLACK_SHARE;
}

static size_t bound(void)
{
	if (sea_load_relaxed(&state.is_proven))
		return most_together();
	return sea_max(sea_load_relaxed(&state.peak) / FIRST_SHARE, FIRST_MIN);
}

static void start_anew(void)
{
	state.window_refaults = 0;
	sea_store_relaxed(&state.allowed, 0);
	sea_store_relaxed(&state.is_proven, 0);
	sea_store_relaxed(&state.period.allowed, 0);
}

static void measure(void)
{
	SEA_ASSERT(sea_load_relaxed(&state.is_measuring)); /* AL3 */
	uint64_t now = sea_os_now_ms();
	bool is_reset = sea_exchange_acq_rel_mt(&state.is_reset, 0);
	size_t nr_faulted = sea_load_relaxed(&state.nr_faulted) - state.seen_faulted;
	bool is_soon = (int64_t)(now - state.measured_ms) < with_faults(RECURS_MS, nr_faulted);
	size_t refaults = count_refaults(is_soon && !is_reset);
	state.measured_ms = now;
	if (is_reset)
		start_anew();
	state.window_refaults += refaults;
	sea_add_relaxed_mt(&state.nr_refaults, refaults);
	size_t more = close_window(now) * sea_page_size();
	size_t allowed = sea_min(sea_load_relaxed(&state.allowed) + more, bound());
	sea_store_relaxed(&state.allowed, allowed);
	if (more)
		sea_store_relaxed(&state.period.raised_to, allowed);
}

void sea_allowance_measure(void)
{
	if (!sea_swap_if(&state.is_measuring, 0, 1))
		return;
	measure();
	sea_store_release(&state.is_measuring, 0);
}

void sea_allowance_in_child(void) { sea_store_relaxed(&state.is_measuring, 0); }

void sea_allowance_reset(void)
{
	uint64_t now = sea_os_now_ms();
	bool is_soon = (int64_t)(now - sea_load_relaxed(&state.end_ms)) < RECURS_MS;
	uint32_t nr_ends = is_soon ? sea_load_relaxed(&state.nr_ends) + 1 : 1;
	sea_store_relaxed(&state.end_ms, now);
	sea_store_relaxed(&state.nr_ends, nr_ends);
	if (nr_ends <= ENDS_IN_A_ROW)
		sea_store_relaxed(&state.is_reset, 1);
}

size_t sea_allowance(size_t in_use)
{
	if (sea_load_relaxed(&state.is_reset))
		return 0;
	size_t most = most_together();
	return sea_min(sea_load_relaxed(&state.allowed), most - sea_min(most, in_use));
}

size_t sea_allowance_nr_refaults(void) { return sea_load_relaxed(&state.nr_refaults); }

bool sea_allowance_is_sound(void)
{
	bool sound = sea_load_relaxed(&state.nr_refaults) <= sea_load_relaxed(&state.nr_faulted);
	sound &= state.missing <= sea_load_relaxed(&state.nr_purged);
	sound &= state.window_refaults <= sea_load_relaxed(&state.nr_refaults);
	return sound && !sea_load_relaxed(&state.is_measuring);
}
