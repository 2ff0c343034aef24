/* SPDX-License-Identifier: MIT */
/* shard.c - which zone, when to merge, when to make another zone
 *
 * A shard looks for memory in this order, cheapest first: zones in the queue WORTH; the sweep
 * (small chunks) or the lists (others); whatever is pending in the shard; a new zone.  Each is a
 * step: it ends when its work is used up, and the next call continues.
 *
 * S1  zones[z->index] == z for each zone of the shard, and the page map leads from its addresses
 *     to it.
 * S2  zone_hint[i] is not below any hint of zone i.
 * S3  If a zone has a large hole that is in no list, its number is in `unlisted`.
 * S4  A zone with pending chunks is in queue ANY, or the thread that sent them is about to push
 *     it.  A struct that is popped may be spare by now, or a new zone; it may have nothing
 *     pending.
 * S5  If a zone may have a long row of idle pages, its number is in `rows`.
 */
#include "heap/shard.h"

#include <string.h>

#include "base/atomic.h"
#include "base/check.h"
#include "base/step.h"
#include "heap/shard_zones.h"
#include "map/map.h"

/* When this part of all zones has been freed, sweeps start again at the first zone.  So they use
 * the holes that they passed before memory that was never used. */
#define EPOCH_SHARE 4

/* Work of one step in words (zone.h): it merges one zone, 10 to 30 us, or searches two. */
#define MERGE_WORK (SEA_ZONE_WORDS + SEA_MISS_WORK)
#define SEARCH_WORK (2 * SEA_ZONE_WORDS)
/* Giving an empty zone to the page allocator, which may purge. */
#define EMPTIED_WORK (MERGE_WORK / 2)

/* --- merging ------------------------------------------------------------------ */

static void note_freed(struct sea_shard *shard, uint32_t granules)
{
	shard->nr_freed += granules;
	if (shard->nr_freed < (size_t)shard->nr_zones * (SEA_ZONE_GRANULES / EPOCH_SHARE))
		return;
	shard->nr_freed = 0;
	shard->epoch++;
}

/* If something is still pending, other threads will merge it. */
static void queue_again(struct sea_shard *shard, struct sea_zone *zone)
{
	if (likely(!sea_load_relaxed(&zone->nr_pending)))
		return;
	sea_queue_push(&shard->queue[SEA_QUEUE_ANY], SEA_QUEUE_ANY, zone);
	sea_queue_push(&shard->queue[SEA_QUEUE_WORTH], SEA_QUEUE_WORTH, zone);
}

unsigned sea_shard_merge_zone(struct sea_shard *shard, struct sea_zone *zone, unsigned most)
{
	SEA_ASSERT(sea_lock_is_held(&shard->lock));
	SEA_ASSERT(zone->shard == shard);
	uint32_t nr_used = zone->nr_used;
	unsigned work = sea_zone_merge(zone, most);
	SEA_ASSERT(zone->nr_used <= nr_used);
	queue_again(shard, zone);
	note_freed(shard, nr_used - zone->nr_used);
	if (!zone->nr_used) {
		sea_shard_remove_zone(shard, zone);
		return work + EMPTIED_WORK;
	}
	shard->zone_hint[zone->index] = SEA_HINT_UNKNOWN;
	sea_bittree_add(&shard->unlisted, zone->index);
	sea_bittree_set(&shard->rows, zone->index, sea_zone_may_have_row(zone));
	return work;
}

/* The next zone of a queue; NULL if it is empty. */
static struct sea_zone *pop(struct sea_shard *shard, enum sea_which_queue q, unsigned *work)
{
	SEA_ASSERT(sea_lock_is_held(&shard->lock));
	*work = *work > SEA_MISS_WORK ? *work - SEA_MISS_WORK : 1; /* at least one line */
	return sea_queue_pop(&shard->queue[q], q);
}

/* Claim: a zone that was popped may have something to merge.  Its count does not tell: a
 * thread that sent to it before, and so did not queue it again, may have stored a count
 * that is not visible yet. */
static bool has_pending(const struct sea_shard *shard, const struct sea_zone *zone)
{
	return zone->shard == shard && sea_zone_may_be_pending(zone);
}

/* Merges zones of a queue until the work is used up.  True: it merged one. */
static bool merge_queued(struct sea_shard *shard, enum sea_which_queue q, unsigned *work)
{
	bool any = false;
	for (struct sea_zone *zone; *work > 0 && (zone = pop(shard, q, work));) {
		if (!has_pending(shard, zone))
			continue;
		sea_use_up(work, sea_shard_merge_zone(shard, zone, *work));
		any = true;
	}
	return any;
}

