/* SPDX-License-Identifier: MIT */
/* zone.c - split, send back, merge in bulk
 *
 * Z1  Bit g of `seam` is set  <=>  a chunk starts at granule g.  Behind the last granule the
 *     map has the seams of another zone, or zeros.
 * Z2  All bits of `used` in a chunk are equal.  The bit behind the last granule is set.
 * Z3  No two free chunks touch.
 * Z4  start[w] from 1 to 64 names a hole of SEA_HOLE_MIN granules or more that starts in word w.
 *     Exactly these holes are in the shard's lists.  A hole of that size that is not listed
 *     came from a merge since the last sea_zone_list(), and starts in a word of `unlisted`.
 * Z5  A hole that starts in the words of hint h is not longer than hint[h], or hint[h] is
 *     SEA_HINT_UNKNOWN.
 * Z6  nr_used is the number of set bits in `used`.
 * Z7  The second word of a hole is its mark (sea_mark_of).
 * Z8  start[w] above 64 is the class of the used chunk that has the last seam of word w and
 *     the last granule of word w.
 *
 * Callers hold the shard's lock, except for sea_zone_send().  Z2 to Z4 fail only inside these
 * functions.
 *
 * Merging works on a word of chunks at once (word.h).
 */
#include "heap/zone.h"

#include <string.h>

#include "base/atomic.h"
#include "base/check.h"
#include "base/os.h"
#include "page/page_alloc.h"
#include "heap/word.h"
#include "heap/zone_idle.h"

/* --- holes ------------------------------------------------------------------ */

static struct sea_hole *hole_at(const struct sea_zone *zone, size_t g)
{
	return (struct sea_hole *)sea_zone_address(zone, g);
}

static bool is_listed(const struct sea_zone *zone, size_t g) { return zone->start[g / 64] == 1 + g % 64; }

static bool has_listed(const struct sea_zone *zone, size_t word) { return zone->start[word] - 1u < 64; }

static bool is_free(const struct sea_zone *zone, size_t g) { return !sea_bit_test(zone->used, g); }

/* End of the hole that starts at g, by its descriptor if it is listed.  The bitmap must confirm
 * it. */
static size_t hole_end(const struct sea_zone *zone, size_t g)
{
	SEA_ASSERT(g < SEA_ZONE_GRANULES);
	SEA_ASSERT(is_free(zone, g));
	if (!is_listed(zone, g))
		return sea_bits_find(zone->used, g, SEA_ZONE_GRANULES, true);
	size_t end = g + hole_at(zone, g)->nr_granules;
	SEA_CHECK(end > g && end <= SEA_ZONE_GRANULES && is_free(zone, end - 1) && !is_free(zone, end));
	return end;
}

static SEA_NOINLINE bool touch_anew(const struct sea_zone *zone, size_t from, size_t to, size_t k)
{
	bool surely = k * SEA_GRANULE <= sea_page_size();
	return sea_pages_touch(sea_zone_address(zone, from), sea_zone_address(zone, to), surely) > 1 && surely;
}

/* Prepares granules [from, to) for writing, in chunks of k.  The caller writes to parts of each
 * chunk, in any order.  Mostly there is nothing to do, so it has no stack frame: its only call is
 * its last step, and it is not inline.  True: two pages or more had no memory, and each of them
 * will be written to. */
static SEA_NOINLINE bool touch(const struct sea_zone *zone, size_t from, size_t to, size_t k)
{
	if (likely(sea_pages_are_touched(&zone->touched, from * SEA_GRANULE, to * SEA_GRANULE)))
		return false;
	return touch_anew(zone, from, to, k);
}

static void set_start(struct sea_zone *zone, size_t word, size_t start)
{
	SEA_ASSERT(word < SEA_ZONE_WORDS && start < SEA_NR_CLASSES);
	sea_store_relaxed(&zone->start[word], (uint8_t)start);
}

static void list_hole(struct sea_zone *zone, size_t from, size_t to)
{
	SEA_ASSERT(from < to && to <= SEA_ZONE_GRANULES);
	SEA_ASSERT(!is_listed(zone, from));
	struct sea_hole *hole = hole_at(zone, from);
	bool is_large = to - from >= SEA_HOLE_MIN;
	size_t nr_written = is_large ? SEA_DESCRIPTOR_GRANULES : 1;
	touch(zone, from, from + nr_written, nr_written);
	hole->mark[1] = sea_mark_of(hole, sea_seams);
	uint8_t *hint = &zone->hint[from / 64 / SEA_HINT_WORDS];
	*hint = (uint8_t)sea_max(*hint, sea_min(to - from, SEA_HINT_UNKNOWN));
	if (!is_large)
		return;
	sea_hole_link(zone->holes, hole, to - from);
	set_start(zone, from / 64, 1 + from % 64);
}

