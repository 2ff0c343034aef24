/* SPDX-License-Identifier: MIT */
/* reclaim.c - which pages, and how without a lock
 *
 *    hole   |desc ...|        |        |   ...|
 *    pages       |   page |   page |  page |
 *                 `--- purged -------------'
 *
 * Nobody may allocate a page while it is purged.  So its row becomes a used chunk, the lock is
 * dropped for the system call, and then the chunk is freed.
 *
 * RC1  One thread at a time has the turn (is_running), and only that thread uses the two rounds.
 * RC2  A round that goes on looks for what it is for: long rows, or rows of one page or more.
 * RC3  While the round for short rows goes on, some of the bytes that it may purge are left.
 * RC4  nr_purging of a shard counts the threads that hold chunks of it without its lock, to purge
 *      them.  A thread that clears the shard sets is_clearing, and waits until there are none.
 */
#include "heap/reclaim.h"

#include "base/atomic.h"
#include "base/os.h"
#include "base/step.h"
#include "page/page_alloc.h"
#include "page/purge.h"
#include "heap/apart.h"
#include "heap/shard_zones.h"

/* Short rows of idle pages are purged at intervals.  An ordinary call starts a pass at most every
 * 200 ms, and the pass purges up to SHORT_RANGES_BYTES.  When a thread ends, the program may make
 * no call for long: the interval is 10 ms, and there is no bound.  A thread that frees much starts
 * a pass without a bound as soon as the dirty bytes, and the bytes freed since the last pass, both
 * reach the bytes in use.  Earlier passes would mostly find scattered pages that soon join longer
 * rows. */
#define SHORT_RANGES_MS 200
#define SHORT_RANGES_OFTEN_MS 10
#define SHORT_RANGES_BYTES (4 * SEA_MIB)

/* Yields of a thread that frees much while another makes a step.  Two threads that free 512 MiB in
 * random order: a free takes 3.2 us with none and 3.4 with 3 (means of four runs; steps of 16
 * ranges).  With 100 it took twice the time when a step purged one zone. */
#define CLEARING_YIELDS 3

/* The bounds of a step, and the ranges that it has in hand. */
struct purge {
	size_t least;	/* minimum bytes of a range */
	unsigned most;	/* ranges */
	bool is_full;	/* a range found no room */
	unsigned nr;
	size_t nr_pages; /* in the ranges */
	struct sea_page_range range[SEA_STEP_RANGES]; /* inside holes, behind their descriptors */
	struct sea_zone *zone[SEA_STEP_RANGES];	      /* in which they lie, zone by zone */
};

static void note_pages(const struct sea_zone *zone, size_t from, size_t to, void *context)
{
	struct purge *purge = context;
	char *first = sea_zone_address(zone, from), *last = sea_zone_address(zone, to);
	size_t nr_pages = (size_t)(last - first) / sea_page_size();
	SEA_ASSERT(first < last && ((uintptr_t)first | (uintptr_t)last) % sea_page_size() == 0);
	if ((size_t)(last - first) < purge->least)
		return;
	if (!sea_pages_are_touched(&zone->touched, from * SEA_GRANULE, to * SEA_GRANULE) && !sea_pages_count_touched(first, last))
		return;
	if (purge->nr == purge->most || (purge->nr && purge->nr_pages + nr_pages > SEA_STEP_PAGES)) {
		purge->is_full = true;
		return;
	}
	purge->nr_pages += nr_pages;
	purge->range[purge->nr++] = (struct sea_page_range){first, last};
}

/* Takes ranges of a zone in hand, as used chunks. */
static void hold_ranges(struct sea_zone *zone, struct purge *purge)
{
	unsigned i = purge->nr;
	SEA_ASSERT(sea_lock_is_held(&zone->shard->lock));
	sea_zone_walk_idle(zone, note_pages, purge);
	for (; i < purge->nr; i++) {
		size_t granules = (size_t)(purge->range[i].to - purge->range[i].from) / SEA_GRANULE;
		struct sea_hole *hole = (struct sea_hole *)sea_zone_hole_of(zone, purge->range[i].from);
		sea_zone_hold(zone, hole, purge->range[i].from, (unsigned)granules, 1);
		purge->zone[i] = zone;
	}
}

