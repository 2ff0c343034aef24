/* SPDX-License-Identifier: MIT */
/* outbox.h - chunks on the way back to their zones
 *
 *    free(p) --> box --> bundles --> one OR for each word     the process has several threads
 *                    --> one OR for each chunk                 it has one
 *
 * Chunks are sent together.  If an OR has to be atomic, those that start in one word of a zone's
 * bitmap need one OR, and the words are prefetched together.
 *
 * A thread that frees very much frees chunks that have mostly left the processor's caches.  A load
 * from such a chunk stalls the processor.  So then a chunk is only prefetched when it comes.  It
 * is read and marked when the box is sent, and that is when a double free is noticed.
 *
 * X1  The first nr_marked of nr chunks have marks.  A signal handler that ends the process sends
 *     the box, and may run at any moment.  So a marked chunk is counted in nr_marked before it is
 *     counted in nr, a chunk is written before it is counted, and nr is 0 before the first chunk
 *     is marked or sent.  (The child of a fork by a signal handler that comes between these two
 *     counts may send one chunk without a mark: a second free of it goes unnoticed there.)
 * X2  nr_granules is the sum of the lengths.  Each chunk has its length and is used to its zone.
 * X3  A full box is sent by the call that filled it.  A signal handler may come first and exit, or
 *     fork: what frees then takes the place of the last chunk, which is lost.
 */
#ifndef SEA_OUTBOX_H
#define SEA_OUTBOX_H

#include "heap/mistake.h"
#include "heap/shard.h"
#include "cache/confirm.h"

/* Chunks that make the box full. */
#define SEA_OUTBOX_CHUNKS 64

_Static_assert(SEA_ZONE_CHUNK_MAX <= UINT16_MAX, "a length has 16 bits");

struct sea_outbox {
	uint32_t nr, nr_marked;
	uint32_t nr_granules;		    /* sum of length */
	uint16_t length[SEA_OUTBOX_CHUNKS + 1]; /* granules of each; the last place is for X3 */
	struct sea_link *chunk[SEA_OUTBOX_CHUNKS + 1]; /* only their marks are used */
};

SEA_INLINE bool sea_link_is_marked(const void *chunk)
{
	return ((const struct sea_link *)chunk)->mark == sea_link_mark(chunk);
}

/* For a chunk that has a mark: ends the process if it was freed before, else clears the mark.  Not
 * inline, so that callers need not save registers for it. */
SEA_COLD void sea_link_unmark(struct sea_link *chunk);

/* Moves the chunk behind a full box to the place of the last one (X3). */
SEA_INLINE void sea_outbox_lose_last(struct sea_outbox *box)
{
	uint32_t last = SEA_OUTBOX_CHUNKS - 1;
	SEA_ASSERT(box->nr == SEA_OUTBOX_CHUNKS);
	box->nr_granules -= box->length[last];
	box->length[last] = box->length[last + 1];
	box->chunk[last] = box->chunk[last + 1];
	/* or sea_outbox_add() has counted its chunk there, too */
	box->nr_marked -= box->nr_marked > last;
}

/* Adds a chunk behind the nr that are there.  True: the box is full. */
SEA_INLINE bool sea_outbox_put(struct sea_outbox *box, uint32_t nr, struct sea_link *chunk, size_t nr_granules)
{
	SEA_ASSERT(nr <= SEA_OUTBOX_CHUNKS);
	SEA_ASSERT(nr_granules > 0 && nr_granules <= SEA_ZONE_CHUNK_MAX);
	box->nr_granules += (uint32_t)nr_granules;
	box->length[nr] = (uint16_t)nr_granules;
	box->chunk[nr] = chunk;
	if (unlikely(nr >= SEA_OUTBOX_CHUNKS - 1)) {
		if (nr == SEA_OUTBOX_CHUNKS)
			sea_outbox_lose_last(box);
		else
			sea_store_release(&box->nr, SEA_OUTBOX_CHUNKS);
		return true;
	}
	/* pairs with the load of another thread in confirm.c */
	sea_store_release(&box->nr, nr + 1);
	return false;
}

/* Adds a used chunk, to be marked later.  The box is not full.  True: it is full now. */
SEA_INLINE bool sea_outbox_fetch(struct sea_outbox *box, struct sea_link *chunk, size_t nr_granules)
{
	SEA_ASSERT(sea_zone_of(chunk));
	__builtin_prefetch(chunk, 1);
	return sea_outbox_put(box, box->nr, chunk, nr_granules);
}

/* The same for a chunk that has its mark.  All others in the box have theirs. */
SEA_INLINE bool sea_outbox_add(struct sea_outbox *box, struct sea_link *chunk, size_t nr_granules)
{
	uint32_t nr = box->nr;
	SEA_ASSERT(box->nr_marked == nr);
	box->nr_marked = nr + 1;
	sea_before_a_signal();
	return sea_outbox_put(box, nr, chunk, nr_granules);
}

/* The same for a used chunk without a mark that is likely in the processor's caches. */
SEA_INLINE bool sea_outbox_mark_and_add(struct sea_outbox *box, struct sea_link *chunk, size_t nr_granules)
{
	SEA_ASSERT(!sea_link_is_marked(chunk));
	chunk->mark = sea_link_mark(chunk);
	return sea_outbox_add(box, chunk, nr_granules);
}

/* Bytes in the box.  For observers: may be out of date. */
SEA_RACE_BY_DESIGN static inline size_t sea_outbox_bytes(const struct sea_outbox *box)
{
	return (size_t)box->nr_granules * SEA_GRANULE;
}

/* The shard of the last chunk.  The box is not empty. */
SEA_INLINE struct sea_shard *sea_outbox_shard(const struct sea_outbox *box)
{
	SEA_ASSERT(box->nr > 0);
	return sea_zone_with(box->chunk[box->nr - 1])->shard;
}

/* Marks all chunks, sends them to their zones and empties the box.  Returns the bytes that were
 * sent.  Ends the process if a chunk was freed before.  No lock. */
size_t sea_outbox_send(struct sea_outbox *box);

/* Claim: X1 and X2.  For the box's thread, or while that does not run. */
bool sea_outbox_is_sound(const struct sea_outbox *box);

#endif
