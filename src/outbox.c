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

/* Where the letters go.  All are looked up before the first bit is set, so that the
 * words arrive together. */
static void address(const struct sea_outbox *box, uint32_t nr, uint32_t nr_marked, struct sea_zone **zones)
{
	for (uint32_t i = 0; i < nr; i++) {
		struct sea_link *chunk = box->letter[i].chunk;
		zones[i] = sea_zone_of(chunk);
		__builtin_prefetch(&zones[i]->pending[sea_granule_of(chunk) / 64], 1);
		if (i >= nr_marked)
			sea_mark_freed(chunk);
	}
}

static uintptr_t place_of(const struct sea_letter *letter) { return (uintptr_t)letter->chunk / SEA_GRANULE; }

/* Sets the bits of the letters from `first` on that go to the same word; returns the
 * next letter. */
static uint32_t send_word(const struct sea_outbox *box, uint32_t nr, struct sea_zone *zone, uint32_t first)
{
	uintptr_t place = place_of(&box->letter[first]);
	uint64_t mask = 0;
	size_t nr_granules = 0;
	uint32_t next = first;
	do {
		mask |= 1ull << place_of(&box->letter[next]) % 64;
		nr_granules += box->letter[next++].nr_granules;
	} while (next < nr && place_of(&box->letter[next]) / 64 == place / 64);
	sea_shard_send(zone, place % SEA_ZONE_GRANULES / 64, mask, (unsigned)nr_granules);
	return next;
}

void sea_outbox_deliver(struct sea_outbox *box)
{
	struct sea_zone *zones[SEA_OUTBOX_LETTERS];
	uint32_t nr = box->nr, nr_marked = box->nr_marked;
	if (!nr)
		return;
	box->nr = box->nr_marked = 0;
	sea_before_a_signal();
	address(box, nr, nr_marked, zones);
	for (uint32_t i = 0; i < nr;)
		i = send_word(box, nr, zones[i], i);
}
