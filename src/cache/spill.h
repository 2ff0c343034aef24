/* SPDX-License-Identifier: MIT */
/* spill.h - what a scattered stack has no room for, by address
 *
 *    region     0x7f0000000000          0x7f0000010000         ...   64 KiB of addresses each
 *    bits       0100010000001000 ...    0000000100010000       ...   1: a free chunk starts here
 *
 * A stack whose chunks lie in any order is a chain of cache misses: memory has to tell which
 * chunk comes next.  Here bits do, and chunks come back in the order of addresses, so that the
 * processor fetches ahead, and what is allocated together lies together.
 *
 * A region of addresses has one place, by its number.  A chunk whose place another region has
 * is not taken.
 *
 * What comes has mostly left the processor's caches, and a load from it keeps the processor from
 * running ahead.  So a chunk is fetched when it comes, and read, marked and entered when some
 * more have come: that is also when a second free of it is noticed.
 *
 * SP1  count[p] is the number of bits set in bits[p] and of chunks that are fetched from there;
 *     bit p of `filled` is set if and only if that is not 0.
 * SP2  limit == room + all counts.
 * SP3  A chunk here is used to its zone, of the spill's class, and carries its mark once it is
 *     entered.
 *
 * Takes no lock: a spill belongs to the thread whose cache it is part of.
 */
#ifndef SEA_SPILL_H
#define SEA_SPILL_H

#include "cache/outbox.h"

/* Chunks up to 256 bytes spill: larger ones have lines and pages of their own in any order. */
#define SEA_SPILL_CLASSES 17

/* Together as many addresses as a cache may hold bytes by default. */
#define SEA_SPILL_PLACES 128
#define SEA_SPILL_REGION_SHIFT 16
#define SEA_SPILL_WORDS 64

/* As many loads as a processor has under way at once, or more. */
#define SEA_SPILL_FETCHED 16

/* One class.  Zeros at first. */
struct sea_spill {
	uint32_t limit; /* chunks that it may hold */
	uint32_t room;	/* chunks that it still takes; others read it */
	uint32_t turn;	/* the next of `fetched` */
	bool was_used;	/* since its memory was given back */
	uint64_t filled[SEA_SPILL_PLACES / 64];
	uint16_t count[SEA_SPILL_PLACES];
	uintptr_t number[SEA_SPILL_PLACES]; /* of the region; of no meaning while the count is 0 */
	struct sea_link *fetched[SEA_SPILL_FETCHED]; /* or NULL */
	uint64_t bits[SEA_SPILL_PLACES][SEA_SPILL_WORDS];
};

_Static_assert((1 << SEA_SPILL_REGION_SHIFT) / SEA_GRANULE == 64 * SEA_SPILL_WORDS, "a bit for each granule");

SEA_INLINE uintptr_t sea_spill_number(const void *chunk) { return (uintptr_t)chunk >> SEA_SPILL_REGION_SHIFT; }

/* The word of a chunk in the bits of its place. */
SEA_INLINE uint64_t *sea_spill_word(struct sea_spill *spill, const void *chunk)
{
	size_t granule = (uintptr_t)chunk / SEA_GRANULE;
	return &spill->bits[sea_spill_number(chunk) % SEA_SPILL_PLACES][granule / 64 % SEA_SPILL_WORDS];
}

/* Enters a chunk that was fetched.  Ends the process if it was freed before. */
SEA_NOINLINE void sea_spill_enter_marked(struct sea_spill *spill, struct sea_link *chunk);
SEA_INLINE void sea_spill_enter(struct sea_spill *spill, struct sea_link *chunk)
{
	uintptr_t mark = sea_link_mark(chunk);
	SEA_ASSERT(spill->count[sea_spill_number(chunk) % SEA_SPILL_PLACES] > 0); /* SP1 */
	if (unlikely(chunk->mark == mark)) {
		sea_spill_enter_marked(spill, chunk);
		return;
	}
	chunk->mark = mark;
	*sea_spill_word(spill, chunk) |= 1ull << (uintptr_t)chunk / SEA_GRANULE % 64;
}

/* Claim: the chunk is in it.  Another thread than the owner gets a moment's view. */
bool sea_spill_has(const struct sea_spill *spill, const void *chunk);

/* Makes the chunk's region the one that has its place; false: another has it. */
SEA_INLINE bool sea_spill_claim(struct sea_spill *spill, size_t place, uintptr_t number)
{
	SEA_ASSERT(place == number % SEA_SPILL_PLACES);
	if (likely(spill->count[place]))
		return spill->number[place] == number;
	spill->number[place] = number;
	spill->filled[place / 64] |= 1ull << place % 64;
	return true;
}

/* Takes a chunk that was freed; there is room.  False: there is no place for its region. */
SEA_INLINE bool sea_spill_put(struct sea_spill *spill, struct sea_link *chunk)
{
	SEA_ASSERT(spill->room > 0);
	size_t place = sea_spill_number(chunk) % SEA_SPILL_PLACES;
	if (unlikely(!sea_spill_claim(spill, place, sea_spill_number(chunk))))
		return false;
	struct sea_link **turn = &spill->fetched[spill->turn], *before = *turn;
	spill->turn = (spill->turn + 1) % SEA_SPILL_FETCHED;
	__builtin_prefetch(chunk, 1);
	*turn = chunk;
	spill->count[place]++;
	spill->room--;
	if (likely(before))
		sea_spill_enter(spill, before);
	return true;
}

/* Enters all chunks that were fetched. */
void sea_spill_enter_all(struct sea_spill *spill);

/* Takes up to `max` chunks out, those with the lowest addresses of a region, as a list.
 * Returns how many; 0: there is none. */
uint32_t sea_spill_take(struct sea_spill *spill, uint32_t max, struct sea_link **list);

/* Chunks in it; for observers a moment's view. */
SEA_RACE_BY_DESIGN static inline uint32_t sea_spill_length(const struct sea_spill *spill)
{
	return spill->limit - spill->room;
}

/* It may hold so many chunks more. */
SEA_INLINE void sea_spill_widen(struct sea_spill *spill, uint32_t nr_chunks)
{
	spill->limit += nr_chunks;
	spill->room += nr_chunks;
	spill->was_used = true;
}

/* It may hold no more than it holds; returns by how many chunks the limit falls. */
SEA_INLINE uint32_t sea_spill_tighten(struct sea_spill *spill)
{
	uint32_t room = spill->room;
	SEA_ASSERT(room <= spill->limit);
	spill->limit -= room;
	spill->room = 0;
	return room;
}

/* Gives the memory of a spill back, if that is empty and has any.  May call the system. */
void sea_spill_purge(struct sea_spill *spill);

/* Claim: SP1 and SP2. */
bool sea_spill_is_sound(const struct sea_spill *spill);

#endif
