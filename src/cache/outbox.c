/* SPDX-License-Identifier: MIT */
/* outbox.c - beside other threads: one OR for all chunks of a word */
#include "cache/outbox.h"

/* Chunks that start in one word. */
struct bundle {
	struct sea_zone *zone;
	uint64_t mask;
	uintptr_t word; /* granules / 64 from address 0 */
	size_t nr_granules;
};

SEA_INLINE void begin_bundle(struct bundle *bundle, uintptr_t word, const void *chunk)
{
	*bundle = (struct bundle){sea_zone_with(chunk), 0, word, 0};
	__builtin_prefetch(&bundle->zone->pending[word % SEA_ZONE_WORDS], 1);
}

/* Bundles the chunks by word and prefetches the words.  Chunks of one word may be far apart in
 * the box: another thread may have drawn them class by class.  last: by word, its bundle.  If
 * two words share a place there, the later one has it; further chunks of the other word start
 * a new bundle.  Returns the number of bundles. */
static uint32_t bundle_up(const struct sea_outbox *box, uint32_t nr, struct bundle *bundles)
{
	uint8_t last[SEA_OUTBOX_CHUNKS] = {0};
	uint32_t nr_bundles = 0;
	bundles[0].word = 0; /* no chunk's: all places of `last` lead here at first */
	for (uint32_t i = 0; i < nr; i++) {
		uintptr_t granule = (uintptr_t)box->chunk[i] / SEA_GRANULE, word = granule / 64;
		uint8_t *place = &last[word % SEA_OUTBOX_CHUNKS];
		struct bundle *bundle = &bundles[*place];
		if (bundle->word != word) {
			*place = (uint8_t)nr_bundles;
			bundle = &bundles[nr_bundles++];
			begin_bundle(bundle, word, box->chunk[i]);
		}
		bundle->mask |= 1ull << granule % 64;
		bundle->nr_granules += box->length[i];
	}
	SEA_ASSERT(nr_bundles <= SEA_OUTBOX_CHUNKS);
	return nr_bundles;
}

void sea_link_unmark(struct sea_link *chunk)
{
	SEA_ASSERT(sea_link_is_marked(chunk));
	if (sea_confirm_freed(chunk))
		sea_mistake("free", chunk);
	chunk->mark = 0;
}

/* Claim: an entry before i is the same chunk as entry i. */
static bool is_in_twice(const struct sea_outbox *box, uint32_t i)
{
	for (uint32_t j = 0; j < i; j++)
		if (box->chunk[j] == box->chunk[i])
			return true;
	return false;
}

SEA_COLD static void unmark(const struct sea_outbox *box, uint32_t i)
{
	if (is_in_twice(box, i))
		sea_mistake("free", box->chunk[i]);
	sea_link_unmark(box->chunk[i]);
}

/* Marks entry i and returns it.  Those from nr_marked on have no mark yet.  box->nr is 0, so that
 * sea_confirm_freed() does not find the chunk in this box. */
SEA_INLINE struct sea_link *mark(const struct sea_outbox *box, uint32_t i, uint32_t nr_marked)
{
	struct sea_link *chunk = box->chunk[i];
	uintptr_t mark = sea_link_mark(chunk);
	SEA_ASSERT(box->nr == 0);
	if (unlikely(chunk->mark == mark) && i >= nr_marked)
		unmark(box, i);
	chunk->mark = mark;
	return chunk;
}

/* Not inline: the other way needs no bundles on the stack. */
static SEA_NOINLINE void send_bundles(const struct sea_outbox *box, uint32_t nr)
{
	struct bundle bundles[SEA_OUTBOX_CHUNKS];
	nr = bundle_up(box, nr, bundles);
	for (uint32_t i = 0; i < nr; i++)
		sea_shard_send(bundles[i].zone, bundles[i].word % SEA_ZONE_WORDS, bundles[i].mask, (unsigned)bundles[i].nr_granules);
}

size_t sea_outbox_send(struct sea_outbox *box)
{
	uint32_t nr = box->nr, nr_marked = box->nr_marked, nr_granules = box->nr_granules;
	if (!nr)
		return 0;
	SEA_ASSERT(nr_marked <= nr && nr <= SEA_OUTBOX_CHUNKS); /* X1 */
	box->nr = 0;
	sea_before_a_signal();
	box->nr_marked = box->nr_granules = 0;
	if (sea_is_alone()) {
		for (uint32_t i = 0; i < nr; i++)
			sea_shard_send_alone(mark(box, i, nr_marked), box->length[i]);
	} else {
		for (uint32_t i = nr_marked; i < nr; i++)
			mark(box, i, nr_marked);
		send_bundles(box, nr);
	}
	return (size_t)nr_granules * SEA_GRANULE;
}

/* X1 and X2 for entry i. */
static bool entry_is_sound(const struct sea_outbox *box, uint32_t i)
{
	const struct sea_link *chunk = box->chunk[i];
	const struct sea_zone *zone = (uintptr_t)chunk % SEA_GRANULE ? NULL : sea_zone_of(chunk);
	if (!zone || (i < box->nr_marked && !sea_link_is_marked(chunk)))
		return false;
	return box->length[i] && sea_zone_chunk_size(zone, sea_granule_of(chunk)) == box->length[i];
}

bool sea_outbox_is_sound(const struct sea_outbox *box)
{
	uint32_t nr_granules = 0;
	if (box->nr > SEA_OUTBOX_CHUNKS || box->nr_marked > box->nr)
		return false;
	for (uint32_t i = 0; i < box->nr; i++) {
		if (!entry_is_sound(box, i))
			return false;
		nr_granules += box->length[i];
	}
	return box->nr_granules == nr_granules;
}
