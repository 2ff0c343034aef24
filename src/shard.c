/* SPDX-License-Identifier: MIT */
/* shard.c - which zone, when to drain, when to grow (layer 7)
 *
 * The way to memory, cheapest first: zones that wait to be drained; the sweep (small
 * chunks) or the lists (others); all that is pending anywhere in the shard; a new
 * zone.
 *
 * S1  zones[z->index] == z for each zone of the shard, and the page map leads from
 *     its addresses to it.
 * S2  zone_hint[i] is not below any hint of zone i.
 * S3  nr_unlisted counts the zones whose zone_unlisted is set; others have all their
 *     large holes in the lists.
 * S4  A zone whose is_queued is set is in some shard's queue, once; a popped zone
 *     that belongs to another shard by now is skipped.
 *
 * Zones are made and given back to the page allocator when the lock is not held:
 * both may end in system calls.
 */
#include "shard.h"

#include <string.h>

#include "atomic.h"
#include "check.h"
#include "cpus.h"
#include "meta.h"
#include "options.h"
#include "page_alloc.h"

/* Before a shard grows it drains whatever is pending, if all of it together comes to a
 * 16th of a zone. */
#define DRAIN_BEFORE_GROWTH (SEA_ZONE_GRANULES / 16)
/* Sweeps start again at the first zone when so large a part of all zones has been freed:
 * holes behind them are used before memory that never was. */
#define EPOCH_SHARE 4
/* A piece of this many chunks ends a refill: it is carved with a watermark. */
#define LONG_PIECE 8

/* When a thread ends or clears up, zones with 8 KiB pending are drained, or half of what they
 * hold still: a zone that becomes empty goes as a whole. */
#define DRAIN_AT_EXIT (8 * SEA_KIB / SEA_GRANULE)
#define DRAIN_AT_EXIT_SHARE 2

struct sea_shard sea_shards[SEA_MAX_SHARDS]; /* zeroed, so that unused ones cost nothing */

static uint32_t nr_shards = 1; /* in use so far; grows with threads up to the limit; atomic */

static uint32_t limit_by_cpus; /* 0: not known yet; atomic */

/* --- the set of zones --------------------------------------------------------- */

static bool widen_table(struct sea_shard *shard)
{
	uint32_t capacity = shard->capacity ? 2 * shard->capacity : 32;
	struct sea_zone **zones = sea_meta_alloc(capacity * sizeof(*zones));
	uint8_t *hints = sea_meta_alloc(capacity);
	uint8_t *unlisted = sea_meta_alloc(capacity);
	if (!zones || !hints || !unlisted)
		return false;
	if (shard->nr_zones) {
		memcpy(zones, shard->zones, shard->nr_zones * sizeof(*zones));
		memcpy(hints, shard->zone_hint, shard->nr_zones);
		memcpy(unlisted, shard->zone_unlisted, shard->nr_zones);
	}
	shard->zones = zones;
	shard->zone_hint = hints;
	shard->zone_unlisted = unlisted;
	shard->capacity = capacity;
	return true;
}

static struct sea_zone *take_struct(struct sea_shard *shard)
{
	struct sea_zone *zone = shard->spare;
	if (zone)
		shard->spare = zone->next;
	else
		zone = sea_meta_alloc_pages(sizeof(*zone));
	return zone;
}

static void give_struct(struct sea_shard *shard, struct sea_zone *zone)
{
	zone->next = shard->spare;
	shard->spare = zone;
}

/* Zeroed words for the seams of the zone at `base`, and a byte for each: in the seam map, or
 * of its own where that does not reach. */
static uint64_t *seams_for(struct sea_zone *zone, const char *base, uint8_t **start)
{
	uint64_t *seam = sea_seams_of(base);
	if (seam) {
		*start = sea_seams_start_of(base);
		return seam;
	}
	if (!zone->own_seam)
		zone->own_seam = sea_meta_alloc(SEA_ZONE_WORDS * (sizeof(uint64_t) + 1));
	if (zone->own_seam)
		*start = (uint8_t *)(zone->own_seam + SEA_ZONE_WORDS);
	return zone->own_seam;
}