/* Only a pass for long rows needs to know which rows are left.  After another pass the zone's
 * bound is too high at worst, and the next pass for long rows looks once in vain. */
static void measure(struct sea_shard *shard, struct sea_zone *zone, const struct purge *purge)
{
	if (!zone->shard || purge->least < SEA_ZONE_LONG_ROW)
		return;
	sea_zone_measure_idle(zone);
	if (!sea_zone_may_have_row(zone))
		sea_bittree_remove(&shard->rows, zone->index);
}

/* Frees the ranges in hand. */
static void put_back(struct sea_shard *shard, struct purge *purge)
{
	SEA_ASSERT(sea_lock_is_held(&shard->lock) && purge->nr <= SEA_STEP_RANGES);
	for (unsigned i = 0; i < purge->nr; i++) {
		struct sea_zone *zone = purge->zone[i];
		unsigned g = sea_granule_of(purge->range[i].from);
		sea_zone_mark(zone, g);
		sea_zone_send_held(zone, g / 64, 1ull << g % 64);
		if (i + 1 < purge->nr && purge->zone[i + 1] == zone)
			continue;
		sea_shard_merge_zone(shard, zone, SEA_ZONE_WORDS);
		measure(shard, zone, purge);
	}
}

/* A pass over a shard's zones, from the last to the first. */
struct pass {
	size_t least;	    /* minimum bytes of a range */
	uint32_t end;	    /* the zones from this index on are done */
	/* ranges that the next step may purge: as many as the last had time for */
	unsigned most;
};

static struct pass new_pass(size_t least) { return (struct pass){least, UINT32_MAX, SEA_STEP_RANGES}; }

/* Finds the next zone that may have ranges for the pass; false if there is none, or no looks are
 * left. */
static bool next_zone(const struct sea_shard *shard, struct pass *pass, unsigned *looks)
{
	uint32_t end = (uint32_t)sea_min(pass->end, shard->nr_zones);
	if (pass->least >= SEA_ZONE_LONG_ROW) {
		end = shard->nr_zones ? (uint32_t)sea_bits_find_back(shard->rows.level[0], end, true) : 0;
		*looks -= *looks > 0;
	} else {
		while (end > 0 && *looks > 0 && !shard->zones[end - 1]->nr_idle) {
			end--;
			--*looks;
		}
	}
	SEA_ASSERT(end <= shard->nr_zones);
	pass->end = end;
	return end > 0 && *looks > 0;
}

/* Takes ranges of the next zones of the pass in hand. */
static void collect(struct sea_shard *shard, struct pass *pass, size_t keep, struct purge *purge)
{
	unsigned looks = SEA_STEP_LOOKS;
	SEA_ASSERT(sea_lock_is_held(&shard->lock) && purge->nr == 0);
	while (!purge->is_full && sea_pages_dirty() > keep && next_zone(shard, pass, &looks)) {
		struct sea_zone *zone = shard->zones[pass->end - 1];
		unsigned before = purge->nr;
		hold_ranges(zone, purge);
		if (purge->nr == before)
			measure(shard, zone, purge);
		if (!purge->is_full)
			pass->end--;
	}
}

/* Where the pass goes on: with the first zone that is not done.  If nothing was purged, it does
 * not go on with the zone of the first range: its memory may be locked. */
static uint32_t end_after(const struct pass *pass, const struct purge *purge, unsigned nr_done, bool is_useful)
{
	SEA_ASSERT(purge->nr > 0 && nr_done <= purge->nr);
	uint32_t end = nr_done < purge->nr ? purge->zone[nr_done]->index + 1 : pass->end;
	return end - (!is_useful && end == purge->zone[0]->index + 1);
}

