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

/* Short rows of idle pages go too, but only so many so often; more of them when a thread
 * ends or clears up, which may be the last moment for long.  While it clears up, only once
 * as much lies idle as is in use: before, what is being torn down leaves a page here and there. */
#define SHORT_RANGES_MS 200
#define SHORT_RANGES_OFTEN_MS 10
#define SHORT_RANGES_BYTES (4 * SEA_MIB)
/* If what was worth it is gone, nothing is looked for until so much more is idle. */
#define RETRY_BYTES SEA_MIB
/* Page ranges that one round takes out of a zone. */
#define PURGE_BATCH 32

struct purge {
	size_t least; /* bytes that a range must have */
	unsigned nr;
	struct {
		char *from, *to; /* whole pages inside a hole, behind its descriptor */
	} range[PURGE_BATCH];
};

static void note_pages(const struct sea_zone *zone, size_t from, size_t to, void *context)
{
	struct purge *purge = context;
	char *first = sea_zone_address(zone, from), *last = sea_zone_address(zone, to);
	SEA_ASSERT(first < last && ((uintptr_t)first | (uintptr_t)last) % sea_os_page_size() == 0);
	if ((size_t)(last - first) < purge->least || purge->nr == PURGE_BATCH || !sea_pages_count_touched(first, last))
		return;
	purge->range[purge->nr].from = first;
	purge->range[purge->nr++].to = last;
}

/* The ranges become used chunks while the lock is dropped for the system call. */
static size_t purge_ranges(struct sea_shard *shard, struct sea_zone *zone, struct purge *purge)
{
	size_t bytes = 0;
	SEA_ASSERT(sea_lock_is_held(&shard->lock) && zone->shard == shard);
	SEA_ASSERT(purge->nr > 0 && purge->nr <= PURGE_BATCH);
	for (unsigned i = 0; i < purge->nr; i++) {
		size_t granules = (size_t)(purge->range[i].to - purge->range[i].from) / SEA_GRANULE;
		struct sea_hole *hole = (struct sea_hole *)sea_zone_hole_of(zone, purge->range[i].from);
		sea_zone_hold(zone, hole, purge->range[i].from, (unsigned)granules, 1);
	}
	sea_lock_drop(&shard->lock);
	for (unsigned i = 0; i < purge->nr; i++)
		bytes += sea_pages_purge(purge->range[i].from, purge->range[i].to);
	sea_lock_take(&shard->lock);
	for (unsigned i = 0; i < purge->nr; i++) {
		unsigned g = sea_granule_of(purge->range[i].from);
		sea_zone_mark(zone, g);
		sea_zone_put_back(zone, g / 64, 1ull << g % 64);
	}
	sea_shard_drain_zone(shard, zone);
	if (zone->shard)
		sea_zone_measure_idle(zone);
	return bytes;
}

/* The zone at index i gives back ranges of `least` bytes and more. */
static size_t purge_at(struct sea_shard *shard, uint32_t i, size_t least)
{
	size_t bytes = 0, round;
	struct purge purge;
	SEA_ASSERT(sea_lock_is_held(&shard->lock) && i < shard->nr_zones);
	do {
		purge.least = least;
		purge.nr = 0;
		round = 0;
		sea_zone_walk_idle(shard->zones[i], note_pages, &purge);
		if (purge.nr)
			round = purge_ranges(shard, shard->zones[i], &purge);
		else
			sea_zone_measure_idle(shard->zones[i]);
		bytes += round;
	} while (round && purge.nr == PURGE_BATCH && i < shard->nr_zones);
	return bytes;
}

size_t sea_reclaim_shard(struct sea_shard *shard, size_t keep, size_t least)
{
	size_t bytes = 0;
	sea_lock_take(&shard->lock);
	for (uint32_t i = shard->nr_zones; i-- > 0 && sea_pages_dirty() > keep;)
		if (i < shard->nr_zones && shard->zones[i]->nr_idle &&
		    shard->zones[i]->longest_idle * sea_os_page_size() >= least)
			bytes += purge_at(shard, i, least);
	sea_shard_drop_lock(shard);
	return bytes;
}

/* The bitmaps of an empty zone need no memory: zeros are as good, but for bits that
 * sea_zone_init() sets. */
static void purge_bitmaps(struct sea_zone *zone)
{
	SEA_ASSERT(!zone->shard && !zone->nr_used);
	size_t bytes = sea_round_down(offsetof(struct sea_zone, hint), sea_os_page_size());
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

static struct {
	uint32_t is_running; /* one thread at a time; atomic */
	uint32_t wanted;     /* enum sea_occasion: why somebody came meanwhile; atomic */
	size_t floor;	     /* dirty bytes that the last attempt left; 0: as it wanted; atomic */
	uint64_t short_ms;   /* when short ranges went last; the running thread's */
} state;

void sea_reclaim_in_child(void)
{
	sea_store_relaxed(&state.is_running, 0);
	sea_store_relaxed(&state.wanted, SEA_NOW_AND_THEN);
	sea_store_relaxed(&state.floor, 0);
}

static void reclaim_shards(size_t keep, size_t least)
{
	for (unsigned i = 0; i < sea_shard_count() && sea_pages_dirty() > keep; i++)
		sea_reclaim_shard(&sea_shards[i], keep, least);
}

static bool is_often(enum sea_occasion occasion, size_t dirty, size_t in_use)
{
	return occasion == SEA_THREAD_ENDS || (occasion == SEA_THREAD_CLEARS && dirty >= in_use);
}

static void reclaim_short_ranges(struct sea_watermarks marks, enum sea_occasion occasion)
{
	uint64_t now = sea_os_now_ms();
	size_t dirty = sea_pages_dirty();
	bool often = is_often(occasion, dirty, marks.in_use);
	if (dirty <= marks.high || now - state.short_ms < (often ? SHORT_RANGES_OFTEN_MS : SHORT_RANGES_MS))
		return;
	state.short_ms = now;
	size_t some = sea_max(marks.low, dirty - sea_min(dirty, SHORT_RANGES_BYTES));
	reclaim_shards(often ? marks.low : some, sea_os_page_size());
}

static void reclaim(struct sea_watermarks marks, enum sea_occasion occasion)
{
	SEA_ASSERT(marks.low <= marks.high);
	sea_pages_trim(marks.low);
	reclaim_shards(marks.low, SEA_ZONE_LONG_ROW);
	reclaim_short_ranges(marks, occasion);
	for (unsigned i = 0; i < sea_shard_count(); i++)
		sea_reclaim_metadata(&sea_shards[i]);
	size_t left = sea_pages_dirty();
	sea_store_relaxed(&state.floor, left > marks.high ? left : 0);
}

void sea_reclaim(enum sea_occasion occasion)
{
	struct sea_watermarks marks = sea_pages_watermarks();
	size_t dirty = sea_pages_dirty(), floor = sea_load_relaxed(&state.floor);
	bool may_wait = occasion == SEA_NOW_AND_THEN;
	if (likely(dirty <= marks.high) || (may_wait && floor && dirty < floor + RETRY_BYTES))
		return;
	if (!sea_swap_if(&state.is_running, 0, 1)) {
		if (!may_wait)
			sea_store_relaxed(&state.wanted, occasion);
		return;
	}
	reclaim(marks, occasion);
	sea_exchange_acq_rel(&state.is_running, 0);
	uint32_t wanted = sea_exchange_acq_rel(&state.wanted, SEA_NOW_AND_THEN);
	if (wanted != SEA_NOW_AND_THEN)
		sea_reclaim(wanted);
}
