/* SPDX-License-Identifier: MIT */
/* observe.c - what a heap object has: counted, listed, checked */
#include <string.h>

#include "base/check.h"
#include "named/named.h"

/* --- counting ---------------------------------------------------------------------------- */

static void count_runs(const struct sea_named *named, struct sea_named_stats *stats)
{
	for (const struct sea_run *run = named->runs; run; run = run->next) {
		stats->nr_large++;
		stats->held += run->size;
	}
}

void sea_named_stats(uint64_t handle, const char *verb, struct sea_named_stats *stats)
{
	struct sea_named *named = sea_named_enter(handle, verb);
	size_t nr_cached, cached = sea_named_bins_size(named, &nr_cached);
	SEA_ASSERT(named->drawn >= cached && named->nr_drawn >= nr_cached); /* NA3 */
	*stats = (struct sea_named_stats){
		.live = named->drawn - cached, .nr_live = named->nr_drawn - nr_cached, .quota = named->quota,
		.cached = cached, .nr_zones = named->shard.nr_zones,
		.held = named->plot ? named->plot->brought.length : (size_t)named->shard.nr_zones * SEA_ZONE_SIZE,
	};
	count_runs(named, stats);
	sea_named_leave(named);
}

/* --- live blocks, by address ----------------------------------------------------------------- */

struct list {
	struct sea_block *blocks;
	unsigned nr, most;
};

static void add(struct list *list, char *start, size_t size)
{
	SEA_ASSERT(size > 0);
	SEA_ASSERT(list->nr < list->most);
	list->blocks[list->nr++] = (struct sea_block){start, size};
}

/* The lowest zone that ends above `from`, or NULL. */
static const struct sea_zone *zone_above(const struct sea_named *named, const char *from)
{
	const struct sea_zone *lowest = NULL;
	for (uint32_t i = 0; i < named->shard.nr_zones; i++) {
		const struct sea_zone *zone = named->shard.zones[i];
		if (zone->base + SEA_ZONE_SIZE > from && (!lowest || zone->base < lowest->base))
			lowest = zone;
	}
	return lowest;
}

/* The lowest run that starts at or above `from`, or NULL. */
static const struct sea_run *run_above(const struct sea_named *named, const char *from)
{
	const struct sea_run *lowest = NULL;
	for (const struct sea_run *run = named->runs; run; run = run->next)
		if (run->base >= from && (!lowest || run->base < lowest->base))
			lowest = run;
	return lowest;
}

/* Adds the zone's blocks from `from` on.  Returns where it ended. */
static const char *list_zone(const struct sea_zone *zone, const char *from, struct list *list)
{
	size_t g = from > zone->base ? (size_t)(from - zone->base + SEA_GRANULE - 1) / SEA_GRANULE : 0;
	while (list->nr < list->most && (g = sea_bits_find(zone->seam, g, SEA_ZONE_GRANULES, true)) < SEA_ZONE_GRANULES) {
		unsigned n = sea_zone_chunk_size(zone, (unsigned)g);
		if (sea_bit_test(zone->used, g) && !sea_bit_test(zone->pending, g))
			add(list, sea_zone_address(zone, g), (size_t)n * SEA_GRANULE);
		g += n;
	}
	return sea_zone_address(zone, sea_min(g, SEA_ZONE_GRANULES));
}

static void list_plot(const struct sea_plot *plot, const char *from, struct list *list)
{
	size_t at = from > plot->first ? (size_t)(from - plot->first + SEA_GRANULE - 1) / SEA_GRANULE : 0, k;
	char *block;
	while (list->nr < list->most && (block = sea_plot_next(plot, &at, &k)))
		add(list, block, k * SEA_GRANULE);
}

