/* SPDX-License-Identifier: MIT */
/* segment.c - chunks taken, freed and merged
 *
 * SG1  Bit g of `seam` is set  <=>  a chunk starts at granule g.  Granule nr_granules counts as a
 *      seam and has no bit.
 * SG2  Bit g of `ends` is set  <=>  granule g is the first or the last of a hole.
 * SG3  No two holes touch.
 * SG4  Each hole is in the list of its size, once; filled has a list's bit  <=>  the list is not
 *      empty.
 * SG5  A hole has its size in its first and in its last granule.
 * SG6  nr_used, nr_blocks and nr_holes are what a walk counts.
 *
 * A chunk is used if a seam but no end is at its start.  The hole in front of a chunk ends at the
 * granule in front of it, and that has the hole's size (boundary tags: Knuth, "The Art of Computer
 * Programming", 2.5).  Tags are believed only where the bitmaps confirm them.
 */
#include "segment/segment.h"

#include "segment/gaps.h"
#include "segment/layout.h"

#define NONE SIZE_MAX
#define BASE_ALIGN 64

/* A granule has 16 bytes and a bit in each of two bitmaps. */
#define QUARTERS_PER_GRANULE (4 * SEA_SEGMENT_GRANULE + 1)

/* --- where things are ------------------------------------------------------------- */

static size_t metadata_size(const struct sea_segment *segment) { return (size_t)(segment->data - segment->base); }

/* Offsets of what a segment of this limit has, and how many granules it has then. */
struct places {
	size_t seam, ends, data, nr_max;
};

static bool find_places(size_t limit, struct places *places)
{
	if (limit < SEA_SEGMENT_LEAST || limit > SEA_SEGMENT_MOST)
		return false;
	size_t room = limit - sizeof(struct sea_segment_header) - 4 * sizeof(uint64_t);
	places->nr_max = room / QUARTERS_PER_GRANULE * 4 + room % QUARTERS_PER_GRANULE * 4 / QUARTERS_PER_GRANULE;
	size_t bitmap = (places->nr_max / 64 + 1) * sizeof(uint64_t);
	places->seam = sizeof(struct sea_segment_header);
	places->ends = places->seam + bitmap;
	places->data = places->ends + bitmap;
	SEA_ASSERT(places->data + places->nr_max * SEA_SEGMENT_GRANULE <= limit);
	return true;
}

/* Granules of the first `length` bytes, if the data starts at `data`. */
static size_t granules_between(size_t data, size_t length, size_t nr_max)
{
	return length > data ? sea_min((length - data) / SEA_SEGMENT_GRANULE, nr_max) : 0;
}

static size_t granules_in(const struct sea_segment *segment, size_t length)
{
	return granules_between(metadata_size(segment), length, segment->nr_max);
}

/* Computes all places from base and limit. */
static bool lay_out(struct sea_segment *segment, char *base, size_t limit)
{
	struct places places;
	if (!find_places(limit, &places))
		return false;
	segment->base = base;
	segment->limit = limit;
	segment->header = (struct sea_segment_header *)base;
	segment->seam = (uint64_t *)(base + places.seam);
	segment->ends = (uint64_t *)(base + places.ends);
	segment->data = base + places.data;
	segment->nr_max = places.nr_max;
	segment->nr_granules = 0;
	segment->is_broken = false;
	return true;
}

/* Rounds the range up to BASE_ALIGN; the bytes lost come off `length`. */
static char *round_base(void *base, size_t *length)
{
	size_t lost = -(uintptr_t)base % BASE_ALIGN;
	*length = *length > lost ? *length - lost : 0;
	return (char *)base + lost;
}

static void clear_words(uint64_t *from, const uint64_t *to)
{
	for (; from < to; from++)
		sea_store_relaxed(from, 0);
}

/* Makes all granules one hole.  The bitmaps are zeros. */
static void start_empty(struct sea_segment *segment)
{
	sea_layout_put_bit(segment, segment->seam, 0, true);
	sea_gaps_link(segment, 0, segment->nr_granules);
}

enum sea_segment_error sea_segment_format(struct sea_segment *segment, void *base, size_t length, size_t limit,
					  bool is_dirty)
{
	size_t rounded = length;
	char *start = round_base(base, &rounded);
	segment->journal = NULL;
	if (limit < length || !lay_out(segment, start, limit - (length - rounded)) || !granules_in(segment, rounded))
		return SEA_SEGMENT_TOO_SHORT;
	clear_words((uint64_t *)start, segment->seam);
	if (is_dirty)
		clear_words(segment->seam, (const uint64_t *)segment->data);
	segment->nr_granules = granules_in(segment, rounded);
	struct sea_segment_header *header = segment->header;
	header->version = SEA_SEGMENT_VERSION;
	header->limit = segment->limit;
	header->nr_granules = segment->nr_granules;
	start_empty(segment);
	sea_journal_order();
	header->magic = SEA_SEGMENT_MAGIC;
	return SEA_SEGMENT_OK;
}

