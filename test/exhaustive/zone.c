/* SPDX-License-Identifier: MIT */
/* zone.c small|large DEPTH [LOG2-OF-STATES] - every sequence of operations on a part of a zone
 *
 * All of a zone is in use but a window.  In the window all operations are tried, in every
 * order, up to a depth: to take chunks of each size by a sweep, also aligned; to send each
 * chunk; to merge; to lengthen each chunk.  `small`: 32 granules across the border of two
 * words.  `large`: 13 units of 24 granules across six words, with holes that are listed, and
 * chunks that are cut from them.
 *
 * A state is everything that the zone knows of the window: bitmaps, hints, lists, marks.  A state
 * that was seen at no greater depth is not tried again.  The reference is a string of granules; it
 * predicts each answer, and after each operation all invariants are checked.
 */
#include "heap/zone.h"

#include "os_sim.h"
#include "page/page_alloc.h"

#include "exhaustive.h"

#define MOST_UNITS 32
#define MOST_DEPTH 20
#define MOST_WORDS 8
#define MOST_HINTS 2
#define DESCRIPTOR_WORDS 5

static unsigned unit, nr_units, base; /* granules, units, first granule */
static unsigned nr_words;	      /* from word 0 on, to the last of the window */

static struct sea_holes holes;
static struct sea_zone zone_memory, *const zone = &zone_memory;
static char shard_stands_in;
static uint64_t nr_operations;
static unsigned max_depth;
static struct seen seen;

/* --- the reference: bits by unit ----------------------------------------------------------- */

struct model {
	uint32_t used, starts, sent; /* starts: of used chunks; sent: starts that were sent */
};

static uint32_t bits(unsigned from, unsigned nr) { return nr >= 32 ? ~0u << from : ((1u << nr) - 1) << from; }

static bool has(uint32_t set, unsigned i) { return set >> i & 1; }

static unsigned hole_end(const struct model *model, unsigned from)
{
	while (from < nr_units && !has(model->used, from))
		from++;
	return from;
}

static unsigned chunk_end(const struct model *model, unsigned from)
{
	for (from++; from < nr_units && has(model->used, from) && !has(model->starts, from);)
		from++;
	return from;
}

static bool starts_hole(const struct model *model, unsigned i)
{
	return !has(model->used, i) && (i == 0 || has(model->used, i - 1));
}

static void take(struct model *model, unsigned from, unsigned nr)
{
	model->used |= bits(from, nr);
	model->starts |= 1u << from;
}

static void merge_naively(struct model *model)
{
	for (unsigned i = 0; i < nr_units; i++)
		if (has(model->sent, i))
			model->used &= ~bits(i, chunk_end(model, i) - i);
	model->starts &= ~model->sent;
	model->sent = 0;
}

/* --- snapshots ------------------------------------------------------------------------------ */

struct snapshot {
	uint64_t used[MOST_WORDS], seam[MOST_WORDS], pending[MOST_WORDS];
	uint8_t start[MOST_WORDS], hint[MOST_HINTS];
	uint64_t unlisted, lines;
	uint32_t nr_pending, worth, nr_used, nr_idle, longest_idle;
	struct sea_holes holes;
	uint64_t memory[MOST_UNITS][DESCRIPTOR_WORDS];
};

static uint64_t *memory_of(unsigned i) { return (uint64_t *)sea_zone_address(zone, base + i * unit); }

static size_t words_of_memory(void) { return unit == 1 ? 2 : DESCRIPTOR_WORDS; }

static void save(struct snapshot *to)
{
	for (unsigned w = 0; w < nr_words; w++) {
		to->used[w] = zone->used[w];
		to->seam[w] = zone->seam[w];
		to->pending[w] = zone->pending[w];
		to->start[w] = zone->start[w];
	}
	memcpy(to->hint, zone->hint, sizeof(to->hint));
	to->unlisted = zone->unlisted[0];
	to->lines = zone->lines[0];
	to->nr_pending = zone->nr_pending;
	to->worth = zone->worth;
	to->nr_used = zone->nr_used;
	to->nr_idle = zone->nr_idle;
	to->longest_idle = zone->longest_idle;
	if (unit > 1)
		to->holes = holes;
	for (unsigned i = 0; i < nr_units; i++)
		memcpy(to->memory[i], memory_of(i), words_of_memory() * 8);
}