/* Enters the zone at `base`; false if there is no metadata for it. */
static bool add_zone(struct sea_shard *shard, char *base)
{
	SEA_ASSERT(sea_lock_is_held(&shard->lock));
	if (shard->nr_zones == shard->capacity && !widen_table(shard))
		return false;
	struct sea_zone *zone = take_struct(shard);
	if (!zone)
		return false;
	uint8_t *start = NULL;
	uint64_t *seam = seams_for(zone, base, &start);
	if (!seam) {
		give_struct(shard, zone);
		return false;
	}
	zone->index = shard->nr_zones++;
	shard->zones[zone->index] = zone;
	shard->zone_hint[zone->index] = SEA_HINT_UNKNOWN;
	shard->zone_unlisted[zone->index] = 0;
	sea_zone_init(zone, base, seam, start, shard, &shard->holes);
	sea_seams_set_zone(base, zone);
	return true;
}

static void set_unlisted(struct sea_shard *shard, const struct sea_zone *zone, uint8_t is_unlisted)
{
	shard->nr_unlisted += is_unlisted;
	shard->nr_unlisted -= shard->zone_unlisted[zone->index];
	shard->zone_unlisted[zone->index] = is_unlisted;
}

static void remove_zone(struct sea_shard *shard, struct sea_zone *zone)
{
	SEA_ASSERT(sea_lock_is_held(&shard->lock));
	SEA_ASSERT(shard->zones[zone->index] == zone);
	set_unlisted(shard, zone, 0);
	struct sea_zone *last = shard->zones[--shard->nr_zones];
	shard->zones[zone->index] = last;
	shard->zone_hint[zone->index] = shard->zone_hint[shard->nr_zones];
	shard->zone_unlisted[zone->index] = shard->zone_unlisted[shard->nr_zones];
	last->index = zone->index;
	sea_seams_set_zone(zone->base, NULL);
	sea_zone_retire(zone);
	zone->next = shard->emptied;
	sea_store_relaxed(&shard->emptied, zone);
}

/* Emptied zones that are given back between two takes of the lock. */
#define EMPTIED_BATCH 16

/* Takes emptied zones off the list; returns how many. */
static unsigned take_emptied(struct sea_shard *shard, char **bases)
{
	unsigned nr = 0;
	while (shard->emptied && nr < EMPTIED_BATCH) {
		struct sea_zone *zone = shard->emptied;
		sea_store_relaxed(&shard->emptied, zone->next);
		bases[nr++] = zone->base;
		give_struct(shard, zone);
	}
	return nr;
}

/* Drops the lock, then gives all emptied zones to the page allocator. */
void sea_shard_drop_lock(struct sea_shard *shard)
{
	SEA_ASSERT(sea_lock_is_held(&shard->lock));
	for (;;) {
		char *bases[EMPTIED_BATCH];
		unsigned nr = take_emptied(shard, bases);
		bool is_last = !shard->emptied;
		sea_lock_drop(&shard->lock);
		while (nr)
			sea_pages_free(bases[--nr]);
		if (is_last)
			return;
		sea_lock_take(&shard->lock);
	}
}

/* Makes a zone, which chunks of k granules want, and takes the lock again; false if there is no
 * memory. */
static bool grow(struct sea_shard *shard, unsigned k)
{
	enum sea_touch touch = k <= SEA_SMALL_GRANULES ? SEA_TOUCH_DENSE : SEA_TOUCH_LATER;
	sea_shard_drop_lock(shard);
	char *base = sea_pages_alloc(SEA_ZONE_SIZE, SEA_ZONE_SIZE, touch, NULL);
	bool may_add = base && sea_seams_cover(base);
	sea_lock_take(&shard->lock);
	if (may_add && add_zone(shard, base))
		return true;
	if (!base)
		return false;
	sea_lock_drop(&shard->lock);
	sea_pages_free(base);
	sea_lock_take(&shard->lock);
	return false;
}