static void unlist_word(struct sea_zone *zone, size_t word)
{
	SEA_ASSERT(word < SEA_ZONE_WORDS);
	if (!has_listed(zone, word))
		return;
	sea_hole_unlink(zone->holes, hole_at(zone, word * 64 + zone->start[word] - 1));
	set_start(zone, word, 0);
}

static void unlist_hole(struct sea_zone *zone, size_t from)
{
	if (is_listed(zone, from))
		unlist_word(zone, from / 64);
}

static void put_seam(struct sea_zone *zone, size_t g)
{
	SEA_ASSERT(g < SEA_ZONE_GRANULES);
	sea_store_relaxed(&zone->seam[g / 64], zone->seam[g / 64] | 1ull << g % 64);
}

static void erase_seam(struct sea_zone *zone, size_t g)
{
	SEA_ASSERT(g > 0 && g < SEA_ZONE_GRANULES);
	sea_store_relaxed(&zone->seam[g / 64], zone->seam[g / 64] & ~(1ull << g % 64));
}

/* --- chunks ---------------------------------------------------------------------- */

/* Every k-th bit of a word, from bit 0 on. */
static uint64_t every(unsigned k)
{
	uint64_t bits = 1;
	for (; k < 64; k *= 2)
		bits |= bits << k;
	return bits;
}

/* Splits [g, end) into chunks of k granules, fewer than a word has.  One word at a time. */
static void put_short_chunks(struct sea_zone *zone, size_t g, size_t end, unsigned k)
{
	SEA_ASSERT(k > 0 && k < 64);
	uint64_t seams = every(k);
	unsigned first = g % 64 % k, shift = 64 % k;
	for (size_t w = g / 64; w * 64 < end; w++) {
		sea_store_relaxed(&zone->seam[w], zone->seam[w] | (seams << first & sea_mask_in_word(w, g, end)));
		first = first >= shift ? first - shift : first + k - shift;
	}
}

/* Notes the class of the used chunk of k granules at g (0: none), if it has the last granule of
 * its first word.  The length of other chunks shows in the seams of that word. */
static void name_class(struct sea_zone *zone, size_t g, size_t k, unsigned class)
{
	SEA_ASSERT(g + k <= SEA_ZONE_GRANULES);
	if (g % 64 + k >= 64)
		set_start(zone, g / 64, class);
}

/* Splits [g, end) into chunks of k granules. */
static void put_chunks(struct sea_zone *zone, size_t g, size_t end, unsigned k)
{
	SEA_ASSERT(end - g >= k);
	if (k <= SEA_SMALL_GRANULES) {
		if (end - g == k)
			put_seam(zone, g);
		else
			put_short_chunks(zone, g, end, k);
		return;
	}
	for (unsigned class = sea_class_of(k); g < end; g += k) {
		put_seam(zone, g);
		name_class(zone, g, k, class);
	}
}

/* Takes `count` chunks of k granules at g out of the hole [from, to).  The rest in front and
 * behind stays free. */
static void split_hole(struct sea_zone *zone, size_t from, size_t to, size_t g, unsigned k, unsigned count)
{
	size_t end = g + (size_t)k * count;
	SEA_ASSERT(is_free(zone, from) && to <= SEA_ZONE_GRANULES);
	SEA_ASSERT(from <= g && end <= to);
	if (to - from > SEA_IDLE_GRANULES)
		sea_zone_leave_idle(zone, g, end);
	unlist_hole(zone, from);
	sea_bits_set(zone->used, g, end);
	zone->nr_used += (uint32_t)(end - g);
	put_chunks(zone, g, end, k);
	if (end < to) {
		put_seam(zone, end);
		list_hole(zone, end, to);
	}
	if (from < g)
		list_hole(zone, from, g);
}

/* A zone is worth merging when this part of what is used is pending, but at least
 * SEA_MERGE_LEAST. */
#define MERGE_SHARE 8u
/* In so many zones of a shard 16 KiB suffice, so that little is pending in a small program.  Peak
 * without files of `python3 -c pass` 3896 -> 3820 KiB, of perl with 60,000 strings 2292 -> 2224;
 * their instructions are the same. */
