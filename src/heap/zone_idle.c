/* SPDX-License-Identifier: MIT */
/* zone_idle.c - pages of a zone in which nothing is in use
 *
 * A page is idle if all of its granules are free and none of them may hold the descriptor of a
 * hole.  Idle pages can be purged.
 */
#include "heap/zone_idle.h"

#include "base/os.h"
#include "page/page_alloc.h"

/* Words in a long row of idle pages. */
#define LONG_ROW (SEA_ZONE_LONG_ROW / SEA_GRANULE / 64)

/* Words of the smallest page. */
#define LEAST_WORDS (SEA_IDLE_GRANULES / 64)
_Static_assert(LEAST_WORDS == 4, "page_is_idle() looks at the first three without a loop");

static size_t words_per_page(const struct sea_zone *zone)
{
	return ((size_t)1 << zone->touched.page_shift) / SEA_GRANULE / 64;
}

/* The used bits of the last granules of a word, as many as a descriptor has.  If one is set, a
 * descriptor may start behind it and reach into the next word. */
static uint64_t descriptor_part(uint64_t used) { return used >> (64 - SEA_DESCRIPTOR_GRANULES); }

/* Claim: the page that starts at `word` is free, and so are the granules before it from which a
 * descriptor could reach into it. */
SEA_INLINE bool page_is_idle(const struct sea_zone *zone, size_t word, size_t nr_words)
{
	SEA_ASSERT(word % nr_words == 0 && word < SEA_ZONE_WORDS && nr_words >= LEAST_WORDS);
	const uint64_t *used = &zone->used[word];
	if (used[nr_words - 1] || !word || descriptor_part(used[-1]))
		return false;
	uint64_t any = used[0] | used[1] | used[2];
	for (size_t w = LEAST_WORDS - 1; w < nr_words - 1; w++)
		any |= used[w];
	return any == 0;
}

/* The first idle page that starts in [word, end), or `end`. */
SEA_INLINE size_t next_idle(const struct sea_zone *zone, size_t word, size_t end, size_t step)
{
	SEA_ASSERT(word % step == 0);
	while (word < end && !page_is_idle(zone, word, step))
		word += step;
	return word < end ? word : end;
}

/* End of the row of idle pages that starts at `word`. */
SEA_INLINE size_t idle_end(const struct sea_zone *zone, size_t word, size_t end, size_t step)
{
	do
		word += step;
	while (word < end && page_is_idle(zone, word, step));
	return word;
}

static size_t count_touched(const struct sea_zone *zone, size_t word, size_t end)
{
	SEA_ASSERT(word <= end && end <= SEA_ZONE_WORDS);
	size_t from = word * 64 * SEA_GRANULE, to = end * 64 * SEA_GRANULE;
	if (likely(sea_pages_are_touched(&zone->touched, from, to)))
		return (to - from) >> zone->touched.page_shift;
	return sea_pages_count_touched(zone->base + from, zone->base + to);
}

/* How many idle pages that start in [word, end) are touched. */
static uint32_t count_idle(const struct sea_zone *zone, size_t word, size_t end)
{
	size_t nr = 0, step = words_per_page(zone), to;
	end = sea_min(end, SEA_ZONE_WORDS);
	for (; (word = next_idle(zone, word, end, step)) < end; word = to) {
		to = idle_end(zone, word, end, step);
		nr += count_touched(zone, word, to);
	}
	return (uint32_t)nr;
}

static void note_idle(struct sea_zone *zone, uint32_t nr_pages)
{
	zone->nr_idle += nr_pages;
	SEA_ASSERT(zone->nr_idle <= SEA_ZONE_SIZE / sea_page_size()); /* Z9 */
	sea_pages_note_idle((int32_t)nr_pages);
}

