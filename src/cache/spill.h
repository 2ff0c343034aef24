/* SPDX-License-Identifier: MIT */
/* spill.h - chunks for which a scattered stack has no room, by address
 *
 *    region     0x7f0000000000          0x7f0000010000         ...   64 KiB of addresses each
 *    bits       0100010000001000 ...    0000000100010000       ...   1: a free chunk starts here
 *
 * A stack of chunks in random order is a chain of cache misses: each chunk must be read to find
 * the next.  A spill uses bits instead.  Its chunks come back in address order, so the processor
 * can prefetch them, and blocks that are allocated together are near each other.  Without spills
 * 100,000 blocks of 64 bytes in random order take half the instructions (154 -> 67 a pair) and
 * 2.4 times the time (11 pairs of runs, quartiles 2.2 and 2.7); 40,000 blocks 1.7 times.
 *
 * A region has one possible bucket, by its number.  If another region has the bucket, the spill
 * does not take the chunk.
 *
 * A freed chunk has mostly left the processor's caches, and a load from it stalls the processor.
 * So a chunk is only prefetched when it comes.  It is read, marked and entered when some more have
 * come, and that is when a double free is noticed.
 *
 * SP1  count[p] is the number of bits set in bits[p] plus the prefetched chunks of bucket p.
 *      Bit p of `filled` is set  <=>  count[p] is not 0.
 * SP2  limit == room + all counts.
 * SP3  A chunk in a spill is used to its zone and has the spill's class.  Once it is entered, it
 *      has its mark.
 * SP4  At each instruction: no chunk is in `fetched` and in the bits; each count, and the limit,
 *      are at least what SP1 and SP2 say.  So the child of a fork by a signal handler may count a
 *      chunk that it has lost, but finds none twice.
 *
 * No lock: a spill is part of a thread's cache.
 */
#ifndef SEA_SPILL_H
#define SEA_SPILL_H

#include "cache/outbox.h"

/* Chunks up to 256 bytes spill.  Larger ones share neither lines nor pages enough for their order
 * to matter. */
#define SEA_SPILL_CLASSES 17

/* 128 regions of 64 KiB: as many addresses as a cache may hold bytes by default. */
#define SEA_SPILL_BUCKETS (SEA_BUDGET_THREAD_GROWTH * SEA_MIB >> SEA_SPILL_REGION_SHIFT)
#define SEA_SPILL_REGION_SHIFT 16
#define SEA_SPILL_WORDS 64

/* At least as many loads as a processor can have in flight. */
#define SEA_SPILL_FETCHED 16

/* The spill of one class.  Zeros at first. */
struct sea_spill {
	uint32_t limit; /* chunks that it may hold */
	uint32_t room;	/* chunks that it can still take; other threads read it */
	uint32_t turn;	/* next index in `fetched` */
	bool was_used;	/* since its memory was last purged */
	uint64_t filled[SEA_SPILL_BUCKETS / 64];
	uint16_t count[SEA_SPILL_BUCKETS];
	uintptr_t number[SEA_SPILL_BUCKETS]; /* the region; undefined while the count is 0 */
	struct sea_link *fetched[SEA_SPILL_FETCHED]; /* prefetched, not entered yet; or NULL */
	uint64_t bits[SEA_SPILL_BUCKETS][SEA_SPILL_WORDS];
};

_Static_assert((1 << SEA_SPILL_REGION_SHIFT) / SEA_GRANULE == 64 * SEA_SPILL_WORDS, "a bit for each granule");

SEA_INLINE uintptr_t sea_spill_number(const void *chunk) { return (uintptr_t)chunk >> SEA_SPILL_REGION_SHIFT; }

/* The word of a chunk in its bucket's bits. */
SEA_INLINE uint64_t *sea_spill_word(struct sea_spill *spill, const void *chunk)
{
	size_t granule = (uintptr_t)chunk / SEA_GRANULE;
	return &spill->bits[sea_spill_number(chunk) % SEA_SPILL_BUCKETS][granule / 64 % SEA_SPILL_WORDS];
}