#define MERGE_EARLY_ZONES 4

static uint32_t worth_of(const struct sea_zone *zone)
{
	return zone->index < MERGE_EARLY_ZONES ? SEA_MERGE_LEAST : sea_max(SEA_MERGE_LEAST, zone->nr_used / MERGE_SHARE);
}

void sea_zone_init(struct sea_zone *zone, char *base, uint64_t *seam, uint8_t *start, struct sea_shard *shard,
		   struct sea_holes *holes)
{
	SEA_ASSERT((uintptr_t)base % SEA_ZONE_SIZE == 0 && zone->nr_used == 0);
	zone->base = base;
	zone->seam = seam;
	zone->start = start;
	zone->shard = shard;
	zone->holes = holes;
	zone->touched = sea_pages_touched(base);
	sea_store_relaxed(&zone->worth, SEA_MERGE_LEAST);
	sea_store_relaxed(&zone->seam[0], 1);
	for (unsigned i = 0; i < SEA_ZONE_WORDS / 64; i++)
		zone->unlisted[i] = 0;
	zone->used[SEA_ZONE_WORDS] = ~0ull;
	for (unsigned h = 0; h < SEA_ZONE_HINTS; h++)
		zone->hint[h] = SEA_HINT_UNKNOWN;
	list_hole(zone, 0, SEA_ZONE_GRANULES);
	sea_zone_start_idle(zone);
}

void sea_zone_retire(struct sea_zone *zone)
{
	SEA_CHECK(zone->nr_used == 0);
	unlist_word(zone, 0);
	sea_zone_end_idle(zone);
	sea_store_relaxed(&zone->seam[0], 0);
	zone->seam = NULL;
	zone->start = NULL;
	zone->shard = NULL;
	zone->is_purged = 0;
}

void sea_zone_clear(struct sea_zone *zone)
{
	memset(zone->used, 0, SEA_ZONE_WORDS * sizeof(*zone->used));
	memset(zone->pending, 0, sizeof(zone->pending));
	memset(zone->lines, 0, sizeof(zone->lines));
	memset(zone->seam, 0, SEA_ZONE_WORDS * sizeof(*zone->seam));
	memset(zone->start, 0, SEA_ZONE_WORDS);
	zone->seam[0] = 1;
	zone->nr_used = 0;
	sea_store_relaxed(&zone->nr_pending, 0);
}

/* --- allocating ------------------------------------------------------------- */

/* hole_end() for a hole that reaches the end of its word. */
static SEA_NOINLINE size_t hole_end_behind(const struct sea_zone *zone, size_t g)
{
	uint64_t next = zone->used[g / 64 + 1];
	return next ? sea_round_down(g, 64) + 64 + sea_lowest_bit(next) : hole_end(zone, g);
}

/* hole_end(), faster if the hole ends near: by the seams. */
SEA_INLINE size_t hole_end_near(const struct sea_zone *zone, size_t g)
{
	uint64_t behind = zone->seam[g / 64] >> g % 64 >> 1;
	return behind ? g + 1 + sea_lowest_bit(behind) : hole_end_behind(zone, g);
}

/* How many chunks of k granules at multiples of `align` the hole [from, to) has room for, at most
 * `max`.  *at: the first one. */
static unsigned count_aligned(size_t from, size_t to, unsigned k, unsigned align, unsigned max, size_t *at)
{
	SEA_ASSERT(from < to && sea_is_power_of_two(align));
	*at = sea_round_up(from, align);
	if (*at + k > to)
		return 0;
	return k % align ? 1 : (unsigned)sea_min((to - *at) / k, max);
}

/* Takes from the holes with room that start in the stripe.  If the batch is not complete then, the
 * hint becomes the length of the longest hole that is left there. */