/* --- draining ------------------------------------------------------------------ */

static void push_queue(struct sea_zone *zone)
{
	struct sea_shard *shard = zone->shard;
	if (!shard || sea_load_relaxed(&zone->is_queued) || !sea_swap_if(&zone->is_queued, 0, 1))
		return;
	struct sea_zone *first = sea_load_relaxed(&shard->queue);
	do
		zone->queue_next = first = sea_load_relaxed(&shard->queue);
	while (!sea_swap_if(&shard->queue, first, zone));
}

/* Only the holder of the lock pops, so that the first zone cannot come back. */
static struct sea_zone *pop_queue(struct sea_shard *shard)
{
	SEA_ASSERT(sea_lock_is_held(&shard->lock));
	struct sea_zone *zone = sea_load_acquire(&shard->queue);
	while (zone && !sea_swap_if(&shard->queue, zone, zone->queue_next))
		zone = sea_load_acquire(&shard->queue);
	if (zone)
		sea_store_release(&zone->is_queued, 0);
	return zone;
}

static void note_freed(struct sea_shard *shard, uint32_t granules)
{
	shard->nr_freed += granules;
	if (shard->nr_freed < shard->nr_zones * (SEA_ZONE_GRANULES / EPOCH_SHARE))
		return;
	shard->nr_freed = 0;
	shard->epoch++;
}

void sea_shard_drain_zone(struct sea_shard *shard, struct sea_zone *zone)
{
	SEA_ASSERT(sea_lock_is_held(&shard->lock));
	SEA_ASSERT(zone->shard == shard);
	uint32_t nr_used = zone->nr_used;
	sea_zone_drain(zone);
	note_freed(shard, nr_used - zone->nr_used);
	shard->zone_hint[zone->index] = SEA_HINT_UNKNOWN;
	set_unlisted(shard, zone, 1);
	if (!zone->nr_used && !sea_load_acquire(&zone->is_queued))
		remove_zone(shard, zone);
}

/* Drains the next queued zone; false if there is none. */
static bool drain_next(struct sea_shard *shard)
{
	struct sea_zone *zone = pop_queue(shard);
	if (zone && zone->shard == shard)
		sea_shard_drain_zone(shard, zone);
	return zone != NULL;
}

/* Drains all zones that anything was sent to; true if there was one. */
static bool drain_all(struct sea_shard *shard)
{
	bool any = false;
	while (drain_next(shard))
		any = true;
	for (uint32_t i = shard->nr_zones; i-- > 0;) {
		if (!sea_load_relaxed(&shard->zones[i]->nr_pending))
			continue;
		sea_shard_drain_zone(shard, shard->zones[i]);
		any = true;
	}
	return any;
}

void sea_shard_drain(struct sea_shard *shard)
{
	sea_lock_take(&shard->lock);
	drain_all(shard);
	sea_shard_drop_lock(shard);
}

static bool is_worth_draining_at_exit(const struct sea_zone *zone)
{
	uint32_t nr_pending = sea_load_relaxed(&zone->nr_pending);
	return nr_pending && nr_pending >= sea_min(DRAIN_AT_EXIT, zone->nr_used / DRAIN_AT_EXIT_SHARE);
}

void sea_shard_drain_worth(struct sea_shard *shard)
{
	sea_lock_take(&shard->lock);
	while (drain_next(shard))
		;
	for (uint32_t i = shard->nr_zones; i-- > 0;)
		if (is_worth_draining_at_exit(shard->zones[i]))
			sea_shard_drain_zone(shard, shard->zones[i]);
	sea_shard_drop_lock(shard);
}

void sea_shard_help(struct sea_shard *shard)
{
	while (sea_load_relaxed(&shard->queue) && sea_lock_try(&shard->lock)) {
		drain_next(shard);
		sea_shard_drop_lock(shard);
	}
}

