/* SPDX-License-Identifier: MIT */
/* outbox.c - one OR for the letters that go to one word (layer 8) */
#include "outbox.h"

/* Reads what another thread may write. */
SEA_RACE_BY_DESIGN size_t sea_outbox_bytes(const struct sea_outbox *box)
{
	size_t nr_granules = 0;
	for (uint32_t i = 0; i < box->nr && i < SEA_OUTBOX_LETTERS; i++)
		nr_granules += box->letter[i].nr_granules;
	return nr_granules * SEA_GRANULE;
}

struct sea_shard *sea_outbox_shard(const struct sea_outbox *box)
{
	return box->nr ? sea_zone_of(box->letter[box->nr - 1].chunk)->shard : NULL;
}

/* Letters that go to one word. */
struct bundle {
	struct sea_zone *zone;
	uint64_t mask;
	uint32_t word, nr_granules;
};

/* Bundles all letters; returns how many bundles there are.  Their zones are looked up, and the
 * words fetched, before the first bit is set, so that the words arrive together. */
static uint32_t bundle_up(const struct sea_outbox *box, uint32_t nr, struct bundle *bundles)
{
	struct bundle *bundle = bundles;
	uintptr_t last = 0;
	uint32_t nr_bundles = 0;
	for (uint32_t i = 0; i < nr; i++) {
		const struct sea_letter *letter = &box->letter[i];
		uintptr_t place = (uintptr_t)letter->chunk / SEA_GRANULE;
		if (place / 64 != last / 64) {
			uint32_t word = place % SEA_ZONE_GRANULES / 64;
			bundle = &bundles[nr_bundles++];
			*bundle = (struct bundle){sea_zone_of(letter->chunk), 0, word, 0};
			__builtin_prefetch(&bundle->zone->pending[word], 1);
		}
		last = place;
		bundle->mask |= 1ull << place % 64;
		bundle->nr_granules += (uint32_t)letter->nr_granules;
	}
	return nr_bundles;
}

size_t sea_outbox_deliver(struct sea_outbox *box)
{
	struct bundle bundles[SEA_OUTBOX_LETTERS];
	uint32_t nr = box->nr, nr_marked = box->nr_marked;
	size_t nr_granules = 0;
	if (!nr)
		return 0;
	box->nr = box->nr_marked = 0;
	sea_before_a_signal();
	for (uint32_t i = nr_marked; i < nr; i++)
		sea_mark_freed(box->letter[i].chunk);
	uint32_t nr_bundles = bundle_up(box, nr, bundles);
	for (uint32_t i = 0; i < nr_bundles; i++) {
		const struct bundle *bundle = &bundles[i];
		nr_granules += bundle->nr_granules;
		sea_shard_send(bundle->zone, bundle->word, bundle->mask, bundle->nr_granules);
	}
	return nr_granules * SEA_GRANULE;
}