SEA_INLINE bool take_in_stripe(struct sea_zone *zone, unsigned stripe, unsigned k, unsigned align, struct sea_batch *batch)
{
	size_t word = (size_t)stripe * SEA_HINT_WORDS, longest = 0;
	SEA_ASSERT(word < SEA_ZONE_WORDS);
	for (size_t end = word + SEA_HINT_WORDS; word < end; word++) {
		for (uint64_t holes = zone->seam[word] & ~zone->used[word]; holes; holes &= holes - 1) {
			size_t from = word * 64 + sea_lowest_bit(holes), to = hole_end_near(zone, from), at;
			unsigned count = count_aligned(from, to, k, align, batch->want - batch->nr_chunks, &at);
			longest = sea_max(longest, to - from - (size_t)k * count);
			if (!count)
				continue;
			split_hole(zone, from, to, at, k, count);
			bool is_fresh = touch(zone, at, at + (size_t)k * count, k);
			if (sea_batch_add(batch, (struct sea_piece){sea_zone_address(zone, at), count}, is_fresh))
				return true;
		}
	}
	zone->hint[stripe] = (uint8_t)sea_min(longest, SEA_HINT_UNKNOWN);
	return false;
}

/* A 1 in each byte of a word; the upper bit of each. */
#define EVERY_BYTE 0x0101010101010101ull
#define UPPER_BITS (0x80 * EVERY_BYTE)

/* The first stripe from `stripe` on with a hint of `least` or more, or of 128 or more;
 * SEA_ZONE_HINTS if there is none.  Eight hints at once: a sum has its upper bit if the hint has
 * it or is not below `least`. */
SEA_INLINE unsigned next_stripe(const struct sea_zone *zone, unsigned stripe, unsigned least)
{
	uint64_t hints, add = (0x80 - sea_min(least, 0x80)) * EVERY_BYTE, behind = ~0ull << stripe % 8 * 8;
	for (unsigned first = stripe / 8 * 8; first < SEA_ZONE_HINTS; first += 8, behind = ~0ull) {
		memcpy(&hints, &zone->hint[first], sizeof(hints));
		uint64_t found = (((hints & ~UPPER_BITS) + add) | hints) & UPPER_BITS & behind;
		if (found)
			return first + sea_lowest_bit(found) / 8;
	}
	return SEA_ZONE_HINTS;
}

SEA_INLINE bool sweep(struct sea_zone *zone, unsigned k, unsigned align, struct sea_batch *batch, unsigned *stripe,
		      unsigned *work)
{
	SEA_ASSERT(k > 0 && batch->want > batch->nr_chunks && sea_is_power_of_two(align));
	for (; *stripe < SEA_ZONE_HINTS && *work > 0; ++*stripe) {
		if (zone->hint[*stripe] < sea_min(k, SEA_HINT_UNKNOWN)) {
			*stripe = next_stripe(zone, *stripe + 1, k) - 1;
			continue;
		}
		sea_use_up(work, SEA_HINT_WORDS);
		if (take_in_stripe(zone, *stripe, k, align, batch))
			return true;
	}
	return false;
}

bool sea_zone_sweep(struct sea_zone *zone, unsigned k, struct sea_batch *batch, unsigned *stripe, unsigned *work)
{
	SEA_ASSERT(*stripe <= SEA_ZONE_HINTS);
	return sweep(zone, k, 1, batch, stripe, work);
}

struct sea_piece sea_zone_sweep_aligned(struct sea_zone *zone, unsigned k, unsigned align, unsigned max,
					unsigned *stripe, unsigned *work)
{
	struct sea_batch batch;
	sea_batch_begin(&batch, max);
	batch.nr_pieces = SEA_BATCH_PIECES - 1; /* room for one */
	if (!sweep(zone, k, align, &batch, stripe, work))
		return (struct sea_piece){NULL, 0};
	return batch.piece[SEA_BATCH_PIECES - 1];
}

char *sea_zone_hole_of(const struct sea_zone *zone, const void *address)
{
	return sea_zone_address(zone, sea_bits_find_back(zone->used, sea_granule_of(address), true));
}

void sea_zone_hold(struct sea_zone *zone, struct sea_hole *hole, char *at, unsigned k, unsigned count)
{
	SEA_ASSERT(k > 0 && count > 0);
	SEA_ASSERT(sea_zone_of(hole) == zone);
	size_t from = sea_granule_of(hole);
	SEA_CHECK(is_free(zone, from));
	size_t to = hole_end(zone, from);
	size_t g = sea_granule_of(at);
	SEA_CHECK(from <= g && g + (size_t)k * count <= to);
	split_hole(zone, from, to, g, k, count);
}

bool sea_zone_carve(struct sea_zone *zone, struct sea_hole *hole, char *at, unsigned k, unsigned count)
{
	sea_zone_hold(zone, hole, at, k, count);
	return touch(zone, sea_granule_of(at), sea_granule_of(at) + (size_t)k * count, k);
}