void sea_shard_send(struct sea_zone *zone, size_t word, uint64_t mask, unsigned nr_granules)
{
	sea_zone_send(zone, word, mask, nr_granules);
	if (sea_load_relaxed(&zone->nr_pending) >= sea_load_relaxed(&zone->worth))
		push_queue(zone);
}

/* --- taking -------------------------------------------------------------------- */

static uint8_t largest_hint(const struct sea_zone *zone)
{
	uint8_t largest = 0;
	for (unsigned h = 0; h < SEA_ZONE_HINTS; h++)
		largest = zone->hint[h] > largest ? zone->hint[h] : largest;
	return largest;
}

/* The sweep for k goes on at the start of this zone. */
static void move_cursor(struct sea_shard *shard, unsigned k, uint32_t zone)
{
	if (k <= SEA_SMALL_GRANULES)
		shard->cursor[k] = (struct sea_cursor){zone, 0, shard->epoch};
}

/* The next hole for small chunks, from where the last sweep for k stopped. */
static struct sea_piece sweep(struct sea_shard *shard, unsigned k, unsigned max)
{
	SEA_ASSERT(sea_lock_is_held(&shard->lock));
	SEA_ASSERT(k <= SEA_SMALL_GRANULES);
	struct sea_cursor *cursor = &shard->cursor[k];
	if (cursor->epoch != shard->epoch)
		move_cursor(shard, k, 0);
	for (; cursor->zone < shard->nr_zones; cursor->zone++, cursor->block = 0) {
		struct sea_zone *zone = shard->zones[cursor->zone];
		if (shard->zone_hint[cursor->zone] < k)
			continue;
		struct sea_piece piece = sea_zone_sweep(zone, k, max, &cursor->block);
		if (piece.count)
			return piece;
		shard->zone_hint[cursor->zone] = largest_hint(zone);
	}
	return (struct sea_piece){NULL, 0};
}

/* A listed hole of at least nr_granules; first lists those that drains have made. */
static struct sea_hole *find_hole(struct sea_shard *shard, size_t nr_granules)
{
	SEA_ASSERT(sea_lock_is_held(&shard->lock));
	for (uint32_t i = 0; shard->nr_unlisted && i < shard->nr_zones; i++) {
		if (!shard->zone_unlisted[i])
			continue;
		sea_zone_list(shard->zones[i]);
		set_unlisted(shard, shard->zones[i], 0);
	}
	return sea_hole_find(&shard->holes, sea_max(nr_granules, SEA_HOLE_MIN));
}

static struct sea_piece carve(struct sea_shard *shard, unsigned k, unsigned max)
{
	struct sea_hole *hole = find_hole(shard, k);
	if (!hole)
		return (struct sea_piece){NULL, 0};
	unsigned count = (unsigned)sea_min(hole->nr_granules / k, max);
	struct sea_zone *zone = sea_zone_of(hole);
	shard->zone_hint[zone->index] = SEA_HINT_UNKNOWN;
	return (struct sea_piece){sea_zone_carve(zone, hole, (char *)hole, k, count), count};
}

static struct sea_piece take_piece(struct sea_shard *shard, unsigned k, unsigned max)
{
	return k <= SEA_SMALL_GRANULES ? sweep(shard, k, max) : carve(shard, k, max);
}

/* Fills the batch from what is free now; true if it got anything. */
static bool fill(struct sea_shard *shard, unsigned k, unsigned want, struct sea_batch *batch)
{
	while (batch->nr_chunks < want && batch->nr_pieces < SEA_BATCH_PIECES) {
		struct sea_piece piece = take_piece(shard, k, want - batch->nr_chunks);
		if (!piece.count)
			break;
		batch->piece[batch->nr_pieces++] = piece;
		batch->nr_chunks += piece.count;
		if (piece.count >= LONG_PIECE)
			break;
	}
	return batch->nr_chunks > 0;
}

static size_t count_pending(const struct sea_shard *shard)
{
	size_t granules = 0;
	for (uint32_t i = 0; i < shard->nr_zones; i++)
		granules += sea_load_relaxed(&shard->zones[i]->nr_pending);
	return granules;
}

