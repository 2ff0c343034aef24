/* SPDX-License-Identifier: MIT */
/* parked.c - one run a thread, within the budget */
#include "cache/parked.h"

#include "base/options.h"
#include "page/page_alloc.h"
#include "unit.h"

static struct sea_parked parked, other;

static void *run_of(size_t size)
{
	void *run = sea_pages_alloc(size, 1, SEA_TOUCH_NOW, NULL);
	CHECK(run != NULL);
	return run;
}

static bool put(struct sea_parked *on, void *start)
{
	size_t size;
	struct page *run = sea_pages_run(start, &size);
	CHECK(size > 0);
	return sea_parked_put(on, start, run, size);
}

static void what_was_put_is_taken(void)
{
	void *run = run_of(MiB);
	CHECK(put(&parked, run));
	CHECK_EQ(sea_parked_bytes(&parked), MiB);
	CHECK_EQ(sea_pages_size(run), 0); /* no block any more */
	CHECK(sea_parked_take(&parked, MiB) == run);
	CHECK_EQ(sea_pages_size(run), MiB);
	CHECK_EQ(sea_parked_bytes(&parked), 0);
	CHECK(sea_parked_take(&parked, MiB) == NULL);
	sea_pages_free(run);
	CHECK(sea_pages_are_sound());
}

static void a_run_with_advice_is_not_parked(void)
{
	void *run = run_of(MiB);
	sea_pages_note_advice(run);
	CHECK(!put(&parked, run));
	sea_pages_free(run);
	CHECK(sea_pages_are_sound());
}

static void there_is_room_for_one(void)
{
	void *first = run_of(MiB), *second = run_of(MiB);
	CHECK(put(&parked, first));
	CHECK(!put(&parked, second));
	CHECK_EQ(sea_pages_size(second), MiB);
	sea_pages_free(second);
	sea_parked_clear(&parked);
}

static void it_fits_or_it_goes(void)
{
	void *run = run_of(MiB);
	CHECK(put(&parked, run));
	CHECK(sea_parked_take(&parked, MiB / 8 * 7) == run);
	CHECK(put(&parked, run));
	CHECK(sea_parked_take(&parked, MiB / 8 * 7 - 1) == NULL);
	CHECK_EQ(sea_parked_bytes(&parked), 0);
	run = run_of(MiB);
	CHECK(put(&parked, run));
	CHECK(sea_parked_take(&parked, MiB + 1) == NULL);
	CHECK_EQ(sea_parked_bytes(&parked), 0);
	CHECK(sea_pages_are_sound());
}

/* The high watermark is 4 MiB: of what all threads have parked, and of other dirty pages. */
static void the_limit_is_common(void)
{
	void *large = run_of(5 * MiB), *three = run_of(3 * MiB), *two = run_of(2 * MiB), *one = run_of(3 * MiB / 2);
	CHECK(!put(&parked, large));
	CHECK(put(&parked, three));
	CHECK_EQ(sea_pages_dirty(), 3 * MiB);
	CHECK(!put(&other, two));
	CHECK(sea_parked_take(&parked, 3 * MiB) == three);
	CHECK_EQ(sea_pages_dirty(), 0);
	CHECK(put(&other, two));
	sea_parked_clear(&other);
	CHECK_EQ(sea_pages_dirty(), 2 * MiB); /* in free pages */
	CHECK(put(&other, one));
	CHECK_EQ(sea_pages_dirty(), 2 * MiB + 3 * MiB / 2);
	sea_pages_free(large);
	CHECK_AT_MOST(sea_pages_dirty(), 4 * MiB);
	CHECK(sea_pages_are_sound());
}

/* Two runs of 3.9 MiB that are freed one after the other: not both stay. */
static void a_parked_run_counts_as_dirty(void)
{
	void *first = run_of(4000 * KiB), *second = run_of(4000 * KiB);
	CHECK(put(&parked, first));
	CHECK(!put(&parked, second));
	sea_pages_free(second);
	CHECK_AT_MOST(sea_pages_dirty(), 4 * MiB);
	CHECK_AT_MOST(sea_pages_free_dirty(), 96 * KiB);
}

/* What was granted holds until the next tick. */
static void it_asks_again_after_a_tick(void)
{
	void *run = run_of(3 * MiB), *two = run_of(2 * MiB);
	CHECK(put(&parked, run));
	CHECK(sea_parked_take(&parked, 3 * MiB) == run);
	CHECK(put(&other, two));
	CHECK(put(&parked, run)); /* beyond the budget for a moment */
	CHECK(sea_parked_take(&parked, 3 * MiB) == run);
	sea_parked_tick(&parked);
	CHECK(!put(&parked, run));
	sea_pages_free(run);
	CHECK_AT_MOST(sea_pages_dirty(), 4 * MiB);
}

static void runs_with_an_arena_of_their_own_are_not_kept(void)
{
	void *run = run_of(100 * MiB);
	sea_options.dirty_max = 1000 * MiB;
	CHECK(!put(&parked, run));
	sea_pages_free(run);
}

static void what_nobody_wants_goes(void)
{
	void *run = run_of(MiB);
	CHECK(put(&parked, run));
	sea_parked_tick(&parked);
	CHECK_EQ(sea_parked_bytes(&parked), MiB);
	CHECK(sea_parked_take(&parked, MiB) == run);
	CHECK(put(&parked, run));
	sea_parked_tick(&parked);
	CHECK_EQ(sea_parked_bytes(&parked), MiB);
	sea_parked_tick(&parked);
	CHECK_EQ(sea_parked_bytes(&parked), 0);
	CHECK(sea_pages_are_sound());
}

static const struct test_case cases[] = {
	PASSES(what_was_put_is_taken), PASSES(a_run_with_advice_is_not_parked),
	PASSES(there_is_room_for_one), PASSES(it_fits_or_it_goes),
	PASSES(the_limit_is_common), PASSES(a_parked_run_counts_as_dirty), PASSES(it_asks_again_after_a_tick), PASSES(runs_with_an_arena_of_their_own_are_not_kept), PASSES(what_nobody_wants_goes),
};

HARNESS_MAIN(cases)
