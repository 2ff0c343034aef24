/* SPDX-License-Identifier: MIT */
/* bin.c - are the bins sound? */
#include "cache/bin.h"

/* K1 and K2 for the whole stack of class c. */
static bool stack_is_sound(const struct sea_cache *cache, unsigned c)
{
	int64_t length = 0;
	for (const struct sea_link *chunk = cache->head[c]; chunk; chunk = chunk->next, length++) {
		const struct sea_zone *zone = (uintptr_t)chunk % SEA_GRANULE ? NULL : sea_zone_of(chunk);
		if (!zone || !sea_link_is_marked(chunk))
			return false;
		if (sea_zone_chunk_size(zone, sea_granule_of(chunk)) != sea_class_granules(c))
			return false;
	}
	return cache->room[c] + length == (int64_t)cache->bin[c].limit;
}

/* K3, without the mark. */
static bool fresh_run_is_sound(const struct sea_bin *bin, unsigned c)
{
	size_t size = sea_class_size(c);
	if (bin->cur > bin->end || (size_t)(bin->end - bin->cur) % size)
		return false;
	for (const char *chunk = bin->cur; chunk < bin->end; chunk += size)
		if (!sea_zone_of(chunk) ||
		    sea_zone_chunk_size(sea_zone_of(chunk), sea_granule_of(chunk)) != sea_class_granules(c))
			return false;
	return true;
}

/* US4 for class c: bytes that its limits allow. */
static size_t allowed_to(const struct sea_cache *cache, unsigned c)
{
	const struct sea_spill *spill = sea_bin_spill(cache, c);
	return (cache->bin[c].limit + (spill ? (size_t)spill->limit : 0)) * sea_class_size(c);
}

bool sea_bins_are_sound(const struct sea_cache *cache)
{
	size_t allowed = 0;
	for (unsigned c = 1; c < SEA_NR_CLASSES; c++) {
		const struct sea_spill *spill = sea_bin_spill(cache, c);
		if (!sea_class_granules(c))
			continue;
		if (!stack_is_sound(cache, c) || !fresh_run_is_sound(&cache->bin[c], c))
			return false;
		if (spill && !sea_spill_is_sound(spill))
			return false;
		allowed += allowed_to(cache, c);
	}
	return allowed == cache->usage.granted && sea_usage_is_sound(&cache->usage) && sea_outbox_is_sound(&cache->outbox);
}

bool sea_bins_seem_sound(const struct sea_cache *cache)
{
	static uint32_t nr_asked;
	return sea_add_relaxed_mt(&nr_asked, 1) % 64 || sea_bins_are_sound(cache);
}
