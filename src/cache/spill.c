/* SPDX-License-Identifier: MIT */
/* spill.c - lists made from bits */
#include "cache/spill.h"

#include "base/os.h"
#include "base/page_size.h"

void sea_spill_enter_marked(struct sea_spill *spill, struct sea_link *chunk)
{
	SEA_ASSERT(sea_link_is_marked(chunk));
	if (*sea_spill_word(spill, chunk) >> (uintptr_t)chunk / SEA_GRANULE % 64 & 1)
		sea_mistake("free", chunk);
	sea_link_unmark(chunk);
	sea_spill_enter(spill, chunk);
}

void sea_spill_enter_all(struct sea_spill *spill)
{
	for (size_t i = 0; i < SEA_SPILL_FETCHED; i++) {
		struct sea_link *chunk = spill->fetched[i];
		spill->fetched[i] = NULL;
		sea_before_a_signal(); /* SP4 */
		if (chunk)
			sea_spill_enter(spill, chunk);
	}
}

SEA_RACE_BY_DESIGN bool sea_spill_has(const struct sea_spill *spill, const void *chunk)
{
	size_t bucket = sea_spill_number(chunk) % SEA_SPILL_BUCKETS;
	for (size_t i = 0; i < SEA_SPILL_FETCHED; i++)
		if (sea_load_relaxed(&spill->fetched[i]) == chunk)
			return true;
	if (!spill->count[bucket] || spill->number[bucket] != sea_spill_number(chunk))
		return false;
	uint64_t word = sea_load_relaxed(sea_spill_word((struct sea_spill *)spill, chunk));
	return word >> (uintptr_t)chunk / SEA_GRANULE % 64 & 1;
}

/* The first bucket in use; SEA_SPILL_BUCKETS if there is none. */
static size_t first_bucket(const struct sea_spill *spill)
{
	for (size_t w = 0; w < SEA_SPILL_BUCKETS / 64; w++)
		if (spill->filled[w])
			return w * 64 + sea_lowest_bit(spill->filled[w]);
	return SEA_SPILL_BUCKETS;
}

/* Appends up to `max` chunks of a word to a list.  Returns the end of the list. */
static struct sea_link **append(struct sea_link **link, char *base, uint64_t *bits, uint32_t *max)
{
	for (; *bits && *max > 0; *bits &= *bits - 1, --*max) {
		*link = (struct sea_link *)(base + sea_lowest_bit(*bits) * SEA_GRANULE);
		link = &(*link)->next;
	}
	return link;
}

/* Takes up to `max` chunks of a bucket.  0: all that it counted were lost (SP4). */
static uint32_t take_from(struct sea_spill *spill, size_t bucket, uint32_t max, struct sea_link **list)
{
	char *base = (char *)(spill->number[bucket] << SEA_SPILL_REGION_SHIFT);
	uint32_t wanted = (uint32_t)sea_min(max, spill->count[bucket]), left = wanted;
	struct sea_link **link = list;
	for (size_t w = 0; left > 0 && w < SEA_SPILL_WORDS; w++)
		link = append(link, base + w * 64 * SEA_GRANULE, &spill->bits[bucket][w], &left);
	*link = NULL;
	uint16_t gone = left ? spill->count[bucket] : (uint16_t)wanted;
	sea_before_a_signal(); /* SP4 */
	spill->count[bucket] -= gone;
	if (!spill->count[bucket])
		spill->filled[bucket / 64] &= ~(1ull << bucket % 64);
	spill->room += gone;
	SEA_ASSERT(spill->room <= spill->limit); /* SP2 */
	return wanted - left;
}

uint32_t sea_spill_take(struct sea_spill *spill, uint32_t max, struct sea_link **list)
{
	SEA_ASSERT(max > 0);
	size_t bucket = first_bucket(spill);
	if (bucket == SEA_SPILL_BUCKETS)
		return 0;
	sea_spill_enter_all(spill);
	uint32_t nr = take_from(spill, bucket, max, list);
	while (unlikely(!nr) && (bucket = first_bucket(spill)) < SEA_SPILL_BUCKETS)
		nr = take_from(spill, bucket, max, list);
	return nr;
}

void sea_spill_purge(struct sea_spill *spill)
{
	if (!spill->was_used || spill->limit)
		return;
	size_t page = sea_page_size();
	char *from = (char *)sea_round_up((uintptr_t)spill->bits, page);
	char *to = (char *)sea_round_down((uintptr_t)(spill + 1), page);
	if (from < to)
		sea_os_purge(from, (size_t)(to - from));
	spill->was_used = false;
}

/* Prefetched chunks of the bucket that are not entered. */
static uint32_t count_fetched(const struct sea_spill *spill, size_t bucket)
{
	uint32_t nr = 0;
	for (size_t i = 0; i < SEA_SPILL_FETCHED; i++)
		nr += spill->fetched[i] && sea_spill_number(spill->fetched[i]) % SEA_SPILL_BUCKETS == bucket;
	return nr;
}

bool sea_spill_is_sound(const struct sea_spill *spill)
{
	uint32_t nr = 0;
	for (size_t bucket = 0; bucket < SEA_SPILL_BUCKETS; bucket++) {
		uint32_t count = count_fetched(spill, bucket);
		for (size_t w = 0; w < SEA_SPILL_WORDS; w++)
			count += sea_count_bits(spill->bits[bucket][w]);
		if (count != spill->count[bucket] || (spill->filled[bucket / 64] >> bucket % 64 & 1) != (count > 0))
			return false;
		nr += count;
	}
	return spill->limit == spill->room + nr;
}