static void restore(const struct snapshot *from)
{
	for (unsigned w = 0; w < nr_words; w++) {
		zone->used[w] = from->used[w];
		zone->seam[w] = from->seam[w];
		zone->pending[w] = from->pending[w];
		zone->start[w] = from->start[w];
	}
	memcpy(zone->hint, from->hint, sizeof(from->hint));
	zone->unlisted[0] = from->unlisted;
	zone->lines[0] = from->lines;
	zone->nr_pending = from->nr_pending;
	zone->worth = from->worth;
	zone->nr_used = from->nr_used;
	zone->nr_idle = from->nr_idle;
	zone->longest_idle = from->longest_idle;
	if (unit > 1)
		holes = from->holes;
	for (unsigned i = 0; i < nr_units; i++)
		memcpy(memory_of(i), from->memory[i], words_of_memory() * 8);
}

static bool is_listed(unsigned g) { return zone->start[g / 64] == 1 + g % 64; }

/* Links of lists count, and marks; other bytes of free memory do not. */
static uint64_t fingerprint_of_zone(void)
{
	uint64_t words[4 * MOST_WORDS + 3 * MOST_UNITS + 8];
	size_t nr = 0;
	for (unsigned w = 0; w < nr_words; w++) {
		words[nr++] = zone->used[w];
		words[nr++] = zone->seam[w];
		words[nr++] = zone->pending[w];
		words[nr++] = zone->start[w];
	}
	words[nr++] = zone->hint[0] | zone->hint[1] << 8 | zone->unlisted[0] << 16;
	words[nr++] = zone->nr_used | (uint64_t)zone->nr_pending << 32;
	words[nr++] = zone->nr_idle | (uint64_t)zone->longest_idle << 32;
	for (unsigned i = 0; i < nr_units && unit > 1; i++)
		if (is_listed(base + i * unit)) {
			words[nr++] = memory_of(i)[2];
			words[nr++] = memory_of(i)[3];
		}
	return fingerprint(words, nr);
}

/* --- the check ------------------------------------------------------------------------------- */

static struct {
	const char *what;
	int a, b;
} path[MOST_DEPTH + 1];
static unsigned depth_now;

__attribute__((noreturn)) static void wrong(const char *claim, unsigned i)
{
	for (unsigned d = 0; d <= depth_now; d++)
		printf("%u: %s %d %d\n", d, path[d].what, path[d].a, path[d].b);
	fail("at unit %u: not so: %s", i, claim);
}

#define HOLDS(claim, i) ((claim) ? (void)0 : wrong(#claim, i))

/* Z3 to Z5 and Z7 for the hole of units [i, end). */
static void check_hole(unsigned i, unsigned end)
{
	unsigned g = base + i * unit;
	size_t length = (size_t)(end - i) * unit;
	const struct sea_hole *hole = (const struct sea_hole *)memory_of(i);
	uint8_t hint = zone->hint[g / 64 / SEA_HINT_WORDS];
	HOLDS(hole->mark[1] == sea_mark_of(hole, sea_seams), i);
	HOLDS(hint == SEA_HINT_UNKNOWN || length <= hint, i);
	if (is_listed(g))
		HOLDS(length >= SEA_HOLE_MIN && hole->nr_granules == length, i);
	else
		HOLDS(length < SEA_HOLE_MIN || sea_bit_test(zone->unlisted, g / 64), i);
}

static void clear(uint64_t *map, size_t from, size_t to)
{
	for (; from < to; from++)
		sea_bit_clear(map, from);
}

/* Z1, Z2 and what was sent, against the reference; all words around the window as they were. */
static void check_bits(const struct model *model)
{
	uint64_t used[MOST_WORDS], seam[MOST_WORDS] = {0}, pending[MOST_WORDS] = {0};
	unsigned nr_used = SEA_ZONE_GRANULES - nr_units * unit, end = base + nr_units * unit;
	memset(used, 0xff, sizeof(used));
	seam[0] = 1;
	if (end / 64 < nr_words)
		seam[end / 64] |= 1ull << end % 64;
	for (unsigned i = 0; i < nr_units; i++) {
		unsigned g = base + i * unit;
		if (has(model->used, i))
			nr_used += unit;
		else
			clear(used, g, g + unit);
		if (has(model->starts, i) || starts_hole(model, i))
			seam[g / 64] |= 1ull << g % 64;
		if (has(model->sent, i))
			pending[g / 64] |= 1ull << g % 64;
	}
	for (unsigned w = 0; w < nr_words; w++) {
		HOLDS(zone->used[w] == used[w], w);
		HOLDS(zone->seam[w] == seam[w], w);
		HOLDS(zone->pending[w] == pending[w], w);
	}
	HOLDS(zone->nr_used == nr_used, 0);
}