/* Purges what is in hand, without the lock, and frees it.  Returns the bytes that were purged. */
static size_t purge_hand(struct sea_shard *shard, struct pass *pass, struct purge *purge)
{
	size_t bytes = 0;
	shard->nr_purging++;
	sea_lock_drop(&shard->lock);
	uint64_t until = sea_os_now_us() + SEA_STEP_US;
	unsigned nr_done = sea_pages_purge_ranges(purge->range, purge->nr, until, &bytes);
	sea_lock_take(&shard->lock);
	SEA_ASSERT(shard->nr_purging > 0); /* RC4 */
	shard->nr_purging--;
	/* A step that runs out of time has held others in vain.  Two at least: the program may
	 * have locked the first. */
	bool is_late = nr_done < purge->nr;
	pass->most = (unsigned)(is_late ? sea_max(nr_done, 2) : sea_min(2 * pass->most, SEA_STEP_RANGES));
	pass->end = end_after(pass, purge, nr_done, bytes > 0);
	put_back(shard, purge);
	return bytes;
}

/* One step of a pass.  *bytes: what was purged.  False: the pass is over. */
static bool step(struct sea_shard *shard, struct pass *pass, size_t keep, size_t *bytes)
{
	SEA_ASSERT(!sea_lock_holds_any());
	struct purge purge = {.least = pass->least, .most = pass->most};
	*bytes = 0;
	sea_lock_take(&shard->lock);
	if (!shard->is_clearing)
		collect(shard, pass, keep, &purge);
	if (purge.nr)
		*bytes = purge_hand(shard, pass, &purge);
	bool is_over = pass->end == 0 || sea_pages_dirty() <= keep || shard->is_clearing;
	sea_shard_drop_lock(shard);
	return !is_over;
}

size_t sea_reclaim_shard(struct sea_shard *shard, size_t keep)
{
	size_t bytes = 0, some;
	bool goes_on;
	struct pass pass = new_pass(sea_page_size());
	do {
		goes_on = step(shard, &pass, keep, &some);
		bytes += some;
	} while (goes_on);
	return bytes;
}

/* An empty zone's bitmaps can be zeros: sea_zone_init() sets the bits that must be set. */
static void purge_bitmaps(struct sea_zone *zone)
{
	SEA_ASSERT(!zone->shard && !zone->nr_used);
	size_t bytes = sea_round_down(offsetof(struct sea_zone, lines), sea_page_size());
	if (zone->is_purged || !bytes || (uintptr_t)zone % sea_page_size())
		return;
	zone->is_purged = sea_os_purge(zone, bytes);
}

bool sea_reclaim_metadata(struct sea_shard *shard)
{
	struct sea_zone *spare[SEA_STEP_CALLS];
	unsigned nr = 0;
	if (!sea_load_relaxed(&shard->spare))
		return false;
	sea_lock_take(&shard->lock);
	for (; nr < SEA_STEP_CALLS && shard->spare; nr++) {
		spare[nr] = shard->spare;
		sea_store_relaxed(&shard->spare, spare[nr]->next);
	}
	bool are_more = shard->spare;
	sea_lock_drop(&shard->lock);
	for (unsigned i = 0; i < nr; i++)
		purge_bitmaps(spare[i]);
	sea_lock_take(&shard->lock);
	while (nr > 0) {
		spare[--nr]->next = shard->purged;
		shard->purged = spare[nr];
	}
	sea_lock_drop(&shard->lock);
	return are_more;
}

/* The number of no shard: past the last one. */
#define NO_PASS (SEA_MAX_SHARDS + SEA_MAX_APART)

uint32_t sea_reclaim_under_way;

static struct {
	uint32_t is_running; /* one thread at a time; atomic */
	/* enum sea_occasion: the reason of another thread that had to give up; atomic */
	uint32_t wanted;
	/* dirty bytes that the last pass left, if above the high watermark; else 0; atomic */
	size_t floor;