enum sea_segment_error sea_segment_open(struct sea_segment *segment, void *base, size_t length)
{
	size_t rounded = length;
	char *start = round_base(base, &rounded);
	const struct sea_segment_header *header = (const struct sea_segment_header *)start;
	segment->journal = NULL;
	if (rounded < SEA_SEGMENT_LEAST)
		return SEA_SEGMENT_TOO_SHORT;
	if (sea_load_relaxed(&header->magic) != SEA_SEGMENT_MAGIC)
		return SEA_SEGMENT_NOT_ONE;
	if (sea_load_relaxed(&header->version) != SEA_SEGMENT_VERSION)
		return SEA_SEGMENT_OTHER_VERSION;
	if (!lay_out(segment, start, sea_load_relaxed(&header->limit)))
		return SEA_SEGMENT_BROKEN;
	return sea_segment_follow(segment, rounded);
}

size_t sea_segment_metadata(size_t limit)
{
	struct places places;
	return find_places(limit, &places) ? places.data : 0;
}

void sea_segment_find_parts(size_t length, size_t limit, struct sea_segment_parts *parts)
{
	struct places places;
	*parts = (struct sea_segment_parts){0};
	if (!find_places(limit, &places))
		return;
	size_t bitmap = (granules_between(places.data, length, places.nr_max) / 64 + 1) * sizeof(uint64_t);
	parts->part[0].to = places.seam + bitmap;
	parts->part[1].from = places.ends;
	parts->part[1].to = places.ends + bitmap;
	parts->part[2].from = places.data;
	parts->part[2].to = sea_max(length, places.data);
}

enum sea_segment_error sea_segment_follow(struct sea_segment *segment, size_t length)
{
	size_t nr = sea_load_relaxed(&segment->header->nr_granules);
	if (nr < 1 || nr > segment->nr_max)
		return SEA_SEGMENT_BROKEN;
	if (nr > granules_in(segment, length))
		return SEA_SEGMENT_TOO_SHORT;
	segment->nr_granules = nr;
	return SEA_SEGMENT_OK;
}

bool sea_segment_is_followed(const struct sea_segment *segment)
{
	return sea_load_relaxed(&segment->header->nr_granules) == segment->nr_granules;
}

void sea_segment_reset(struct sea_segment *segment)
{
	SEA_CHECK(!segment->journal); /* a transaction of any length could not be undone */
	struct sea_segment_header *header = segment->header;
	clear_words(segment->seam, segment->seam + segment->nr_granules / 64 + 1);
	clear_words(segment->ends, segment->ends + segment->nr_granules / 64 + 1);
	header->nr_used = header->nr_blocks = header->nr_holes = 0;
	clear_words(header->filled, (const uint64_t *)header->first);
	__builtin_memset(header->first, 0, sizeof(header->first));
	segment->is_broken = false;
	start_empty(segment);
}

/* --- allocating --------------------------------------------------------------------- */

static size_t offset_of(const struct sea_segment *segment, size_t g)
{
	SEA_ASSERT(g < segment->nr_granules);
	return metadata_size(segment) + g * SEA_SEGMENT_GRANULE;
}

/* Granules of a block of `size` bytes; more than any segment has, if that is too many. */
static size_t granules_for(const struct sea_segment *segment, size_t size)
{
	if (size > segment->limit)
		return segment->nr_max + 1;
	return size ? (size + SEA_SEGMENT_GRANULE - 1) / SEA_SEGMENT_GRANULE : 1;
}

/* The first granule from `from` on whose address is a multiple of `align`. */
static size_t aligned_from(const struct sea_segment *segment, size_t from, size_t align)
{
	SEA_ASSERT(sea_is_power_of_two(align) && align > SEA_SEGMENT_GRANULE);
	uintptr_t address = (uintptr_t)segment->data + from * SEA_SEGMENT_GRANULE;
	return from + (-address & (align - 1)) / SEA_SEGMENT_GRANULE;
}

/* Makes the end [from, to) of a chunk a hole of its own, if it is not empty. */
static void leave(struct sea_segment *segment, size_t from, size_t to)
{
	SEA_ASSERT(from <= to && to <= segment->nr_granules);
	if (from == to)
		return;
	sea_layout_put_bit(segment, segment->seam, from, true);
	sea_gaps_link(segment, from, to - from);
}

static void count_used(struct sea_segment *segment, int64_t granules, int64_t blocks)
{
	sea_layout_count(segment, &segment->header->nr_used, granules);
	if (blocks)
		sea_layout_count(segment, &segment->header->nr_blocks, blocks);
}