static bool is_empty(const struct sea_shard *shard, enum sea_which_queue q)
{
	return sea_queue_is_empty(&shard->queue[q]);
}

/* Chunks that are sent meanwhile could make this endless.  So it ends after the steps that full
 * zones would need: two for each zone, in both queues. */
void sea_shard_merge(struct sea_shard *shard)
{
	unsigned steps = 2;
	sea_lock_take(&shard->lock);
	steps += 4 * shard->nr_zones;
	do {
		unsigned work = MERGE_WORK;
		merge_queued(shard, SEA_QUEUE_WORTH, &work);
		merge_queued(shard, SEA_QUEUE_ANY, &work);
		sea_shard_drop_lock(shard);
		sea_lock_take(&shard->lock);
	} while (--steps > 0 && !is_empty(shard, SEA_QUEUE_ANY));
	sea_shard_drop_lock(shard);
}

/* A zone that becomes empty is freed as a whole. */
static bool is_worth_merging_at_exit(const struct sea_zone *zone)
{
	uint32_t nr_pending = sea_load_relaxed(&zone->nr_pending);
	return nr_pending >= sea_min(SEA_MERGE_LEAST, zone->nr_used / 2);
}

bool sea_shard_merge_worth(struct sea_shard *shard)
{
	unsigned work = MERGE_WORK;
	struct sea_zone *zone;
	sea_lock_take(&shard->lock);
	merge_queued(shard, SEA_QUEUE_WORTH, &work);
	for (unsigned i = 0; i < SEA_STEP_LOOKS && work > 0 && (zone = pop(shard, SEA_QUEUE_ANY, &work)); i++) {
		if (!has_pending(shard, zone))
			continue;
		if (is_worth_merging_at_exit(zone))
			sea_use_up(&work, sea_shard_merge_zone(shard, zone, work));
		else
			sea_queue_push(&shard->queue[SEA_QUEUE_ANY], SEA_QUEUE_ANY, zone);
		if (!shard->queue[SEA_QUEUE_ANY].taken)
			break; /* zones that were pushed meanwhile have been looked at */
	}
	bool goes_on = shard->queue[SEA_QUEUE_ANY].taken || !is_empty(shard, SEA_QUEUE_WORTH);
	sea_shard_drop_lock(shard);
	return goes_on;
}

bool sea_shard_merge_some(struct sea_shard *shard)
{
	unsigned work = MERGE_WORK;
	if (is_empty(shard, SEA_QUEUE_WORTH))
		return false;
	if (!sea_lock_try(&shard->lock))
		return true;
	merge_queued(shard, SEA_QUEUE_WORTH, &work);
	sea_shard_drop_lock(shard);
	return !is_empty(shard, SEA_QUEUE_WORTH);
}

/* As soon as the zone has the chunks, another thread may free it and reuse its struct.  What is
 * read from the struct then is a hint. */
void sea_shard_send(struct sea_zone *zone, size_t word, uint64_t mask, unsigned nr_granules)
{
	struct sea_shard *shard = zone->shard;
	SEA_ASSERT(shard); /* a spare struct has none */
	sea_zone_send(zone, word, mask, nr_granules);
	sea_queue_push(&shard->queue[SEA_QUEUE_ANY], SEA_QUEUE_ANY, zone);
	if (sea_load_relaxed(&zone->nr_pending) >= sea_load_relaxed(&zone->worth))
		sea_queue_push(&shard->queue[SEA_QUEUE_WORTH], SEA_QUEUE_WORTH, zone);
}

/* --- taking -------------------------------------------------------------------- */

static uint8_t largest_hint(const struct sea_zone *zone)
{
	uint8_t largest = 0;
	for (unsigned h = 0; h < SEA_ZONE_HINTS; h++)
		largest = zone->hint[h] > largest ? zone->hint[h] : largest;
	return largest;
}

/* The next sweep for k starts at the first stripe of this zone. */
static void move_cursor(struct sea_shard *shard, unsigned k, uint32_t zone)
{
	if (k <= SEA_SMALL_GRANULES)
		shard->cursor[k] = (struct sea_cursor){zone, 0, shard->epoch};
}

/* The number of the next zone that may have a hole of k granules; nr_zones if there is none. */
static uint32_t next_hint(const struct sea_shard *shard, uint32_t from, unsigned k, unsigned *work)
{
	uint32_t i = from;
	while (i < shard->nr_zones && shard->zone_hint[i] < k)
		i++;
	sea_use_up(work, (i - from) / SEA_CACHE_LINE);
	return i;
}