void sea_zone_mark(struct sea_zone *zone, unsigned g)
{
	SEA_ASSERT(!is_free(zone, g) && sea_bit_test(zone->seam, g));
	struct sea_hole *chunk = hole_at(zone, g);
	if (g && is_free(zone, g - 1))
		return;
	touch(zone, g, g + 1, 1);
	chunk->mark[1] = sea_mark_of(chunk, sea_seams);
}

/* --- freeing ---------------------------------------------------------------- */

/* Claim: a hole starts in `word` and reaches the word's end.  *from: its start. */
static bool starts_hole(const struct sea_zone *zone, size_t word, size_t *from)
{
	uint64_t used = zone->used[word];
	if (used >> 63)
		return false;
	*from = word * 64 + (used ? sea_highest_bit(used) + 1 : 0);
	return *from % 64 || !word || !is_free(zone, *from - 1);
}

static unsigned list_word(struct sea_zone *zone, size_t word)
{
	size_t from;
	if (zone->start[word] || !starts_hole(zone, word, &from))
		return 0;
	list_hole(zone, from, sea_bits_find(zone->used, from, SEA_ZONE_GRANULES, true));
	return SEA_MISS_WORK;
}

unsigned sea_zone_list(struct sea_zone *zone)
{
	unsigned work = 0, nr_words = 0;
	for (size_t i = 0; i < SEA_ZONE_WORDS / 64; i++) {
		nr_words += sea_count_bits(zone->unlisted[i]);
		for (uint64_t words = zone->unlisted[i]; words; words &= words - 1)
			work += list_word(zone, i * 64 + sea_lowest_bit(words));
		zone->unlisted[i] = 0;
	}
	return work + 1 + nr_words / SEA_LINE_WORDS;
}

/* If a hole reaches into `word` from the left, removes it from its list and returns its first
 * word.  Else returns `word`. */
static size_t unlist_left(struct sea_zone *zone, size_t word)
{
	SEA_ASSERT(word < SEA_ZONE_WORDS);
	if (!word || !is_free(zone, word * 64 - 1))
		return word;
	size_t from = sea_bits_find_back(zone->used, word * 64 - 1, true);
	unlist_hole(zone, from);
	return from / 64;
}

/* The holes that start in this word may be longer than before. */
static void note_holes(struct sea_zone *zone, size_t word, bool may_be_large)
{
	zone->hint[word / SEA_HINT_WORDS] = SEA_HINT_UNKNOWN;
	if (may_be_large)
		sea_bit_set(zone->unlisted, word);
}

static SEA_COLD _Noreturn void freed_twice(const struct sea_zone *zone, size_t word, uint64_t chunks)
{
	sea_fatal_block("free", sea_zone_address(zone, word * 64 + sea_lowest_bit(chunks)),
			"this block was freed already (found while merging)", 0, 0);
}

/* Frees what is pending in `word`, and the granules up to the first seam if the chunk that is
 * freed in the word before goes on here (carry).  before: 1 if the granule before the word is free
 * now.  Returns the granules freed, as bits. */
SEA_INLINE uint64_t merge_word(struct sea_zone *zone, size_t word, uint64_t pending, uint64_t carry, uint64_t before)
{
	SEA_ASSERT(before <= 1 && carry <= before);
	if (unlikely(has_listed(zone, word)))
		unlist_word(zone, word);
	if (pending)
		pending = sea_exchange_acq_rel_mt(&zone->pending[word], 0);
	uint64_t seams = zone->seam[word], used = zone->used[word];
	if (unlikely(pending & ~(seams & used)))
		freed_twice(zone, word, pending & ~(seams & used));
	uint64_t freed = sea_word_fill(seams, pending, carry);
	SEA_ASSERT((freed & ~used) == 0); /* Z6 */
	used &= ~freed;
	sea_store_relaxed(&zone->seam[word], sea_word_join(seams, ~used, before));
	zone->used[word] = used;
	if (freed >> 63)
		set_start(zone, word, 0);
	note_holes(zone, word, !(used >> 63) && (used || !before));
	return freed;
}

/* Merges words from `word` on, up to the first that has nothing pending and no freed chunk going
 * on.  After `most` words, goes on only to the end of the chunk.  Returns the next word. */
