/* SPDX-License-Identifier: MIT */
/* reclaim.c - which pages, and how without a lock (layer 7)
 *
 *    hole   |desc ...|        |        |   ...|
 *    pages       |   page |   page |  page |
 *                 `--- given back ---------'
 *
 * A page goes back only while nobody can be given it: the pages become a used chunk,
 * the lock is dropped for the system call, and the chunk is freed again.
 */
#include "reclaim.h"

#include "atomic.h"
#include "os.h"
#include "page_alloc.h"

/* Page ranges that one round takes out of a zone. */
#define PURGE_BATCH 32

struct purge {
	size_t least; /* bytes that a range must have */
	unsigned nr;
	struct {
		struct sea_hole *hole;
		char *from, *to; /* whole pages inside it, behind the descriptor */
	} range[PURGE_BATCH];
};

static void note_pages(struct sea_zone *zone, unsigned from, unsigned to, void *context)
{
	struct purge *purge = context;
	char *hole = sea_zone_address(zone, from);
	size_t page = sea_os_page_size();
	char *first = (char *)sea_round_up((uintptr_t)hole + sizeof(struct sea_hole), page);
	char *last = (char *)sea_round_down((uintptr_t)sea_zone_address(zone, to), page);
	if (first >= last || (size_t)(last - first) < purge->least || purge->nr == PURGE_BATCH || !sea_pages_count_touched(first, last))
		return;
	purge->range[purge->nr].hole = (struct sea_hole *)hole;
	purge->range[purge->nr].from = first;
	purge->range[purge->nr++].to = last;
}

/* The ranges become used chunks while the lock is dropped for the system call. */
static size_t purge_ranges(struct sea_shard *shard, struct sea_zone *zone, struct purge *purge)
{
	size_t bytes = 0;
	for (unsigned i = 0; i < purge->nr; i++) {
		size_t granules = (size_t)(purge->range[i].to - purge->range[i].from) / SEA_GRANULE;
		sea_zone_hold(zone, purge->range[i].hole, purge->range[i].from, (unsigned)granules, 1);
	}
	sea_lock_drop(&shard->lock);
	for (unsigned i = 0; i < purge->nr; i++)
		bytes += sea_pages_purge(purge->range[i].from, purge->range[i].to);
	sea_lock_take(&shard->lock);
	for (unsigned i = 0; i < purge->nr; i++) {
		unsigned g = sea_granule_of(purge->range[i].from);
		sea_zone_mark(zone, g);
		sea_fetch_or_release(&zone->pending[g / 64], 1ull << g % 64);
	}
	sea_shard_drain_zone(shard, zone);
	return bytes;
}

static size_t purge_zone(struct sea_shard *shard, struct sea_zone *zone, size_t least)
{
	struct purge purge = {.least = least};
	sea_zone_walk_holes(zone, note_pages, &purge);
	if (purge.nr)
		return purge_ranges(shard, zone, &purge);
	sea_shard_recount(zone);
	return 0;
}

/* The zone at index i gives back ranges of `least` bytes and more. */
static size_t purge_at(struct sea_shard *shard, uint32_t i, size_t least)
{
	size_t bytes = 0, round;
	while (i < shard->nr_zones && (round = purge_zone(shard, shard->zones[i], least)) > 0)
		bytes += round;
	return bytes;
}

size_t sea_reclaim_shard(struct sea_shard *shard, size_t keep)
{
	size_t bytes = 0;
	sea_lock_take(&shard->lock);
	for (uint32_t i = shard->nr_zones; i-- > 0 && sea_pages_dirty() > keep;)
		if (shard->zones[i]->nr_idle)
			bytes += purge_at(shard, i, SEA_WORTH_PURGING);
	sea_shard_drop_lock(shard);
	return bytes;
}

size_t sea_reclaim_all(struct sea_shard *shard)
{
	size_t bytes = 0;
	sea_lock_take(&shard->lock);
	for (uint32_t i = shard->nr_zones; i-- > 0;)
		bytes += purge_at(shard, i, sea_os_page_size());
	sea_shard_drop_lock(shard);
	return bytes;
}

/* The bitmaps of an empty zone need no memory: zeros are as good, but for bits that
 * sea_zone_init() sets. */
static void purge_bitmaps(struct sea_zone *zone)
{
	size_t bytes = sea_round_down(offsetof(struct sea_zone, listed), sea_os_page_size());
	if (zone->is_purged || !bytes || (uintptr_t)zone % sea_os_page_size())
		return;
	zone->is_purged = sea_os_purge(zone, bytes);
}

void sea_reclaim_metadata(struct sea_shard *shard)
{
	sea_lock_take(&shard->lock);
	struct sea_zone *first = shard->spare, *last = first;
	shard->spare = NULL;
	sea_lock_drop(&shard->lock);
	if (!first)
		return;
	for (struct sea_zone *zone = first; zone; zone = zone->next) {
		purge_bitmaps(zone);
		last = zone;
	}
	sea_lock_take(&shard->lock);
	last->next = shard->spare;
	shard->spare = first;
	sea_lock_drop(&shard->lock);
}

static uint32_t is_running; /* one thread at a time; atomic */

void sea_reclaim_in_child(void) { sea_store_relaxed(&is_running, 0); }

void sea_reclaim(void)
{
	struct sea_watermarks marks = sea_pages_watermarks();
	if (likely(sea_pages_dirty() <= marks.high) || !sea_swap_if(&is_running, 0, 1))
		return;
	sea_pages_trim(marks.low);
	for (unsigned i = 0; i < sea_shard_count() && sea_pages_dirty() > marks.low; i++)
		sea_reclaim_shard(&sea_shards[i], marks.low);
	for (unsigned i = 0; i < sea_shard_count(); i++)
		sea_reclaim_metadata(&sea_shards[i]);
	sea_store_release(&is_running, 0);
}