	/* For the thread that is running. */
	struct sea_round {
		struct pass pass;
		unsigned shard; /* the shard at which the pass is; past the last one: no pass */
	} rows, shorts;
	uint64_t short_ms;   /* start of the last pass for short rows */
	size_t short_freed;  /* pages freed before that start */
	size_t short_left;   /* bytes that the pass may still purge */
} state = {.rows.shard = NO_PASS, .shorts.shard = NO_PASS};

/* The shards of threads, then those of heap objects. */
static unsigned nr_shards(void) { return sea_shard_count() + sea_apart_count(); }

static struct sea_shard *nth_shard(unsigned i)
{
	return i < sea_shard_count() ? &sea_shards[i] : sea_apart_at(i - sea_shard_count());
}

void sea_reclaim_in_child(void)
{
	sea_store_relaxed(&state.is_running, 0);
	sea_store_relaxed(&state.wanted, SEA_NOW_AND_THEN);
	sea_store_relaxed(&state.floor, 0);
	/* RC2: another thread may have been at one */
	state.rows.shard = state.shorts.shard = NO_PASS;
	for (unsigned i = 0; i < nr_shards(); i++)
		nth_shard(i)->nr_purging = nth_shard(i)->is_clearing = 0;
}

static void begin(struct sea_round *round, size_t least)
{
	round->shard = 0;
	round->pass = new_pass(least);
}

static bool is_over(const struct sea_round *round) { return round->shard >= nr_shards(); }

/* RC2 and RC3.  For the thread that has the turn. */
static bool rounds_are_sound(void)
{
	bool sound = is_over(&state.rows) || state.rows.pass.least == SEA_ZONE_LONG_ROW;
	sound &= is_over(&state.shorts) || (state.shorts.pass.least == sea_page_size() && state.short_left > 0);
	return sound && state.short_freed <= sea_purge_freed();
}

/* A step of a pass over all shards.  Returns the bytes that were purged. */
static size_t go_round(struct sea_round *round, size_t keep)
{
	size_t bytes;
	SEA_ASSERT(!is_over(round));
	if (!step(nth_shard(round->shard), &round->pass, keep, &bytes)) {
		round->shard++;
		round->pass.end = UINT32_MAX;
	}
	return bytes;
}

static bool is_time_for_short(struct sea_watermarks marks, enum sea_occasion occasion, uint64_t now)
{
	size_t dirty = sea_pages_dirty();
	if (dirty <= marks.high)
		return false;
	if (occasion == SEA_THREAD_CLEARS && dirty >= marks.in_use &&
	    (sea_purge_freed() - state.short_freed) * sea_page_size() >= marks.in_use)
		return true;
	return now - state.short_ms >= (occasion == SEA_THREAD_ENDS ? SHORT_RANGES_OFTEN_MS : SHORT_RANGES_MS);
}

/* A step for short rows.  True: there are more. */
static bool reclaim_short(struct sea_watermarks marks, enum sea_occasion occasion)
{
	uint64_t now = sea_os_now_ms();
	if (is_over(&state.shorts)) {
		if (!is_time_for_short(marks, occasion, now))
			return false;
		state.short_ms = now;
		state.short_freed = sea_purge_freed();
		state.short_left = occasion == SEA_NOW_AND_THEN ? SHORT_RANGES_BYTES : SIZE_MAX;
		begin(&state.shorts, sea_page_size());
	}
	if (occasion != SEA_NOW_AND_THEN)
		state.short_left = SIZE_MAX; /* the pass may have started with a bound */
	size_t bytes = go_round(&state.shorts, marks.low);
	state.short_left -= sea_min(state.short_left, bytes);
	if (!state.short_left)
		state.shorts.shard = NO_PASS;
	return !is_over(&state.shorts);
}

/* A step for long rows.  True: there are more, or some went. */
static bool reclaim_rows(struct sea_watermarks marks)
{
	if (is_over(&state.rows))
		begin(&state.rows, SEA_ZONE_LONG_ROW);
	size_t bytes = 0;
	while (!bytes && !is_over(&state.rows))
		bytes = go_round(&state.rows, marks.low);
	return bytes > 0 || !is_over(&state.rows);
}