/* Takes the first k granules of the hole [from, from + has). */
static void carve_front(struct sea_segment *segment, size_t from, size_t has, size_t k)
{
	SEA_ASSERT(k > 0 && k <= has && from + has <= segment->nr_granules);
	if (k == has) {
		sea_gaps_unlink(segment, from, has);
		return;
	}
	sea_layout_put_bit(segment, segment->seam, from + k, true);
	sea_gaps_change(segment, from, has, from + k, has - k);
}

/* Takes k granules at `at` out of its middle. */
static void carve(struct sea_segment *segment, size_t from, size_t has, size_t at, size_t k)
{
	SEA_ASSERT(from < at && at + k <= from + has);
	sea_layout_put_bit(segment, segment->seam, at, true);
	sea_gaps_change(segment, from, has, from, at - from);
	leave(segment, at + k, from + has);
}

size_t sea_segment_alloc(struct sea_segment *segment, size_t size, size_t align)
{
	SEA_CHECK(sea_is_power_of_two(align));
	size_t k = granules_for(segment, size), has = 0;
	size_t spare = align > SEA_SEGMENT_GRANULE ? align / SEA_SEGMENT_GRANULE - 1 : 0;
	if (segment->is_broken || k > segment->nr_granules || spare > segment->nr_granules)
		return 0;
	size_t from = sea_gaps_find(segment, k + spare, &has);
	if (from == NONE)
		return 0;
	size_t at = spare ? aligned_from(segment, from, align) : from;
	SEA_ASSERT(from <= at && at + k <= from + has && from + has <= segment->nr_granules);
	if (at > from)
		carve(segment, from, has, at, k);
	else
		carve_front(segment, from, has, k);
	count_used(segment, (int64_t)k, 1);
	return segment->is_broken ? 0 : offset_of(segment, at);
}

/* Sets the seams of nr chunks of k granules from g on, a word at a time.  The one at g is set. */
static void put_seams(struct sea_segment *segment, size_t g, size_t k, size_t nr)
{
	SEA_ASSERT(k > 0 && nr > 0 && g + k * nr <= segment->nr_granules);
	size_t end = g + k * nr;
	for (size_t at = g + k; at < end;) {
		size_t word = at / 64;
		uint64_t seams = sea_load_relaxed(&segment->seam[word]);
		for (; at < end && at / 64 == word; at += k)
			seams |= 1ull << at % 64;
		sea_journal_put(segment->journal, &segment->seam[word], seams);
	}
}

size_t sea_segment_alloc_run(struct sea_segment *segment, size_t size, size_t max, size_t *nr)
{
	size_t k = granules_for(segment, size), has = 0;
	SEA_ASSERT(max > 0 && max <= 64);
	*nr = 0;
	if (segment->is_broken || k > segment->nr_granules)
		return 0;
	size_t from = sea_gaps_find(segment, k, &has);
	if (from == NONE)
		return 0;
	*nr = sea_min(max, has / k);
	put_seams(segment, from, k, *nr);
	carve_front(segment, from, has, k * *nr);
	count_used(segment, (int64_t)(k * *nr), (int64_t)*nr);
	return segment->is_broken ? 0 : offset_of(segment, from);
}

/* --- freeing -------------------------------------------------------------------------- */

/* The granule of a used chunk's start, from its offset. */
static enum sea_segment_error find_block(const struct sea_segment *segment, size_t offset, size_t *g)
{
	size_t inside = offset - metadata_size(segment);
	if (offset < metadata_size(segment) || inside % SEA_SEGMENT_GRANULE ||
	    inside / SEA_SEGMENT_GRANULE >= segment->nr_granules)
		return SEA_SEGMENT_NO_BLOCK;
	*g = inside / SEA_SEGMENT_GRANULE;
	if (!sea_layout_is_seam(segment, *g))
		return SEA_SEGMENT_NO_BLOCK;
	return sea_layout_is_end(segment, *g) ? SEA_SEGMENT_FREED : SEA_SEGMENT_OK;
}

/* Start of the hole that ends in front of g; g: none does, or it is broken. */
static size_t hole_before(struct sea_segment *segment, size_t g)
{
	if (g == 0 || !sea_layout_is_end(segment, g - 1))
		return g;
	size_t start = sea_gaps_before(segment, g);
	if (start != NONE)
		return start;
	sea_layout_break(segment);
	return g;
}

/* Granules of the hole that starts at g; 0: none does, or it is broken. */
static size_t hole_behind(struct sea_segment *segment, size_t g)
{
	if (g >= segment->nr_granules || !sea_layout_is_end(segment, g))
		return 0;
	size_t n = sea_gaps_size(segment, g);
	if (!n)
		sea_layout_break(segment);
	return n;
}