bool sea_shard_take(struct sea_shard *shard, unsigned k, unsigned want, struct sea_batch *batch)
{
	SEA_ASSERT(k > 0 && k <= SEA_ZONE_CHUNK_MAX);
	SEA_ASSERT(want > 0);
	batch->nr_pieces = batch->nr_chunks = 0;
	sea_lock_take(&shard->lock);
	while (drain_next(shard))
		;
	bool found = fill(shard, k, want, batch);
	if (!found && count_pending(shard) >= DRAIN_BEFORE_GROWTH)
		drain_all(shard);
	if (!found) {
		move_cursor(shard, k, 0);
		found = fill(shard, k, want, batch);
	}
	if (!found && grow(shard, k)) {
		/* Others may have taken zones away meanwhile: the new one may lie before the cursor. */
		move_cursor(shard, k, shard->nr_zones - 1);
		found = fill(shard, k, want, batch);
	}
	sea_shard_drop_lock(shard);
	return found;
}

/* --- taking what is aligned ------------------------------------------------------- */

/* Alignments from one granule to half a zone. */
#define NR_ALIGNMENTS (SEA_SLOT_SHIFT - SEA_GRANULE_SHIFT)
/* Blocks of 8 KiB that one sweep looks into: 20 us, 100 if they are full of small holes.  So many
 * are a zone: 32 batches later, when one that was made for them is used up, it has been to 32. */
#define ALIGNED_BLOCKS SEA_ZONE_HINTS

/* Where the sweep goes on; NULL: no memory. */
static struct sea_cursor *aligned_cursor(struct sea_shard *shard, unsigned k, unsigned align)
{
	SEA_ASSERT(sea_lock_is_held(&shard->lock));
	if (!shard->aligned)
		shard->aligned = sea_meta_alloc(NR_ALIGNMENTS * sizeof(*shard->aligned));
	return shard->aligned ? &shard->aligned[sea_highest_bit(align)][sea_class_for(k)] : NULL;
}

/* The next hole that has room, small or large, as sweep() does. */
static struct sea_piece sweep_aligned(struct sea_shard *shard, struct sea_cursor *cursor, unsigned k, unsigned align,
				      unsigned max, unsigned *budget)
{
	if (cursor->epoch != shard->epoch)
		*cursor = (struct sea_cursor){0, 0, shard->epoch};
	for (; cursor->zone < shard->nr_zones; cursor->zone++, cursor->block = 0) {
		struct sea_zone *zone = shard->zones[cursor->zone];
		if (shard->zone_hint[cursor->zone] < sea_min(k, SEA_HINT_UNKNOWN))
			continue;
		struct sea_piece piece = sea_zone_sweep_aligned(zone, k, align, max, &cursor->block, budget);
		shard->zone_hint[cursor->zone] = largest_hint(zone);
		if (piece.count || cursor->block < SEA_ZONE_HINTS)
			return piece;
	}
	return (struct sea_piece){NULL, 0};
}

/* From a hole that has room wherever it lies. */
static struct sea_piece carve_aligned(struct sea_shard *shard, unsigned k, unsigned align, unsigned max)
{
	struct sea_hole *hole = find_hole(shard, (size_t)k + align - 1);
	if (!hole)
		return (struct sea_piece){NULL, 0};
	struct sea_zone *zone = sea_zone_of(hole);
	char *at = (char *)sea_round_up((uintptr_t)hole, align * SEA_GRANULE);
	size_t room = hole->nr_granules - (size_t)(at - (char *)hole) / SEA_GRANULE;
	unsigned count = k % align ? 1 : (unsigned)sea_min(room / k, max);
	shard->zone_hint[zone->index] = SEA_HINT_UNKNOWN;
	return (struct sea_piece){sea_zone_carve(zone, hole, at, k, count), count};
}

