/* SPDX-License-Identifier: MIT */
/* outbox.h - chunks on the way back to their zones
 *
 *    free(p) --> box --> bundles --> one OR a word
 *
 * Chunks are sent together, so that those that start in one word of a zone's bitmap go with
 * one OR, and the words are fetched together.
 *
 * What a thread tears down has mostly left the processor's caches, and a load from it keeps
 * the processor from running ahead.  So while it tears down, a chunk is fetched when it comes,
 * and read and marked when all are delivered: that is also when a second free of it is
 * noticed.
 *
 * X1  The first nr_marked of nr chunks are marked.  A signal handler that ends the process
 *     delivers what was in the box, and may come at any moment: a marked chunk is counted as
 *     marked before it is counted, a chunk is in the box before it is, and all are out of it
 *     before the first is marked or sent.
 * X2  nr_granules is the sum of the lengths; each chunk is so long, and used to its zone.
 */
#ifndef SEA_OUTBOX_H
#define SEA_OUTBOX_H

#include "heap/mistake.h"
#include "heap/shard.h"
#include "cache/confirm.h"

/* Chunks that make the box full. */
#define SEA_OUTBOX_CHUNKS 64

_Static_assert(SEA_ZONE_CHUNK_MAX <= UINT16_MAX, "a length has 16 bits");

/* A free chunk of a thread; the outbox uses the mark only. */
struct sea_link {
	struct sea_link *next;
	uintptr_t mark; /* sea_mark_of() */
};

struct sea_outbox {
	uint32_t nr, nr_marked;
	uint32_t nr_granules;		    /* of all */
	uint16_t length[SEA_OUTBOX_CHUNKS]; /* granules of each */
	struct sea_link *chunk[SEA_OUTBOX_CHUNKS];
};

/* The mark that a free chunk at this address carries. */
SEA_INLINE uintptr_t sea_link_mark(const void *chunk) { return sea_mark_of(chunk, sea_load_relaxed(&sea_seams)); }

SEA_INLINE bool sea_link_is_marked(const void *chunk)
{
	return ((const struct sea_link *)chunk)->mark == sea_link_mark(chunk);
}

/* Ends the process if the chunk that carries a mark was freed before; else the mark is wiped, as it
 * said nothing.  Apart, so that callers need no registers saved for it. */
SEA_COLD void sea_link_unmark(struct sea_link *chunk);

/* Writes a chunk behind the nr that are there, and counts it. */
SEA_INLINE bool sea_outbox_put(struct sea_outbox *box, uint32_t nr, struct sea_link *chunk, size_t nr_granules)
{
	SEA_ASSERT(nr < SEA_OUTBOX_CHUNKS);
	SEA_ASSERT(nr_granules > 0 && nr_granules <= SEA_ZONE_CHUNK_MAX);
	box->nr_granules += (uint32_t)nr_granules;
	box->length[nr] = (uint16_t)nr_granules;
	box->chunk[nr] = chunk;
	sea_store_release(&box->nr, nr + 1); /* pairs with the look of another thread in confirm.c */
	return nr + 1 == SEA_OUTBOX_CHUNKS;
}

/* Adds a used chunk, which is marked later; the box is not full.  True: it is full now. */
SEA_INLINE bool sea_outbox_fetch(struct sea_outbox *box, struct sea_link *chunk, size_t nr_granules)
{
	__builtin_prefetch(chunk, 1);
	return sea_outbox_put(box, box->nr, chunk, nr_granules);
}

/* The same for one that is marked; none in the box waits for its mark. */
SEA_INLINE bool sea_outbox_add(struct sea_outbox *box, struct sea_link *chunk, size_t nr_granules)
{
	uint32_t nr = box->nr;
	SEA_ASSERT(box->nr_marked == nr);
	box->nr_marked = nr + 1;
	sea_before_a_signal();
	return sea_outbox_put(box, nr, chunk, nr_granules);
}

/* Adds a used chunk that has no mark yet, and is not likely to wait for its memory; the same. */
SEA_INLINE bool sea_outbox_mark_and_add(struct sea_outbox *box, struct sea_link *chunk, size_t nr_granules)
{
	SEA_ASSERT(!sea_link_is_marked(chunk));
	chunk->mark = sea_link_mark(chunk);
	return sea_outbox_add(box, chunk, nr_granules);
}

/* Bytes in the box; for observers a moment's view. */
SEA_RACE_BY_DESIGN static inline size_t sea_outbox_bytes(const struct sea_outbox *box)
{
	return (size_t)box->nr_granules * SEA_GRANULE;
}

/* The shard that the last chunk goes to; the box is not empty. */
SEA_INLINE struct sea_shard *sea_outbox_shard(const struct sea_outbox *box)
{
	SEA_ASSERT(box->nr > 0);
	return sea_zone_of(box->chunk[box->nr - 1])->shard;
}

/* Marks all chunks and sends them to their zones; the box is empty.  Returns the bytes that
 * went.  Ends the process if a chunk was freed before.  No lock. */
size_t sea_outbox_send(struct sea_outbox *box);

/* Claim: X1 and X2, for the box's thread or while that does not run. */
bool sea_outbox_is_sound(const struct sea_outbox *box);

#endif
