/* SPDX-License-Identifier: MIT */
/* zone_count.c - where the bytes of a zone are */
#include "base/atomic.h"
#include "base/os.h"
#include "page/page_alloc.h"
#include "heap/zone.h"

/* Granules of the pending chunks that start in `word`. */
static size_t count_pending(const struct sea_zone *zone, size_t word)
{
	size_t granules = 0;
	uint64_t starts = sea_load_relaxed(&zone->pending[word]) & zone->seam[word] & zone->used[word];
	for (; starts; starts &= starts - 1)
		granules += sea_zone_chunk_size(zone, (unsigned)word * 64 + sea_lowest_bit(starts));
	return granules;
}

/* If a page is not touched, its used granules are in chunks that are held. */
static void count_page(const struct sea_zone *zone, size_t from, size_t to, struct sea_zone_count *count)
{
	size_t bytes = (to - from) * SEA_GRANULE;
	size_t used = sea_bits_count(zone->used, from, to) * SEA_GRANULE;
	if (sea_pages_count_held(sea_zone_address(zone, from), sea_zone_address(zone, to))) {
		count->used += used;
		count->free += bytes - used;
	} else {
		count->purged += bytes;
	}
}

void sea_zone_count(const struct sea_zone *zone, struct sea_zone_count *count)
{
	size_t step = sea_page_size() / SEA_GRANULE;
	*count = (struct sea_zone_count){.idle = zone->nr_idle * sea_page_size()};
	for (size_t from = 0; from < SEA_ZONE_GRANULES; from += step)
		count_page(zone, from, from + step, count);
	SEA_ASSERT(count->used + count->free + count->purged == SEA_ZONE_SIZE);
	for (size_t word = 0; word < SEA_ZONE_WORDS; word++)
		count->pending += count_pending(zone, word) * SEA_GRANULE;
	count->pending = sea_min(count->pending, count->used);
}