/* Takes small chunks from the next holes behind the last sweep for k, until the batch is complete,
 * there is no hole up to the last zone, or the work is used up. */
static void sweep(struct sea_shard *shard, unsigned k, struct sea_batch *batch, unsigned *work)
{
	SEA_ASSERT(sea_lock_is_held(&shard->lock));
	SEA_ASSERT(k <= SEA_SMALL_GRANULES);
	struct sea_cursor *cursor = &shard->cursor[k];
	if (cursor->epoch != shard->epoch)
		move_cursor(shard, k, 0);
	while (cursor->zone < shard->nr_zones && *work > 0) {
		uint32_t next = next_hint(shard, cursor->zone, k, work);
		if (next != cursor->zone) {
			cursor->zone = next;
			cursor->stripe = 0;
			continue;
		}
		struct sea_zone *zone = shard->zones[cursor->zone];
		if (sea_zone_sweep(zone, k, batch, &cursor->stripe, work) || cursor->stripe < SEA_ZONE_HINTS)
			return;
		shard->zone_hint[cursor->zone++] = largest_hint(zone);
		cursor->stripe = 0;
	}
}

/* Lists the holes of one merged zone; false if there is none. */
static bool list_next(struct sea_shard *shard, unsigned *work)
{
	if (!shard->nr_zones || sea_bittree_is_empty(&shard->unlisted))
		return false;
	size_t i = sea_bittree_lowest(&shard->unlisted);
	SEA_ASSERT(i < shard->nr_zones);
	sea_use_up(work, sea_zone_list(shard->zones[i]));
	sea_bittree_remove(&shard->unlisted, i);
	return true;
}

/* A listed hole of at least nr_granules.  Before each look-up lists the holes of one merged zone,
 * if work is left. */
static struct sea_hole *find_hole(struct sea_shard *shard, size_t nr_granules, unsigned *work)
{
	SEA_ASSERT(sea_lock_is_held(&shard->lock));
	struct sea_hole *hole;
	bool has_listed;
	do {
		has_listed = *work > 0 && list_next(shard, work);
		hole = sea_hole_find(&shard->holes, sea_max(nr_granules, SEA_HOLE_MIN));
	} while (!hole && has_listed);
	return hole;
}

/* Adds a piece from a listed hole.  True: the batch is complete, or no hole fits. */
static bool add_from_listed(struct sea_shard *shard, struct sea_hole *hole, unsigned k, struct sea_batch *batch)
{
	if (!hole)
		return true;
	unsigned count = (unsigned)sea_min(hole->nr_granules / k, batch->want - batch->nr_chunks);
	struct sea_zone *zone = sea_zone_of(hole);
	SEA_ASSERT(zone && zone->shard == shard && count > 0);
	shard->zone_hint[zone->index] = SEA_HINT_UNKNOWN;
	bool is_fresh = sea_zone_carve(zone, hole, (char *)hole, k, count);
	return sea_batch_add(batch, (struct sea_piece){(char *)hole, count}, is_fresh);
}

/* Fills the batch from free chunks.  True: it has at least one.  Small chunks come from a listed
 * hole only if the work ended before the sweep. */
static bool fill(struct sea_shard *shard, unsigned k, struct sea_batch *batch, unsigned *work)
{
	if (k <= SEA_SMALL_GRANULES) {
		sweep(shard, k, batch, work);
		if (unlikely(!batch->nr_chunks && !*work))
			add_from_listed(shard, sea_hole_find(&shard->holes, SEA_HOLE_MIN), k, batch);
	} else {
		while (!add_from_listed(shard, find_hole(shard, k, work), k, batch) && *work)
			;
	}
	return batch->nr_chunks > 0;
}

/* Fills the batch from the newest zone.  A sweep that was in progress stays where it was. */
static bool fill_from_new(struct sea_shard *shard, unsigned k, struct sea_batch *batch)
{
	unsigned work = SEARCH_WORK;
	struct sea_cursor before = shard->cursor[k <= SEA_SMALL_GRANULES ? k : 0];
	bool is_under_way = before.epoch == shard->epoch && before.zone + 1 < shard->nr_zones;
	SEA_ASSERT(shard->nr_zones > 0);
	move_cursor(shard, k, shard->nr_zones - 1);
	bool found = fill(shard, k, batch, &work);
	if (k <= SEA_SMALL_GRANULES && is_under_way)
		shard->cursor[k] = before;
	return found;
}

/* A sweep that is at its end starts again. */
static void sweep_again(struct sea_shard *shard, unsigned k)
{
	if (k <= SEA_SMALL_GRANULES && shard->cursor[k].zone >= shard->nr_zones)
		move_cursor(shard, k, 0);
}

