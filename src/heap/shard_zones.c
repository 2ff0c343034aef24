/* SPDX-License-Identifier: MIT */
/* shard_zones.c - the zones of a shard: made, found by number, given back
 *
 * The lock is not held while a zone is allocated from the page allocator or given to it: both may
 * make system calls.
 */
#include "heap/shard_zones.h"

#include <string.h>

#include "base/check.h"
#include "base/step.h"
#include "map/map.h"
#include "page/page_alloc.h"

/* Makes room in a set for numbers below `capacity`, twice as many as before. */
static bool widen_set(struct sea_bittree *set, uint32_t capacity)
{
	struct sea_bittree old = *set;
	uint64_t *words = sea_meta_alloc(sea_bittree_words(capacity) * sizeof(*words));
	if (!words)
		return false;
	sea_bittree_init(set, capacity, words);
	for (size_t i = 0; old.nr_levels && i < capacity / 2; i++)
		if (sea_bittree_has(&old, i))
			sea_bittree_add(set, i);
	return true;
}

/* Doubles the tables.  Copying takes 100 us for 64 GiB of zones. */
static bool widen_table(struct sea_shard *shard)
{
	uint32_t capacity = shard->capacity ? 2 * shard->capacity : 64;
	struct sea_zone **zones = sea_meta_alloc(capacity * sizeof(*zones));
	uint8_t *hints = sea_meta_alloc(capacity);
	if (!zones || !hints || !widen_set(&shard->unlisted, capacity) || !widen_set(&shard->rows, capacity))
		return false;
	if (shard->nr_zones) {
		memcpy(zones, shard->zones, shard->nr_zones * sizeof(*zones));
		memcpy(hints, shard->zone_hint, shard->nr_zones);
	}
	shard->zones = zones;
	shard->zone_hint = hints;
	shard->capacity = capacity;
	return true;
}

static struct sea_zone *take_struct(struct sea_shard *shard)
{
	struct sea_zone *zone = shard->spare ? shard->spare : shard->purged;
	if (!zone)
		return sea_meta_alloc_pages(sizeof(*zone));
	if (shard->spare)
		sea_store_relaxed(&shard->spare, zone->next);
	else
		shard->purged = zone->next;
	return zone;
}

static void give_struct(struct sea_shard *shard, struct sea_zone *zone)
{
	SEA_ASSERT(!zone->shard && !zone->nr_used);
	zone->next = shard->spare;
	sea_store_relaxed(&shard->spare, zone);
}

/* Zeroed words for the seams of the zone at `base`, and *start, a byte for each.  They are in the
 * seam map; or in own_seam if the map does not reach, or must not show the zone. */
static uint64_t *seams_for(const struct sea_shard *shard, struct sea_zone *zone, const char *base, uint8_t **start)
{
	uint64_t *seam = shard->is_apart ? NULL : sea_seams_of(base);
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

/* The zone at index `from` moves to `to`. */
static void move_member(struct sea_bittree *set, size_t from, size_t to)
{
	sea_bittree_set(set, to, sea_bittree_has(set, from));
	sea_bittree_remove(set, from);
}

/* Adds the zone at `base`; false if there is no memory for metadata. */
static bool add_zone(struct sea_shard *shard, char *base)
{
	SEA_ASSERT(sea_lock_is_held(&shard->lock));
	if (shard->nr_zones == shard->capacity && !widen_table(shard))
		return false;
	struct sea_zone *zone = take_struct(shard);
	if (!zone)
		return false;
	uint8_t *start = NULL;
	uint64_t *seam = seams_for(shard, zone, base, &start);
	if (!seam) {
		give_struct(shard, zone);
		return false;
	}
	zone->index = shard->nr_zones++;
	shard->zones[zone->index] = zone;
	shard->zone_hint[zone->index] = SEA_HINT_UNKNOWN;
	zone->is_apart = shard->is_apart;
	zone->owner = shard->is_apart ? shard->owner : SEA_NO_OWNER;
	sea_zone_init(zone, base, seam, start, shard, &shard->holes);
	sea_bittree_set(&shard->rows, zone->index, sea_zone_may_have_row(zone));
	sea_pagemap_set_zone(base, zone);
	return true;
}

void sea_shard_remove_zone(struct sea_shard *shard, struct sea_zone *zone)
{
	SEA_ASSERT(sea_lock_is_held(&shard->lock));
	SEA_ASSERT(shard->zones[zone->index] == zone);
	struct sea_zone *last = shard->zones[--shard->nr_zones];
	shard->zones[zone->index] = last;
	shard->zone_hint[zone->index] = shard->zone_hint[shard->nr_zones];
	move_member(&shard->unlisted, shard->nr_zones, zone->index);
	move_member(&shard->rows, shard->nr_zones, zone->index);
	last->index = zone->index;
	sea_pagemap_set_zone(zone->base, NULL);
	sea_zone_retire(zone);
	zone->next = shard->emptied;
	sea_store_relaxed(&shard->emptied, zone);
}

/* Takes emptied zones off the list, as many as are freed between two holds of the lock; returns
 * how many. */
static unsigned take_emptied(struct sea_shard *shard, char **bases)
{
	unsigned nr = 0;
	while (shard->emptied && nr < SEA_STEP_CALLS) {
		struct sea_zone *zone = shard->emptied;
		sea_store_relaxed(&shard->emptied, zone->next);
		bases[nr++] = zone->base;
		give_struct(shard, zone);
	}
	return nr;
}

void sea_shard_drop_lock(struct sea_shard *shard)
{
	SEA_ASSERT(sea_lock_is_held(&shard->lock));
	for (;;) {
		char *bases[SEA_STEP_CALLS];
		unsigned nr = take_emptied(shard, bases);
		bool is_last = !shard->emptied;
		sea_lock_drop(&shard->lock);
		while (nr)
			shard->is_apart ? sea_pages_free(bases[--nr]) : sea_pages_give(bases[--nr]);
		if (is_last)
			return;
		sea_lock_take(&shard->lock);
	}
}

bool sea_shard_make_zone(struct sea_shard *shard, unsigned k)
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