static size_t merge_words(struct sea_zone *zone, size_t word, unsigned most)
{
	SEA_ASSERT(word < SEA_ZONE_WORDS);
	SEA_ASSERT(sea_load_relaxed(&zone->pending[word]));
	size_t first = unlist_left(zone, word), end = word;
	uint64_t last_was = 0, carry = 0, before = word && is_free(zone, word * 64 - 1);
	uint32_t nr_freed = 0;
	if (before)
		note_holes(zone, first, true);
	const uint64_t *seam = zone->seam; /* read once: a store might change it */
	for (size_t stop = word + most; end < SEA_ZONE_WORDS; end++) {
		uint64_t pending = sea_load_ordered(&zone->pending[end]);
		if (!carry && (!pending || end >= stop))
			break;
		last_was = zone->used[end];
		/* the freed chunk fills this word and goes on behind it */
		if (!(seam[end] | pending)) {
			SEA_ASSERT(last_was == ~0ull && !zone->start[end]);
			zone->used[end] = 0;
			nr_freed += 64;
			continue;
		}
		uint64_t freed = merge_word(zone, end, pending, carry, before);
		carry = freed >> 63;
		before = ~(last_was & ~freed) >> 63;
		nr_freed += sea_count_bits(freed);
	}
	SEA_ASSERT(zone->nr_used >= nr_freed); /* Z6 */
	zone->nr_used -= nr_freed;
	sea_zone_join_idle(zone, word, end, last_was);
	return end;
}

/* Merges what is pending in a line of words, and in the words behind it that follow without a
 * gap.  Returns the next word. */
static size_t merge_line(struct sea_zone *zone, size_t line, unsigned *left)
{
	size_t word = line * SEA_LINE_WORDS, end = word + SEA_LINE_WORDS;
	while (word < end) {
		if (!sea_load_ordered(&zone->pending[word])) {
			word++;
			continue;
		}
		size_t next = merge_words(zone, word, sea_max(*left, (unsigned)(end - word)));
		sea_use_up(left, next - word);
		word = next;
	}
	return word;
}

/* The lines of a word of `lines` that have something pending.  Others were merged together with
 * lines before them. */
static uint64_t lines_pending(const struct sea_zone *zone, size_t i, uint64_t lines)
{
	uint64_t pending = 0;
	for (; lines; lines &= lines - 1)
		pending |= (uint64_t)sea_zone_line_is_pending(zone, i * 64 + sea_lowest_bit(lines)) << sea_lowest_bit(lines);
	return pending;
}

/* Merges 64 lines while work is left.  True: some are left.  A thread that sends to a line after
 * the exchange sets the line's bit again.  A chunk that was sent before the exchange is in
 * `pending`. */
static bool merge_lines(struct sea_zone *zone, size_t i, unsigned *left)
{
	if (!sea_load_ordered(&zone->lines[i]))
		return false;
	uint64_t lines = sea_exchange_ordered(&zone->lines[i], 0);
	while (lines && *left > 0) {
		size_t nr = merge_line(zone, i * 64 + sea_lowest_bit(lines), left) / SEA_LINE_WORDS - i * 64;
		lines = nr < 64 ? lines & ~0ull << nr : 0;
	}
	lines = lines_pending(zone, i, lines);
	if (lines)
		sea_or_ordered_mt(&zone->lines[i], lines);
	return lines;
}

unsigned sea_zone_merge(struct sea_zone *zone, unsigned most)
{
	unsigned left = most;
	bool goes_on = false;
	SEA_ASSERT(zone->holes && most > 0);
	/* An exchange: chunks that are sent from now on count from 0. */
	uint32_t nr_pending = sea_exchange_acq_rel_mt(&zone->nr_pending, 0), nr_used = zone->nr_used;
	for (size_t i = 0; i < SEA_ZONE_LINES / 64; i++)
		goes_on |= merge_lines(zone, i, &left);
	SEA_ASSERT(zone->nr_used <= nr_used && left <= most);
	if (goes_on) {
		uint32_t nr_freed = nr_used - zone->nr_used;
		sea_add_relaxed_mt(&zone->nr_pending, nr_pending > nr_freed ? nr_pending - nr_freed : 1);
	}
	sea_store_relaxed(&zone->worth, worth_of(zone));
	SEA_AUDIT(SEA_CHECK(sea_zone_is_sound(zone)));
	return 1 + most - left;
}

/* --- a chunk that grows ------------------------------------------- */