static bool reclaim_metadata(void)
{
	bool are_more = false;
	for (unsigned i = 0; i < nr_shards() && !are_more; i++)
		are_more = sea_reclaim_metadata(nth_shard(i));
	return are_more;
}

/* True: there is more to do. */
static bool reclaim(struct sea_watermarks marks, enum sea_occasion occasion)
{
	SEA_ASSERT(marks.low <= marks.high);
	sea_budget_measure();
	if (sea_pages_purge_some(marks, 0))
		return true;
	if (sea_pages_dirty() > marks.low && sea_purge_may_try() &&
	    (reclaim_rows(marks) || reclaim_short(marks, occasion)))
		return true;
	bool goes_on = reclaim_metadata();
	size_t left = sea_pages_dirty();
	sea_store_relaxed(&state.floor, left > marks.high ? left : 0);
	return goes_on;
}

/* Claim: there is nothing to do.  If a pass ended above the high watermark, ordinary calls wait
 * until more is dirty. */
static bool is_enough(struct sea_watermarks marks, enum sea_occasion occasion)
{
	size_t dirty = sea_pages_dirty(), floor = sea_load_relaxed(&state.floor);
	if (sea_reclaim_goes_on() && dirty > marks.low)
		return false;
	bool rests = floor && dirty < floor + SEA_PURGE_RETRY_PAGES * sea_page_size() && sea_pages_free_dirty() <= marks.high;
	return dirty <= marks.high || (occasion == SEA_NOW_AND_THEN && rests);
}

/* A thread that ends may make no further call, and other threads may not either.  So it waits for
 * its turn.  A thread that frees much yields a few times, so that a thread that was interrupted in
 * its step goes on. */
static bool take_turn(enum sea_occasion occasion)
{
	static const unsigned tries[] = {
		[SEA_NOW_AND_THEN] = 1, [SEA_THREAD_CLEARS] = 1 + CLEARING_YIELDS, [SEA_THREAD_ENDS] = 1 + SEA_STEP_YIELDS};
	unsigned nr_tries = tries[occasion];
	for (; !sea_swap_if(&state.is_running, 0, 1); sea_os_yield())
		if (--nr_tries == 0)
			return false;
	return true;
}

bool sea_reclaim(enum sea_occasion occasion)
{
	struct sea_watermarks marks = sea_budget_watermarks();
	if (likely(is_enough(marks, occasion)))
		return false;
	if (!take_turn(occasion)) {
		if (occasion != SEA_NOW_AND_THEN)
			sea_store_relaxed(&state.wanted, occasion);
		return occasion != SEA_THREAD_ENDS; /* a thread that frees will call again */
	}
	uint32_t wanted = sea_exchange_acq_rel_mt(&state.wanted, SEA_NOW_AND_THEN);
	bool goes_on = reclaim(marks, sea_max(occasion, wanted));
	sea_store_relaxed(&sea_reclaim_under_way, goes_on);
	SEA_ASSERT(rounds_are_sound());
	sea_exchange_acq_rel_mt(&state.is_running, 0);
	if (occasion == SEA_THREAD_ENDS && goes_on && sea_purge_is_taken())
		sea_os_yield(); /* another thread purges free pages; this one will try again */
	return goes_on;
}

/* RC4. */
static bool nobody_purges(struct sea_shard *shard)
{
	sea_lock_take(&shard->lock);
	bool nobody = !shard->nr_purging && !shard->is_clearing;
	sea_lock_drop(&shard->lock);
	return nobody;
}

bool sea_reclaim_is_sound(void)
{
	bool sound = !sea_load_relaxed(&state.is_running) && rounds_are_sound();
	for (unsigned i = 0; i < nr_shards(); i++)
		sound &= nobody_purges(nth_shard(i));
	return sound && sea_load_relaxed(&state.wanted) <= SEA_THREAD_ENDS;
}