static bool fill_aligned(struct sea_shard *shard, unsigned k, unsigned want, unsigned align, struct sea_batch *batch)
{
	unsigned budget = ALIGNED_BLOCKS;
	struct sea_cursor *cursor = aligned_cursor(shard, k, align);
	while (batch->nr_chunks < want && batch->nr_pieces < SEA_BATCH_PIECES) {
		struct sea_piece piece = {NULL, 0};
		if (cursor)
			piece = sweep_aligned(shard, cursor, k, align, want - batch->nr_chunks, &budget);
		if (!piece.count && !batch->nr_chunks)
			piece = carve_aligned(shard, k, align, want);
		if (!piece.count)
			break;
		batch->piece[batch->nr_pieces++] = piece;
		batch->nr_chunks += piece.count;
	}
	return batch->nr_chunks > 0;
}

/* What has been freed behind the cursor is looked for again, if it has come to the end. */
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
	unsigned granules = (unsigned)(align / SEA_GRANULE);
	batch->nr_pieces = batch->nr_chunks = 0;
	sea_lock_take(&shard->lock);
	while (drain_next(shard))
		;
	bool found = fill_aligned(shard, k, want, granules, batch);
	if (!found && count_pending(shard) >= DRAIN_BEFORE_GROWTH)
		drain_all(shard);
	if (!found) {
		restart_aligned(shard, k, granules);
		found = fill_aligned(shard, k, want, granules, batch);
	}
	if (!found && grow(shard, k))
		found = fill_aligned(shard, k, want, granules, batch);
	sea_shard_drop_lock(shard);
	return found;
}

bool sea_shard_grow(struct sea_zone *zone, unsigned g, unsigned from, unsigned to)
{
	struct sea_shard *shard = zone->shard;
	sea_lock_take(&shard->lock);
	bool grown = sea_zone_grow(zone, g, from, to);
	if (grown)
		shard->zone_hint[zone->index] = SEA_HINT_UNKNOWN;
	sea_shard_drop_lock(shard);
	return grown;
}

/* --- threads and observers ------------------------------------------------------ */

/* Threads that take turns on one processor hardly ever meet at a lock. */
static uint32_t limit_for(size_t nr_cpus)
{
	return nr_cpus == 1 ? 1 : (uint32_t)sea_min(2 * nr_cpus, SEA_MAX_SHARDS);
}

static size_t shard_limit(void)
{
	return sea_options.shards ? sea_options.shards : sea_load_relaxed(&limit_by_cpus);
}

bool sea_shard_may_join(void) { return shard_limit() || !sea_shards[0].nr_threads; }

void sea_shard_learn_limit(void) { sea_store_relaxed(&limit_by_cpus, limit_for(sea_cpus_available())); }

unsigned sea_shard_count(void) { return sea_load_relaxed(&nr_shards); }

struct sea_shard *sea_shard_join(void)
{
	struct sea_shard *best = &sea_shards[0];
	for (unsigned i = 1; i < sea_shard_count(); i++)
		if (sea_shards[i].nr_threads < best->nr_threads)
			best = &sea_shards[i];
	if (best->nr_threads && sea_shard_count() < shard_limit())
		best = &sea_shards[sea_add_relaxed(&nr_shards, 1) - 1];
	best->lock.rank = SEA_RANK_SHARD;
	best->nr_threads++;
	return best;
}

void sea_shard_leave(struct sea_shard *shard) { shard->nr_threads--; }

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

bool sea_shard_is_sound(struct sea_shard *shard)
{
	sea_lock_take(&shard->lock);
	bool sound = sea_holes_are_sound(&shard->holes);
	for (uint32_t i = 0; i < shard->nr_zones; i++) {
		struct sea_zone *zone = shard->zones[i];
		sound &= zone->index == i && zone->shard == shard && sea_zone_of(zone->base) == zone;
		sound &= shard->zone_hint[i] >= largest_hint(zone);
		sound &= sea_zone_is_sound(zone);
	}
	sea_lock_drop(&shard->lock);
	return sound;
}

void sea_shard_each_lock(void (*apply)(struct sea_lock *, void *), void *context)
{
	for (unsigned i = 0; i < sea_shard_count(); i++)
		apply(&sea_shards[i].lock, context);
}