bool sea_zone_extend(struct sea_zone *zone, unsigned g, unsigned from, unsigned to)
{
	SEA_ASSERT(from < to);
	SEA_ASSERT(sea_zone_chunk_size(zone, g) == from);
	SEA_ASSERT(!is_free(zone, g));
	size_t end = (size_t)g + from;
	if (end >= SEA_ZONE_GRANULES || !is_free(zone, end))
		return false;
	size_t behind = hole_end(zone, end);
	if (behind < (size_t)g + to)
		return false;
	split_hole(zone, end, behind, end, to - from, 1);
	touch(zone, end, (size_t)g + to, to);
	erase_seam(zone, end);
	name_class(zone, end, to - from, 0);
	if (to > SEA_SMALL_GRANULES)
		name_class(zone, g, to, sea_class_of(to));
	return true;
}

/* --- looking ------------------------------------------------------------------ */

/* Granules from the seam at g to the next seam; 0 if there is no seam at g. */
static unsigned seam_distance(const struct sea_zone *zone, unsigned g)
{
	if (!(sea_load_relaxed(&zone->seam[g / 64]) >> g % 64 & 1))
		return 0;
	uint64_t rest = sea_load_relaxed(&zone->seam[g / 64]) & sea_mask(g % 64, 64) & ~(1ull << g % 64);
	size_t word = g / 64;
	while (!rest && ++word < SEA_ZONE_WORDS)
		rest = sea_load_relaxed(&zone->seam[word]);
	if (!rest)
		return SEA_ZONE_GRANULES - g;
	return (unsigned)(word * 64 + sea_lowest_bit(rest) - g);
}

unsigned sea_zone_chunk_size(const struct sea_zone *zone, unsigned g)
{
	SEA_ASSERT(g < SEA_ZONE_GRANULES);
	unsigned class = sea_zone_long_class(zone, g);
	return class ? sea_class_granules(class) : seam_distance(zone, g);
}

unsigned sea_zone_chunk_start(const struct sea_zone *zone, unsigned g)
{
	return (unsigned)sea_bits_find_back(zone->seam, (size_t)g + 1, true) - 1;
}

bool sea_zone_is_listed(const struct sea_zone *zone)
{
	return sea_bits_find(zone->unlisted, 0, SEA_ZONE_WORDS, true) == SEA_ZONE_WORDS;
}

/* Z8 for the used chunk [from, to). */
static bool knows_length(const struct sea_zone *zone, size_t from, size_t to)
{
	unsigned class = sea_zone_class_in(&zone->start[from / 64]);
	bool has_last_granule = to / 64 > from / 64;
	return !class || !has_last_granule || sea_class_granules(class) == to - from;
}

/* Z2, Z3, Z4, Z5, Z7 and Z8 for the chunk [from, to). */
static bool chunk_is_sound(const struct sea_zone *zone, size_t from, size_t to)
{
	bool used = !is_free(zone, from);
	if (sea_bits_find(zone->used, from, to, !used) != to)
		return false;
	if (used)
		return !is_listed(zone, from) && knows_length(zone, from, to);
	uint8_t hint = zone->hint[from / 64 / SEA_HINT_WORDS];
	bool merged = from == 0 || !is_free(zone, from - 1);
	bool listed = is_listed(zone, from)
			      ? to - from >= SEA_HOLE_MIN && hole_at(zone, from)->nr_granules == to - from
			      : to - from < SEA_HOLE_MIN || sea_bit_test(zone->unlisted, from / 64);
	bool marked = hole_at(zone, from)->mark[1] == sea_mark_of(hole_at(zone, from), sea_seams);
	return merged && listed && marked && (hint == SEA_HINT_UNKNOWN || to - from <= hint);
}

bool sea_zone_is_sound(const struct sea_zone *zone)
{
	size_t nr_listed = 0, nr_marks = 0;
	if (!(zone->seam[0] & 1) || !(zone->used[SEA_ZONE_WORDS] & 1))
		return false;
	for (size_t from = 0, to; from < SEA_ZONE_GRANULES; from = to) {
		to = from + seam_distance(zone, (unsigned)from);
		if (!chunk_is_sound(zone, from, to))
			return false;
		nr_listed += is_listed(zone, from);
	}
	for (size_t word = 0; word < SEA_ZONE_WORDS; word++)
		nr_marks += has_listed(zone, word);
	if (!sea_zone_idle_is_sound(zone))
		return false;
	return nr_listed == nr_marks && zone->nr_used == sea_bits_count(zone->used, 0, SEA_ZONE_GRANULES);
}