/* The bins are empty: used chunks that are not pending are live blocks. */
static void list_chunks_and_runs(const struct sea_named *named, const char *from, struct list *list)
{
	while (list->nr < list->most) {
		const struct sea_zone *zone = zone_above(named, from);
		const struct sea_run *run = run_above(named, from);
		if (!zone && !run)
			break;
		if (zone && (!run || zone->base < run->base)) {
			from = list_zone(zone, from, list);
			continue;
		}
		add(list, run->base, run->size);
		from = run->base + run->size;
	}
}

unsigned sea_named_blocks(uint64_t handle, const char *verb, const char *from, struct sea_block *blocks, unsigned most)
{
	struct list list = {blocks, 0, most};
	struct sea_named *named = sea_named_enter(handle, verb);
	if (named->plot) {
		list_plot(named->plot, from, &list);
	} else {
		sea_named_bins_empty(named);
		list_chunks_and_runs(named, from, &list);
	}
	sea_named_leave(named);
	return list.nr;
}

/* --- all heaps ------------------------------------------------------------------------------- */

/* The heap in entry i, locked and in use, or NULL. */
static struct sea_named *lock_entry(unsigned i)
{
	struct sea_named *named = sea_load_acquire(&sea_named_entries[i]);
	if (!named || named->one_thread)
		return NULL;
	sea_lock_take(&named->lock);
	if (sea_named_exists(named))
		return named;
	sea_lock_drop(&named->lock);
	return NULL;
}

void sea_named_merge_all(void)
{
	if (likely(!sea_named_any()))
		return;
	for (unsigned i = 0; i < sea_apart_count(); i++) {
		struct sea_named *named = lock_entry(i);
		if (!named)
			continue;
		sea_named_bins_empty(named);
		sea_lock_drop(&named->lock);
	}
}

size_t sea_named_drawn_from_pages(void)
{
	size_t bytes = 0, shared = sea_handover_mapped().blocks;
	for (unsigned i = 0; i < sea_apart_count(); i++) {
		const struct sea_named *named = sea_load_acquire(&sea_named_entries[i]);
		if (named && sea_named_exists(named) && !sea_load_relaxed(&named->plot))
			bytes += sea_load_relaxed(&named->drawn);
	}
	return bytes > shared ? bytes - shared : 0;
}

/* Bytes drawn from zones, by the bitmaps. */
static size_t drawn_from_zones(const struct sea_named *named)
{
	size_t bytes = 0;
	for (uint32_t i = 0; i < named->shard.nr_zones; i++) {
		struct sea_zone_count count;
		sea_zone_count(named->shard.zones[i], &count);
		bytes += count.used - count.pending;
	}
	return bytes;
}

static size_t live_in_plot(const struct sea_plot *plot)
{
	size_t bytes = 0, at = 0, k;
	while (sea_plot_next(plot, &at, &k))
		bytes += k * SEA_GRANULE;
	return bytes;
}

/* NA3, and the parts. */
static bool is_sound(struct sea_named *named)
{
	struct sea_named_stats runs = {0};
	bool sound = named->drawn <= named->quota;	 /* NA3 */
	sound &= named->shard.owner == named->handle; /* NA4 */
	sound &= sea_named_bins_are_sound(named) && sea_runs_are_sound(named) && sea_shard_is_sound(&named->shard);
	count_runs(named, &runs);
	if (named->plot)
		return sound && sea_plot_is_sound(named->plot) && live_in_plot(named->plot) == named->drawn;
	return sound && drawn_from_zones(named) + runs.held == named->drawn;
}

bool sea_named_is_sound(uint64_t handle, const char *verb)
{
	struct sea_named *named = sea_named_enter(handle, verb);
	bool sound = is_sound(named);
	sea_named_leave(named);
	return sound;
}

bool sea_named_are_sound(void)
{
	bool sound = sea_named_table_is_sound() && sea_named_plots_are_sound() && sea_handover_is_sound();
	for (unsigned i = 0; i < sea_apart_count(); i++) {
		struct sea_named *named = sea_load_acquire(&sea_named_entries[i]);
		if (named && sea_named_exists(named))
			sound &= is_sound(named);
	}
	return sound;
}