/* If a hole starts at granule g, takes it out of its list and erases the seam at g.  Returns where
 * the joined chunk ends. */
static size_t join_behind(struct sea_segment *segment, size_t g)
{
	SEA_ASSERT(g <= segment->nr_granules);
	size_t n = hole_behind(segment, g);
	if (!n)
		return g;
	sea_gaps_unlink(segment, g, n);
	sea_layout_put_bit(segment, segment->seam, g, false);
	return g + n;
}

/* Makes [g, end), with no hole in front of it, a hole or a part of the one behind it. */
static void make_hole_here(struct sea_segment *segment, size_t g, size_t end)
{
	size_t n = hole_behind(segment, end);
	if (n) {
		sea_layout_put_bit(segment, segment->seam, end, false);
		sea_gaps_change(segment, end, n, g, end + n - g);
	} else if (!segment->is_broken) {
		sea_gaps_link(segment, g, end - g);
	}
}

/* Makes [g, end) a hole, or a part of the ones in front of it and behind it. */
static void make_hole(struct sea_segment *segment, size_t g, size_t end)
{
	SEA_ASSERT(g < end && end <= segment->nr_granules);
	size_t from = hole_before(segment, g);
	if (from == g) {
		make_hole_here(segment, g, end);
		return;
	}
	size_t to = join_behind(segment, end);
	sea_layout_put_bit(segment, segment->seam, g, false);
	if (!segment->is_broken)
		sea_gaps_change(segment, from, g - from, from, to - from);
}

enum sea_segment_error sea_segment_free(struct sea_segment *segment, size_t offset)
{
	size_t g;
	enum sea_segment_error error = segment->is_broken ? SEA_SEGMENT_BROKEN : find_block(segment, offset, &g);
	if (error)
		return error;
	size_t end = sea_layout_next(segment, g);
	count_used(segment, -(int64_t)(end - g), -1);
	make_hole(segment, g, end);
	return segment->is_broken ? SEA_SEGMENT_BROKEN : SEA_SEGMENT_OK;
}

/* Makes the used chunk [g, end) end at `to`. */
static bool shorten(struct sea_segment *segment, size_t g, size_t end, size_t to)
{
	SEA_ASSERT(g < to && to <= end);
	if (to < end) {
		count_used(segment, -(int64_t)(end - to), 0);
		leave(segment, to, join_behind(segment, end));
	}
	return !segment->is_broken;
}

/* The same for `to` behind `end`, if there is a hole of that length. */
static bool lengthen(struct sea_segment *segment, size_t end, size_t to)
{
	SEA_ASSERT(end < to && to <= segment->nr_granules);
	if (!sea_layout_is_end(segment, end) || sea_gaps_size(segment, end) < to - end)
		return false;
	size_t behind = join_behind(segment, end);
	if (behind < to)
		return false; /* another process changed it meanwhile */
	leave(segment, to, behind);
	count_used(segment, (int64_t)(to - end), 0);
	return !segment->is_broken;
}

bool sea_segment_resize(struct sea_segment *segment, size_t offset, size_t size)
{
	size_t g, k = granules_for(segment, size);
	if (segment->is_broken || find_block(segment, offset, &g) || k > segment->nr_granules - g)
		return false;
	size_t end = sea_layout_next(segment, g);
	return g + k <= end ? shorten(segment, g, end, g + k) : lengthen(segment, end, g + k);
}

enum sea_segment_error sea_segment_grow(struct sea_segment *segment, size_t length)
{
	size_t old = segment->nr_granules, nr = length > segment->limit ? 0 : granules_in(segment, length);
	SEA_ASSERT(old <= segment->nr_max && nr <= segment->nr_max);
	if (segment->is_broken)
		return SEA_SEGMENT_BROKEN;
	if (nr <= old)
		return SEA_SEGMENT_TOO_SHORT;
	size_t from = hole_before(segment, old);
	segment->nr_granules = nr;
	sea_journal_put(segment->journal, &segment->header->nr_granules, nr);
	if (from == old)
		leave(segment, old, nr);
	else
		sea_gaps_change(segment, from, old - from, from, nr - from);
	return segment->is_broken ? SEA_SEGMENT_BROKEN : SEA_SEGMENT_OK;
}

/* --- looking -------------------------------------------------------------------------- */

bool sea_segment_is_block(const struct sea_segment *segment, size_t offset)
{
	size_t g;
	return find_block(segment, offset, &g) == SEA_SEGMENT_OK;
}

size_t sea_segment_usable(const struct sea_segment *segment, size_t offset)
{
	size_t g;
	if (find_block(segment, offset, &g) != SEA_SEGMENT_OK)
		return 0;
	return (sea_layout_next(segment, g) - g) * SEA_SEGMENT_GRANULE;
}