bool sea_shard_take(struct sea_shard *shard, unsigned k, unsigned want, struct sea_batch *batch)
{
	SEA_ASSERT(k > 0 && k <= SEA_ZONE_CHUNK_MAX);
	SEA_ASSERT(want > 0);
	unsigned work = SEARCH_WORK, merge_work = MERGE_WORK;
	sea_batch_begin(batch, want);
	sea_lock_take(&shard->lock);
	merge_queued(shard, SEA_QUEUE_WORTH, &merge_work);
	bool found = fill(shard, k, batch, &work);
	if (!found && work) {
		merge_queued(shard, SEA_QUEUE_ANY, &merge_work);
		sweep_again(shard, k);
		found = fill(shard, k, batch, &work);
	}
	if (!found && sea_shard_make_zone(shard, k))
		found = fill_from_new(shard, k, batch);
	sea_shard_drop_lock(shard);
	return found;
}

/* --- taking what is aligned ------------------------------------------------------- */

/* Alignments from one granule to half a zone. */
#define NR_ALIGNMENTS (SEA_SLOT_SHIFT - SEA_GRANULE_SHIFT)

/* The cursor for this size and alignment; NULL: out of memory. */
static struct sea_cursor *aligned_cursor(struct sea_shard *shard, unsigned k, unsigned align)
{
	SEA_ASSERT(sea_lock_is_held(&shard->lock));
	if (!shard->aligned)
		shard->aligned = sea_meta_alloc(NR_ALIGNMENTS * sizeof(*shard->aligned));
	return shard->aligned ? &shard->aligned[sea_highest_bit(align)][sea_class_for(k)] : NULL;
}

/* Takes from the next hole with room, small or large.  Otherwise like sweep(). */
static struct sea_piece sweep_aligned(struct sea_shard *shard, struct sea_cursor *cursor, unsigned k, unsigned align,
				      unsigned max, unsigned *work)
{
	if (cursor->epoch != shard->epoch)
		*cursor = (struct sea_cursor){0, 0, shard->epoch};
	while (cursor->zone < shard->nr_zones && *work > 0) {
		uint32_t next = next_hint(shard, cursor->zone, (unsigned)sea_min(k, SEA_HINT_UNKNOWN), work);
		if (next != cursor->zone) {
			*cursor = (struct sea_cursor){next, 0, shard->epoch};
			continue;
		}
		struct sea_zone *zone = shard->zones[cursor->zone];
		struct sea_piece piece = sea_zone_sweep_aligned(zone, k, align, max, &cursor->stripe, work);
		shard->zone_hint[cursor->zone] = largest_hint(zone);
		if (piece.count || cursor->stripe < SEA_ZONE_HINTS)
			return piece;
		*cursor = (struct sea_cursor){cursor->zone + 1, 0, shard->epoch};
	}
	return (struct sea_piece){NULL, 0};
}

/* Takes from a listed hole that has room at any start. */
static struct sea_piece carve_aligned(struct sea_shard *shard, unsigned k, unsigned align, unsigned max, unsigned *work)
{
	struct sea_hole *hole = find_hole(shard, (size_t)k + align - 1, work);
	if (!hole)
		return (struct sea_piece){NULL, 0};
	struct sea_zone *zone = sea_zone_of(hole);
	char *at = (char *)sea_round_up((uintptr_t)hole, align * SEA_GRANULE);
	size_t room = hole->nr_granules - (size_t)(at - (char *)hole) / SEA_GRANULE;
	unsigned count = k % align ? 1 : (unsigned)sea_min(room / k, max);
	SEA_ASSERT(zone->shard == shard && room >= k);
	shard->zone_hint[zone->index] = SEA_HINT_UNKNOWN;
	sea_zone_carve(zone, hole, at, k, count);
	return (struct sea_piece){at, count};
}

static bool fill_aligned(struct sea_shard *shard, unsigned k, unsigned want, unsigned align, struct sea_batch *batch)
{
	unsigned work = SEARCH_WORK;
	struct sea_cursor *cursor = aligned_cursor(shard, k, align);
	while (batch->nr_chunks < want && batch->nr_pieces < SEA_BATCH_PIECES) {
		struct sea_piece piece = {NULL, 0};
		if (cursor)
			piece = sweep_aligned(shard, cursor, k, align, want - batch->nr_chunks, &work);
		if (!piece.count && !batch->nr_chunks)
			piece = carve_aligned(shard, k, align, want, &work);
		if (!piece.count)
			break;
		batch->piece[batch->nr_pieces++] = piece;
		batch->nr_chunks += piece.count;
	}
	return batch->nr_chunks > 0;
}

