/* SPDX-License-Identifier: MIT */
/* freelist/index.c - a table of zones, and a table of contents in each
 *
 *    table    |zone, largest|zone, largest|zone, largest|    lowest zone first
 *                 |
 *    zone     |first, largest|first, largest|...| chunks ... |mark|
 *                 |             one line for each stretch
 *    list     ...hole <-> hole <-> hole <-> ...
 *
 * FI1  The table has all zones, in address order.
 * FI2  first[s] is the lowest hole or mark that starts in stretch s, or 0.
 * FI3  No hole that starts in stretch s is longer than largest[s], and no hole in a zone is longer
 *      than `largest` of its entry.  These are bounds: a hole that comes or grows raises them at
 *      once.  They fall when a search finds less than they say, or a stretch becomes empty.  So a
 *      search passes the same small holes again only if one in their stretch has changed.
 */
#include "engines/freelist/index.h"

#include <string.h>

#include "base/check.h"
#include "map/map.h"

/* Entries of the first table: 64 MiB of zones; it doubles. */
#define FIRST_CAPACITY 64

struct entry {
	struct zone *zone;
	size_t largest; /* granules */
};

static struct {
	struct entry *table;
	size_t nr, capacity;
} zones;

/* --- arithmetic ------------------------------------------------------------------- */

static size_t stretch_of(const void *address) { return (uintptr_t)address % ZONE_SIZE / STRETCH_SIZE; }

static uint16_t granule_of(const void *address)
{
	return (uint16_t)((uintptr_t)address % ZONE_SIZE / SEA_GRANULE);
}

static bool is_in_stretch(const struct hole *hole, const struct zone *zone, size_t s)
{
	return (uintptr_t)hole - ((uintptr_t)zone + s * STRETCH_SIZE) < STRETCH_SIZE;
}

/* The lowest hole or mark of a stretch, or NULL. */
static struct hole *first_in(const struct zone *zone, size_t s)
{
	return zone->first[s] ? (struct hole *)((char *)zone + zone->first[s] * SEA_GRANULE) : NULL;
}

static uint16_t granules_in(const struct hole *hole) { return (uint16_t)(hole->chunk.size / SEA_GRANULE); }

/* --- the table of zones -------------------------------------------------------------- */

