/* SPDX-License-Identifier: MIT */
/* region.c - a sorted array of ranges in a mapping of its own
 *
 * R1  Ranges are in address order, are not empty and do not overlap.
 * R2  Each mapping of ours, except this array's own, is in the map from before its first use
 *     until it is released.
 *
 * The array starts in a small static table and moves to mappings that double.
 */
#include "map/region.h"

#include <string.h>

#include "base/bits.h"
#include "base/check.h"
#include "base/lock.h"
#include "base/os.h"
#include "base/page_size.h"
#include "map/span.h"

/* Enough for a process of some 100 MiB; 24 bytes each. */
#define NR_STATIC 16

static struct sea_region first_table[NR_STATIC];
static struct {
	struct sea_lock lock;
	struct sea_region *table;
	size_t nr, capacity;
} map = {SEA_LOCK_INIT(SEA_RANK_REGION), first_table, 0, NR_STATIC};
const struct sea_locks sea_locks_region = {.first = &map.lock, .nr = 1};

/* Index of the first range at or above `base`. */
static size_t lower_bound(const char *base)
{
	SEA_ASSERT(sea_lock_is_held(&map.lock));
	size_t low = 0, high = map.nr;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (map.table[middle].base < base)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool grow(void)
{
	SEA_ASSERT(map.nr == map.capacity);
	size_t bytes = sea_round_up(2 * map.capacity * sizeof(struct sea_region), sea_page_size());
	struct sea_region *table = (struct sea_region *)sea_span_commit(bytes);
	if (!table)
		return false;
	memcpy(table, map.table, map.nr * sizeof(*table));
	if (map.table != first_table)
		sea_span_release((char *)map.table, sea_round_up(map.capacity * sizeof(*table), sea_page_size()));
	map.table = table;
	map.capacity = bytes / sizeof(*table);
	return true;
}

bool sea_region_add(char *base, size_t size, enum sea_region_kind kind)
{
	SEA_ASSERT(base && (uintptr_t)base + size >= (uintptr_t)base);
	sea_lock_take(&map.lock);
	bool fits = map.nr < map.capacity || grow();
	if (fits) {
		size_t at = lower_bound(base);
		SEA_ASSERT(map.nr < map.capacity);
		memmove(map.table + at + 1, map.table + at, (map.nr - at) * sizeof(*map.table));
		map.table[at] = (struct sea_region){base, size, kind};
		map.nr++;
		SEA_ASSERT(at == 0 || map.table[at - 1].base < base); /* R1 */
		SEA_ASSERT(at + 1 == map.nr || base < map.table[at + 1].base);
	}
	sea_lock_drop(&map.lock);
	return fits;
}

bool sea_region_find(const char *address, struct sea_region *region)
{
	sea_lock_take(&map.lock);
	size_t at = lower_bound(address);
	if (at == map.nr || map.table[at].base != address)
		at--; /* the range below; SIZE_MAX: there is none */
	bool found = at < map.nr && (uintptr_t)address - (uintptr_t)map.table[at].base < map.table[at].size;
	if (found)
		*region = map.table[at];
	sea_lock_drop(&map.lock);
	return found;
}

bool sea_region_above(const char *address, struct sea_region *region)
{
	sea_lock_take(&map.lock);
	size_t at = lower_bound(address);
	if (at > 0 && (uintptr_t)address - (uintptr_t)map.table[at - 1].base < map.table[at - 1].size)
		at--;
	bool found = at < map.nr;
	if (found)
		*region = map.table[at];
	sea_lock_drop(&map.lock);
	return found;
}

static struct sea_region *find(const char *base)
{
	size_t at = lower_bound(base);
	SEA_CHECK(at < map.nr && map.table[at].base == base);
	return &map.table[at];
}

void sea_region_remove(char *base)
{
	sea_lock_take(&map.lock);
	struct sea_region *region = find(base);
	struct sea_region *end = map.table + map.nr;
	memmove(region, region + 1, (size_t)(end - (region + 1)) * sizeof(*region));
	map.nr--;
	sea_lock_drop(&map.lock);
}

void sea_region_cut(char *base, size_t size)
{
	sea_lock_take(&map.lock);
	struct sea_region *region = find(base);
	SEA_ASSERT(size > 0 && size <= region->size);
	region->size = size;
	sea_lock_drop(&map.lock);
}

void sea_region_walk(void (*visit)(const struct sea_region *, void *), void *context)
{
	sea_lock_take(&map.lock);
	for (size_t i = 0; i < map.nr; i++)
		visit(&map.table[i], context);
	sea_lock_drop(&map.lock);
}

bool sea_region_is_sound(void)
{
	bool sound = true;
	sea_lock_take(&map.lock);
	for (size_t i = 0; i < map.nr; i++) {
		const struct sea_region *region = &map.table[i];
		sound &= region->size > 0;
		sound &= i + 1 == map.nr || region->base + region->size <= region[1].base;
	}
	sea_lock_drop(&map.lock);
	return sound;
}

size_t sea_region_table_size(void)
{
	sea_lock_take(&map.lock);
	size_t bytes = map.table == first_table ? 0 : sea_round_up(map.capacity * sizeof(*map.table), sea_page_size());
	sea_lock_drop(&map.lock);
	return bytes;
}