void sea_zone_start_idle(struct sea_zone *zone)
{
	size_t page = sea_page_size();
	zone->longest_idle = (uint32_t)(SEA_ZONE_SIZE / page);
	note_idle(zone, (uint32_t)sea_pages_count_touched(zone->base + page, zone->base + SEA_ZONE_SIZE));
}

void sea_zone_end_idle(struct sea_zone *zone) { note_idle(zone, -zone->nr_idle); }

void sea_zone_leave_idle(struct sea_zone *zone, size_t from, size_t to)
{
	SEA_ASSERT(from < to);
	if (!zone->nr_idle)
		return;
	size_t first = sea_round_down(from / 64, words_per_page(zone));
	note_idle(zone, -count_idle(zone, first, (to + SEA_DESCRIPTOR_GRANULES + 63) / 64));
}

/* Pages of the row that [from, to) makes with the idle pages on both sides, which are counted up
 * to a long row. 0 if none is touched. */
static size_t row_around(const struct sea_zone *zone, size_t from, size_t to, size_t step)
{
	SEA_ASSERT(from % step == 0 && from < to);
	size_t least = from - sea_min(from, LONG_ROW), most = sea_min(to + LONG_ROW, SEA_ZONE_WORDS);
	while (from > least && page_is_idle(zone, from - step, step))
		from -= step;
	while (to < most && page_is_idle(zone, to, step))
		to += step;
	return count_touched(zone, from, to) ? (to - from) / step : 0;
}

void sea_zone_join_idle(struct sea_zone *zone, size_t first, size_t end, uint64_t last_was)
{
	SEA_ASSERT(first < end);
	SEA_ASSERT(end <= SEA_ZONE_WORDS);
	size_t step = words_per_page(zone), from = sea_round_down(first, step), to = sea_min(end + 1, SEA_ZONE_WORDS);
	if (end - from < step && zone->used[end - 1])
		return; /* less than a page, and it still has used granules */
	size_t idle = next_idle(zone, from, to, step);
	if (idle == to)
		return;
	if (zone->longest_idle < LONG_ROW / step)
		zone->longest_idle =
			(uint32_t)sea_max(zone->longest_idle, row_around(zone, from, sea_round_up(end, step), step));
	bool was_idle = end % step == 0 && !descriptor_part(last_was);
	note_idle(zone, count_idle(zone, idle, was_idle ? end : to));
}

void sea_zone_walk_idle(const struct sea_zone *zone, void (*visit)(const struct sea_zone *, size_t, size_t, void *),
			void *context)
{
	size_t step = words_per_page(zone);
	for (size_t word = 0, to; (word = next_idle(zone, word, SEA_ZONE_WORDS, step)) < SEA_ZONE_WORDS; word = to) {
		to = idle_end(zone, word, SEA_ZONE_WORDS, step);
		visit(zone, word * 64, to * 64, context);
	}
}

static void note_longest(const struct sea_zone *zone, size_t from, size_t to, void *context)
{
	size_t *longest = context;
	if (to - from > *longest && count_touched(zone, from / 64, to / 64))
		*longest = to - from;
}

/* Pages in the longest row of idle pages with a touched one. */
static uint32_t longest_row(const struct sea_zone *zone)
{
	size_t longest = 0;
	sea_zone_walk_idle(zone, note_longest, &longest);
	return (uint32_t)(longest * SEA_GRANULE / sea_page_size());
}

bool sea_zone_may_have_row(const struct sea_zone *zone)
{
	return zone->nr_idle && zone->longest_idle * sea_page_size() >= SEA_ZONE_LONG_ROW;
}

void sea_zone_measure_idle(struct sea_zone *zone) { zone->longest_idle = longest_row(zone); }

bool sea_zone_idle_is_sound(const struct sea_zone *zone)
{
	return zone->nr_idle == count_idle(zone, 0, SEA_ZONE_WORDS) &&
	       zone->longest_idle >= sea_min(longest_row(zone), SEA_ZONE_LONG_ROW / sea_page_size());
}