/* Enters a chunk that was prefetched.  Ends the process if it was freed before. */
SEA_NOINLINE void sea_spill_enter_marked(struct sea_spill *spill, struct sea_link *chunk);
SEA_INLINE void sea_spill_enter(struct sea_spill *spill, struct sea_link *chunk)
{
	uintptr_t mark = sea_link_mark(chunk);
	SEA_ASSERT(spill->count[sea_spill_number(chunk) % SEA_SPILL_BUCKETS] > 0); /* SP1 */
	if (unlikely(chunk->mark == mark)) {
		sea_spill_enter_marked(spill, chunk);
		return;
	}
	chunk->mark = mark;
	*sea_spill_word(spill, chunk) |= 1ull << (uintptr_t)chunk / SEA_GRANULE % 64;
}

/* Claim: the spill has the chunk.  For other threads than the owner the answer may be out of
 * date. */
bool sea_spill_has(const struct sea_spill *spill, const void *chunk);

/* Gives the bucket to the chunk's region.  False: another region has it. */
SEA_INLINE bool sea_spill_claim(struct sea_spill *spill, size_t bucket, uintptr_t number)
{
	SEA_ASSERT(bucket == number % SEA_SPILL_BUCKETS);
	if (likely(spill->count[bucket]))
		return spill->number[bucket] == number;
	spill->number[bucket] = number;
	spill->filled[bucket / 64] |= 1ull << bucket % 64;
	return true;
}

/* Adds a freed chunk.  There must be room.  False: another region has the bucket. */
SEA_INLINE bool sea_spill_put(struct sea_spill *spill, struct sea_link *chunk)
{
	SEA_ASSERT(spill->room > 0);
	size_t bucket = sea_spill_number(chunk) % SEA_SPILL_BUCKETS;
	if (unlikely(!sea_spill_claim(spill, bucket, sea_spill_number(chunk))))
		return false;
	struct sea_link **turn = &spill->fetched[spill->turn], *before = *turn;
	spill->turn = (spill->turn + 1) % SEA_SPILL_FETCHED;
	__builtin_prefetch(chunk, 1);
	spill->count[bucket]++;
	spill->room--;
	sea_before_a_signal(); /* SP4 */
	*turn = chunk;
	sea_before_a_signal();
	if (likely(before))
		sea_spill_enter(spill, before);
	return true;
}

/* Enters all prefetched chunks. */
void sea_spill_enter_all(struct sea_spill *spill);

/* Takes up to `max` chunks of one region, lowest addresses first, as a list.  Returns the number;
 * 0 if the spill is empty. */
uint32_t sea_spill_take(struct sea_spill *spill, uint32_t max, struct sea_link **list);

/* Chunks in the spill.  For observers: may be out of date. */
SEA_RACE_BY_DESIGN static inline uint32_t sea_spill_length(const struct sea_spill *spill)
{
	return spill->limit - spill->room;
}

/* Raises the limit by so many chunks. */
SEA_INLINE void sea_spill_widen(struct sea_spill *spill, uint32_t nr_chunks)
{
	spill->limit += nr_chunks;
	sea_before_a_signal(); /* SP4 */
	spill->room += nr_chunks;
	spill->was_used = true;
}

/* Lowers the limit to what the spill holds.  Returns by how many chunks. */
SEA_INLINE uint32_t sea_spill_tighten(struct sea_spill *spill)
{
	uint32_t room = spill->room;
	SEA_ASSERT(room <= spill->limit);
	spill->room = 0;
	sea_before_a_signal(); /* SP4 */
	spill->limit -= room;
	return room;
}

/* Purges the memory of a spill if its limit is 0 and it was used.  May make a system call. */
void sea_spill_purge(struct sea_spill *spill);

/* Claim: SP1 and SP2. */
bool sea_spill_is_sound(const struct sea_spill *spill);

#endif
