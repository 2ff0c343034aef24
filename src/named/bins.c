/* SPDX-License-Identifier: MIT */
/* bins.c - how they are filled and emptied */
#include "named/bins.h"

#include <string.h>

#include "base/check.h"
#include "heap/mistake.h"

/* A refill brings a quarter of what its class has drawn so far, as in a thread's cache, and at
 * most so many bytes and chunks. */
#define REFILL_SHARE 4
#define REFILL_BYTES (64 * SEA_KIB)
#define REFILL_CHUNKS 512

/* Bytes of one class that a list may hold. */
#define LIST_BYTES (32 * SEA_KIB)

/* By class: chunks that a list may hold.  Class 1 is written last, and says that all are known;
 * two threads may write the same values at once. */
static int32_t limits[SEA_NR_CLASSES];

static SEA_NOINLINE void learn_limits(void)
{
	for (unsigned c = SEA_NR_CLASSES; c-- > 1;) {
		size_t size = sea_class_size(c);
		sea_store_release(&limits[c], size ? (int32_t)(LIST_BYTES / size) : 0);
	}
}

static int32_t limit_of(unsigned c) { return sea_load_relaxed(&limits[c]); }

uint32_t sea_named_bin_length(const struct sea_named *named, unsigned c) { return (uint32_t)(limit_of(c) - named->room[c]); }

/* NA3. */
static void draw(struct sea_named *named, size_t nr, unsigned n)
{
	named->drawn += nr * n * SEA_GRANULE;
	SEA_ASSERT(named->drawn <= named->quota); /* NA3 */
	named->nr_drawn += nr;
}

bool sea_named_has_quota(struct sea_named *named, size_t bytes)
{
	SEA_ASSERT(named->drawn <= named->quota); /* NA3 */
	if (bytes <= named->quota - named->drawn)
		return true;
	if (named->plot || bytes > named->quota - named->drawn + sea_named_bins_size(named, NULL))
		return false;
	sea_named_bins_empty(named);
	return true;
}

/* A refill that the quota allows: one chunk at least. */
static unsigned wanted(const struct sea_named *named, unsigned c)
{
	SEA_ASSERT(sea_class_granules(c) && named->quota - named->drawn >= sea_class_size(c));
	size_t most = sea_min(REFILL_BYTES / sea_class_size(c), REFILL_CHUNKS);
	most = sea_min(most, (named->quota - named->drawn) / sea_class_size(c));
	return (unsigned)sea_max(sea_min(named->nr_refilled[c] / REFILL_SHARE, most), 1);
}

static void put(struct sea_named *named, unsigned c, char *start)
{
	struct sea_link *chunk = (struct sea_link *)start;
	chunk->next = named->head[c];
	chunk->mark = sea_link_mark(chunk);
	named->head[c] = chunk;
	named->room[c]--;
}

/* The last piece, which is the longest, becomes the fresh run; others go to the list. */
static void adopt(struct sea_named *named, unsigned c, const struct sea_batch *batch)
{
	SEA_ASSERT(batch->nr_pieces <= SEA_BATCH_PIECES);
	size_t size = sea_class_size(c);
	for (unsigned p = 0; p + 1 < batch->nr_pieces; p++)
		for (unsigned i = batch->piece[p].count; i > 0; i--)
			put(named, c, batch->piece[p].start + (i - 1) * size);
	struct sea_piece last = batch->piece[batch->nr_pieces - 1];
	named->cur[c] = last.start;
	named->end[c] = last.start + last.count * size;
}

bool sea_named_bin_refill(struct sea_named *named, unsigned c)
{
	struct sea_batch batch;
	SEA_ASSERT(!named->head[c] && named->cur[c] == named->end[c]);
	if (!sea_named_has_quota(named, sea_class_size(c)) ||
	    !sea_shard_take(&named->shard, sea_class_granules(c), wanted(named, c), &batch))
		return false;
	SEA_ASSERT(batch.nr_pieces > 0);
	named->nr_refilled[c] += batch.nr_chunks;
	draw(named, batch.nr_chunks, sea_class_granules(c));
	adopt(named, c, &batch);
	return true;
}

void sea_named_bin_send(struct sea_named *named, struct sea_zone *zone, void *chunk, unsigned n)
{
	unsigned g = sea_granule_of(chunk);
	((struct sea_link *)chunk)->mark = sea_link_mark(chunk);
	SEA_ASSERT(named->nr_drawn > 0 && named->drawn >= n * SEA_GRANULE);
	named->drawn -= n * SEA_GRANULE;
	named->nr_drawn--;
	sea_shard_send(zone, g / 64, 1ull << g % 64, n);
	sea_shard_merge_some(&named->shard);
}