/* A sweep that is at its end starts again: chunks may have been freed behind it. */
static void restart_aligned(struct sea_shard *shard, unsigned k, unsigned align)
{
	struct sea_cursor *cursor = aligned_cursor(shard, k, align);
	if (cursor && cursor->zone >= shard->nr_zones)
		*cursor = (struct sea_cursor){0, 0, shard->epoch};
}

bool sea_shard_take_aligned(struct sea_shard *shard, unsigned k, unsigned want, size_t align, struct sea_batch *batch)
{
	SEA_ASSERT(sea_is_power_of_two(align) && align >= SEA_GRANULE && align < SEA_ZONE_SIZE);
	SEA_ASSERT(k > 0 && k <= SEA_ZONE_CHUNK_MAX && want > 0);
	unsigned granules = (unsigned)(align / SEA_GRANULE), merge_work = MERGE_WORK;
	sea_batch_begin(batch, want);
	sea_lock_take(&shard->lock);
	merge_queued(shard, SEA_QUEUE_WORTH, &merge_work);
	bool found = fill_aligned(shard, k, want, granules, batch);
	if (!found) {
		merge_queued(shard, SEA_QUEUE_ANY, &merge_work);
		restart_aligned(shard, k, granules);
		found = fill_aligned(shard, k, want, granules, batch);
	}
	if (!found && sea_shard_make_zone(shard, k))
		found = fill_aligned(shard, k, want, granules, batch);
	sea_shard_drop_lock(shard);
	return found;
}

bool sea_shard_extend(struct sea_zone *zone, unsigned g, unsigned from, unsigned to)
{
	struct sea_shard *shard = zone->shard;
	sea_lock_take(&shard->lock);
	bool grown = sea_zone_extend(zone, g, from, to);
	if (grown)
		shard->zone_hint[zone->index] = SEA_HINT_UNKNOWN;
	sea_shard_drop_lock(shard);
	return grown;
}

/* --- observers ------------------------------------------------------------------ */

void sea_shard_stats(struct sea_shard *shard, struct sea_shard_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	sea_lock_take(&shard->lock);
	stats->nr_zones = shard->nr_zones;
	for (uint32_t i = 0; i < shard->nr_zones; i++) {
		stats->used += (size_t)shard->zones[i]->nr_used * SEA_GRANULE;
		stats->pending += (size_t)sea_load_relaxed(&shard->zones[i]->nr_pending) * SEA_GRANULE;
	}
	sea_lock_drop(&shard->lock);
}

static bool anything_is_pending(const struct sea_zone *zone)
{
	return sea_bits_find(zone->pending, 0, SEA_ZONE_GRANULES, true) < SEA_ZONE_GRANULES;
}

/* Q1 and S4. */
static bool is_queued_soundly(const struct sea_shard *shard, const struct sea_zone *zone)
{
	bool sound = !anything_is_pending(zone) || zone->is_queued[SEA_QUEUE_ANY];
	for (unsigned q = 0; q < SEA_NR_QUEUES; q++)
		sound &= sea_queue_is_sound(&shard->queue[q], q, zone);
	return sound;
}

static bool zone_is_sound(const struct sea_shard *shard, const struct sea_zone *zone, uint32_t i)
{
	bool sound = zone->index == i && zone->shard == shard && sea_zone_of(zone->base) == zone;
	sound &= shard->zone_hint[i] >= largest_hint(zone);
	sound &= sea_bittree_has(&shard->rows, i) || !sea_zone_may_have_row(zone);
	sound &= sea_bittree_has(&shard->unlisted, i) || sea_zone_is_listed(zone);
	return sound && sea_zone_is_sound(zone) && is_queued_soundly(shard, zone);
}

bool sea_shard_is_sound(struct sea_shard *shard)
{
	sea_lock_take(&shard->lock);
	bool sound = sea_holes_are_sound(&shard->holes);
	sound &= sea_bittree_is_sound(&shard->rows, shard->capacity) && sea_bittree_is_sound(&shard->unlisted, shard->capacity);
	for (uint32_t i = 0; i < shard->nr_zones; i++)
		sound &= zone_is_sound(shard, shard->zones[i], i);
	for (uint32_t i = shard->nr_zones; i < shard->capacity; i++)
		sound &= !sea_bittree_has(&shard->rows, i) && !sea_bittree_has(&shard->unlisted, i);
	sea_lock_drop(&shard->lock);
	return sound;
}