/* One state in so many is checked by the zone itself, which walks all of it. */
#define FULL_CHECK 8192

static void check(const struct model *model)
{
	unsigned nr_listed = 0, nr_named = 0;
	check_bits(model);
	for (unsigned i = 0; i < nr_units; i++) {
		if (starts_hole(model, i))
			check_hole(i, hole_end(model, i));
		nr_named += starts_hole(model, i) && is_listed(base + i * unit);
		if (has(model->starts, i)) /* Z8, and the size that free() sees */
			HOLDS(sea_zone_chunk_size(zone, base + i * unit) == (chunk_end(model, i) - i) * unit, i);
	}
	for (unsigned w = 0; w < nr_words; w++)
		nr_listed += zone->start[w] - 1u < 64;
	HOLDS(nr_listed == nr_named, 0);
	HOLDS(!model->sent || zone->nr_pending, 0);
	if (unit > 1)
		HOLDS(sea_holes_are_sound(&holes), 0);
	if (nr_operations % FULL_CHECK == 0)
		HOLDS(sea_zone_is_sound(zone), 0);
}

/* --- operations ------------------------------------------------------------------------------ */

static void search(const struct model *model, unsigned depth);

static void reached(const struct model *model)
{
	nr_operations++;
	check(model);
	if (seen_add(&seen, fingerprint_of_zone(), depth_now + 1) && depth_now + 1 < max_depth)
		search(model, depth_now + 1);
}

static void step(const char *what, int a, int b)
{
	path[depth_now].what = what;
	path[depth_now].a = a;
	path[depth_now].b = b;
}

/* The place and number of chunks that a sweep has to find. */
static unsigned expected_sweep(const struct model *model, unsigned nr, unsigned align, unsigned max, unsigned *at)
{
	for (unsigned i = 0; i < nr_units; i++) {
		if (!starts_hole(model, i))
			continue;
		unsigned end = hole_end(model, i), first = i;
		while ((base + first * unit) % align)
			first++;
		if (first + nr > end)
			continue;
		*at = first;
		unsigned fitting = (end - first) / nr;
		return nr * unit % align ? 1 : fitting < max ? fitting : max;
	}
	return 0;
}

/* Takes from one hole. */
static struct sea_piece sweep_one(unsigned k, unsigned max, unsigned *stripe, unsigned *work)
{
	struct sea_batch batch;
	sea_batch_begin(&batch, max);
	batch.nr_pieces = SEA_BATCH_PIECES - 1;
	bool found = sea_zone_sweep(zone, k, &batch, stripe, work);
	return found ? batch.piece[SEA_BATCH_PIECES - 1] : (struct sea_piece){NULL, 0};
}

static void try_sweep(struct model model, unsigned nr, unsigned align, unsigned max)
{
	unsigned stripe = 0, work = SEA_ZONE_WORDS, at = 0;
	step(align > 1 ? "sweep aligned" : "sweep", (int)nr, (int)max);
	unsigned count = expected_sweep(&model, nr, align, max, &at);
	struct sea_piece piece = align > 1 ? sea_zone_sweep_aligned(zone, nr * unit, align, max, &stripe, &work)
					   : sweep_one(nr * unit, max, &stripe, &work);
	HOLDS(piece.count == count, at);
	HOLDS(!count || piece.start == sea_zone_address(zone, base + at * unit), at);
	for (unsigned i = 0; i < count; i++)
		take(&model, at + i * nr, nr);
	reached(&model);
}

/* From the listed hole that the lists choose. */
static void try_carve(struct model model, unsigned nr)
{
	step("carve", (int)nr, 0);
	struct sea_hole *hole = sea_hole_find(&holes, nr * unit);
	bool is_there = false;
	for (unsigned i = 0; i < nr_units; i++)
		is_there |= starts_hole(&model, i) && is_listed(base + i * unit) && hole_end(&model, i) - i >= nr;
	HOLDS(is_there == (hole != NULL), 0);
	if (!hole)
		return;
	unsigned i = (sea_granule_of(hole) - base) / unit;
	HOLDS(starts_hole(&model, i) && hole_end(&model, i) - i >= nr, i);
	sea_zone_carve(zone, hole, (char *)hole, nr * unit, 1);
	take(&model, i, nr);
	reached(&model);
}