bool sea_named_bin_has(const struct sea_named *named, unsigned c, const void *chunk)
{
	const char *at = chunk;
	if (!c)
		return false;
	if (at >= named->cur[c] && at < named->end[c])
		return true;
	if (likely(((const struct sea_link *)chunk)->mark != sea_link_mark(chunk)))
		return false;
	const struct sea_link *each = named->head[c];
	for (uint32_t nr = sea_named_bin_length(named, c); nr > 0 && each != chunk; nr--)
		each = each->next;
	return each == chunk;
}

/* The next chunk of the list.  Ends the process if the program has written over the link. */
static struct sea_link *next_of(const struct sea_link *chunk)
{
	const struct sea_link *next = chunk->next;
	if (unlikely(next && ((uintptr_t)next % SEA_GRANULE || !sea_zone_of(next) || next->mark != sea_link_mark(next))))
		sea_mistake_link(chunk, next);
	return chunk->next;
}

static void empty_class(struct sea_named *named, unsigned c)
{
	unsigned n = sea_class_granules(c);
	for (struct sea_link *chunk = named->head[c], *next; chunk; chunk = next) {
		next = next_of(chunk);
		sea_named_bin_send(named, sea_zone_of(chunk), chunk, n);
	}
	for (; named->cur[c] < named->end[c]; named->cur[c] += n * SEA_GRANULE)
		sea_named_bin_send(named, sea_zone_of(named->cur[c]), named->cur[c], n);
	SEA_ASSERT(named->cur[c] == named->end[c]);
	named->head[c] = NULL;
	named->room[c] = limit_of(c);
	named->nr_refilled[c] = 0;
}

void sea_named_bins_empty(struct sea_named *named)
{
	for (unsigned c = 1; c < SEA_NR_CLASSES; c++)
		if (named->head[c] || named->cur[c] < named->end[c])
			empty_class(named, c);
	sea_shard_merge(&named->shard);
}

void sea_named_bins_forget(struct sea_named *named)
{
	memset(named->head, 0, sizeof(named->head));
	memset(named->cur, 0, sizeof(named->cur));
	memset(named->end, 0, sizeof(named->end));
	memset(named->nr_refilled, 0, sizeof(named->nr_refilled));
	if (unlikely(!sea_load_acquire(&limits[1])))
		learn_limits();
	memcpy(named->room, limits, sizeof(named->room));
}

size_t sea_named_bins_size(const struct sea_named *named, size_t *nr_chunks)
{
	size_t bytes = 0, nr_all = 0;
	for (unsigned c = 1; c < SEA_NR_CLASSES; c++) {
		size_t size = sea_class_size(c), fresh = (size_t)(named->end[c] - named->cur[c]);
		size_t nr = size ? sea_named_bin_length(named, c) + fresh / size : 0;
		bytes += nr * size;
		nr_all += nr;
	}
	if (nr_chunks)
		*nr_chunks = nr_all;
	return bytes;
}

/* Claim: a chunk of n granules that is used to a zone of this heap starts here. */
static bool is_used_here(const struct sea_named *named, const char *chunk, unsigned n)
{
	const struct sea_zone *zone = sea_zone_of(chunk);
	unsigned g = sea_granule_of(chunk);
	return zone && zone->shard == &named->shard && sea_bit_test(zone->used, g) && sea_zone_chunk_size(zone, g) == n;
}

static bool class_is_sound(const struct sea_named *named, unsigned c)
{
	unsigned n = sea_class_granules(c);
	uint32_t nr = 0;
	bool sound = named->cur[c] <= named->end[c];
	for (const struct sea_link *chunk = named->head[c]; chunk && sound; chunk = chunk->next, nr++)
		sound = is_used_here(named, (const char *)chunk, n) && chunk->mark == sea_link_mark(chunk);
	for (const char *chunk = named->cur[c]; chunk < named->end[c] && sound; chunk += n * SEA_GRANULE)
		sound = is_used_here(named, chunk, n);
	return sound && nr == sea_named_bin_length(named, c);
}

bool sea_named_bins_are_sound(const struct sea_named *named)
{
	for (unsigned c = 1; c < SEA_NR_CLASSES; c++)
		if (!class_is_sound(named, c))
			return false;
	return true;
}