/* Index of the first entry whose zone is at or above `zone`. */
static size_t lower_bound(const struct zone *zone)
{
	size_t low = 0, high = zones.nr;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (zones.table[middle].zone < zone)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct entry *entry_of(const struct zone *zone)
{
	size_t number = lower_bound(zone);
	SEA_CHECK(number < zones.nr && zones.table[number].zone == zone);
	return &zones.table[number];
}

/* The old table is lost.  All old tables together are smaller than the new one. */
static bool grow_table(void)
{
	size_t capacity = zones.capacity ? 2 * zones.capacity : FIRST_CAPACITY;
	struct entry *table = sea_meta_alloc(capacity * sizeof(*table));
	if (!table)
		return false;
	if (zones.nr)
		memcpy(table, zones.table, zones.nr * sizeof(*table));
	zones.table = table;
	zones.capacity = capacity;
	return true;
}

bool sea_index_add_zone(struct zone *zone, struct hole **below)
{
	if (zones.nr == zones.capacity && !grow_table())
		return false;
	size_t number = lower_bound(zone);
	struct entry *entry = &zones.table[number];
	SEA_ASSERT(number == zones.nr || entry->zone > zone);
	memmove(entry + 1, entry, (zones.nr - number) * sizeof(*entry));
	*entry = (struct entry){.zone = zone};
	zones.nr++;
	memset(zone->first, 0, sizeof(zone->first));
	memset(zone->largest, 0, sizeof(zone->largest));
	*below = number ? mark_of(entry[-1].zone) : NULL;
	return true;
}

void sea_index_remove_zone(const struct zone *zone)
{
	struct entry *entry = entry_of(zone), *end = zones.table + zones.nr;
	memmove(entry, entry + 1, (size_t)(end - (entry + 1)) * sizeof(*entry));
	zones.nr--;
}

struct zone *sea_index_zone(size_t number) { return number < zones.nr ? zones.table[number].zone : NULL; }

/* --- the table of contents ------------------------------------------------------------- */

void sea_index_enter(struct hole *hole)
{
	SEA_ASSERT(sea_chunk_is_free(&hole->chunk));
	struct zone *zone = zone_of(hole);
	size_t s = stretch_of(hole);
	uint16_t size = granules_in(hole), granule = granule_of(hole);
	if (!zone->first[s] || granule < zone->first[s])
		zone->first[s] = granule;
	if (size <= zone->largest[s])
		return;
	zone->largest[s] = size;
	struct entry *entry = entry_of(zone);
	entry->largest = sea_max(entry->largest, size);
}

void sea_index_leave(const struct hole *hole)
{
	struct zone *zone = zone_of(hole);
	size_t s = stretch_of(hole);
	SEA_ASSERT(zone->first[s] && zone->first[s] <= granule_of(hole));
	SEA_ASSERT(granules_in(hole) <= zone->largest[s]);
	if (zone->first[s] != granule_of(hole))
		return;
	bool has_more = is_in_stretch(hole->next, zone, s);
	zone->first[s] = has_more ? granule_of(hole->next) : 0;
	if (!has_more)
		zone->largest[s] = 0;
}

struct hole *sea_index_above(const struct sea_chunk *chunk)
{
	const struct zone *zone = zone_of(chunk);
	size_t s = stretch_of(chunk);
	struct hole *hole = first_in(zone, s);
	while (!hole) {
		SEA_CHECK(++s < NR_STRETCHES);
		hole = first_in(zone, s);
	}
	while (&hole->chunk < chunk)
		hole = hole->next;
	return hole;
}

static struct hole *find_in_stretch(struct zone *zone, size_t s, size_t size)
{
	uint16_t largest = 0;
	for (struct hole *hole = first_in(zone, s); is_in_stretch(hole, zone, s); hole = hole->next) {
		if (hole->chunk.size >= size)
			return hole;
		largest = sea_max(largest, granules_in(hole));
	}
	zone->largest[s] = largest;
	return NULL;
}

static struct hole *find_in_zone(struct entry *entry, size_t size)
{
	size_t largest = 0;
	for (size_t s = 0; s < NR_STRETCHES; s++) {
		struct hole *hole = NULL;
		if (entry->zone->largest[s] >= size / SEA_GRANULE)
			hole = find_in_stretch(entry->zone, s, size);
		if (hole)
			return hole;
		largest = sea_max(largest, entry->zone->largest[s]);
	}
	entry->largest = largest;
	return NULL;
}

struct hole *sea_index_find(size_t size)
{
	SEA_ASSERT(size && size % SEA_GRANULE == 0);
	struct hole *hole = NULL;
	for (size_t i = 0; !hole && i < zones.nr; i++)
		if (zones.table[i].largest >= size / SEA_GRANULE)
			hole = find_in_zone(&zones.table[i], size);
	return hole;
}

/* --- audit -------------------------------------------------------------------------- */

/* FI2 and FI3 of one stretch.  *hole is the first hole or mark at or above its start, and becomes
 * that of the next stretch. */
static bool stretch_is_sound(const struct entry *entry, size_t s, const struct hole **hole)
{
	bool sound = first_in(entry->zone, s) == (is_in_stretch(*hole, entry->zone, s) ? *hole : NULL);
	for (; is_in_stretch(*hole, entry->zone, s); *hole = (*hole)->next)
		sound &= granules_in(*hole) <= sea_min(entry->zone->largest[s], entry->largest);
	return sound;
}

bool sea_index_is_sound(const struct hole *first)
{
	const struct hole *hole = first;
	for (size_t i = 0; i < zones.nr; i++) {
		if (i && zones.table[i - 1].zone >= zones.table[i].zone)
			return false;
		for (size_t s = 0; s < NR_STRETCHES; s++)
			if (!stretch_is_sound(&zones.table[i], s, &hole))
				return false;
	}
	return !hole;
}