static void try_send(struct model model, unsigned i)
{
	unsigned g = base + i * unit;
	struct sea_hole *chunk = (struct sea_hole *)memory_of(i);
	step("send", (int)i, 0);
	chunk->mark[1] = sea_mark_of(chunk, sea_seams);
	sea_zone_send(zone, g / 64, 1ull << g % 64, (chunk_end(&model, i) - i) * unit);
	model.sent |= 1u << i;
	reached(&model);
}

static void try_merge(struct model model)
{
	step("merge", 0, 0);
	sea_zone_merge(zone, SEA_ZONE_WORDS);
	merge_naively(&model);
	HOLDS(!zone->nr_pending, 0);
	reached(&model);
}

static void try_extend(struct model model, unsigned i, unsigned by)
{
	unsigned end = chunk_end(&model, i), g = base + i * unit;
	step("extend", (int)i, (int)by);
	bool fits = end + by <= nr_units && !(model.used & bits(end, by));
	HOLDS(sea_zone_extend(zone, g, (end - i) * unit, (end - i + by) * unit) == fits, i);
	if (fits)
		model.used |= bits(end, by);
	reached(&model);
}

static void try_list(const struct model *model)
{
	step("list", 0, 0);
	sea_zone_list(zone);
	HOLDS(sea_zone_is_listed(zone), 0);
	reached(model);
}

/* --- the search ------------------------------------------------------------------------------ */

static struct snapshot snapshots[MOST_DEPTH];

#define EACH(operation)                                                                            \
	do {                                                                                       \
		depth_now = depth;                                                                 \
		restore(&snapshots[depth]);                                                        \
		operation;                                                                         \
	} while (0)

static void search(const struct model *model, unsigned depth)
{
	static const unsigned char small_sizes[] = {1, 2, 3, 5, 11, 32}, large_sizes[] = {3, 5};
	save(&snapshots[depth]);
	EACH(try_merge(*model));
	for (unsigned i = 0; i < nr_units; i++) {
		if (!has(model->starts, i) || has(model->sent, i))
			continue;
		EACH(try_send(*model, i));
		EACH(try_extend(*model, i, 1));
	}
	for (unsigned n = 0; n < sizeof(small_sizes) && small_sizes[n] * unit <= SEA_SMALL_GRANULES; n++) {
		EACH(try_sweep(*model, small_sizes[n], 1, 1));
		EACH(try_sweep(*model, small_sizes[n], 1, 2));
	}
	if (unit == 1) {
		EACH(try_sweep(*model, 1, 4, 1));
		EACH(try_sweep(*model, 4, 4, 2));
		return;
	}
	EACH(try_list(model));
	for (unsigned n = 0; n < sizeof(large_sizes); n++)
		EACH(try_carve(*model, large_sizes[n]));
}

/* A zone in use but for the window, whose memory is touched. */
static void start(void)
{
	char *memory = sea_pages_alloc(SEA_ZONE_SIZE, SEA_ZONE_SIZE, SEA_TOUCH_NOW, NULL);
	if (!memory || !sea_seams_cover(memory))
		fail("no zone");
	memset(memory, 0, SEA_ZONE_SIZE);
	sea_zone_init(zone, memory, sea_seams_of(memory), sea_seams_start_of(memory), (struct sea_shard *)&shard_stands_in, &holes);
	sea_pagemap_set_zone(memory, zone);
	unsigned end = base + nr_units * unit;
	sea_zone_carve(zone, sea_hole_find(&holes, SEA_ZONE_GRANULES), memory, base, 1);
	sea_zone_carve(zone, (struct sea_hole *)sea_zone_address(zone, base), sea_zone_address(zone, end), SEA_ZONE_GRANULES - end, 1);
}

int main(int argc, char **argv)
{
	bool is_large = argc > 1 && !strcmp(argv[1], "large");
	unit = is_large ? 24 : 1;
	nr_units = is_large ? 13 : 32;
	base = is_large ? 40 : 48;
	max_depth = number(argc, argv, 2, 5);
	nr_words = (base + nr_units * unit) / 64 + 1;
	if (max_depth > MOST_DEPTH || nr_words > MOST_WORDS)
		fail("at most depth %u", MOST_DEPTH);
	seen_init(&seen, number(argc, argv, 3, 24));
	start();
	struct model model = {0};
	check(&model);
	seen_add(&seen, fingerprint_of_zone(), 0);
	search(&model, 0);
	printf("zone of %u granules in units of %u: %zu states, every sequence of %u operations, %llu operations tried\n",
	       nr_units * unit, unit, seen.nr, max_depth, (unsigned long long)nr_operations);
	return 0;
}
