/* SPDX-License-Identifier: MIT */
/* outbox.h - chunks on the way back to their zones (layer 8)
 *
 * Chunks are sent back together.  What a thread tears down has mostly left the processor's
 * caches, and a load from it keeps the processor from running ahead.  So while it tears
 * down, a chunk is fetched when it is posted, and read and marked some letters later, or when
 * all are delivered: that is also when a second free of it is noticed.
 *
 * X1  The first nr_marked of nr letters are marked.  A signal handler that ends the process
 *     delivers what was in the box, and may come at any moment: a letter is counted as
 *     marked before it is, and is out of the box before it is sent.
 */
#ifndef SEA_OUTBOX_H
#define SEA_OUTBOX_H

#include "mistake.h"
#include "shard.h"

#define SEA_OUTBOX_LETTERS 32
/* Letters that may wait for their mark. */
#define SEA_OUTBOX_FETCHING 4

/* A free chunk of a thread; the outbox uses the mark only. */
struct sea_link {
	struct sea_link *next;
	uintptr_t mark; /* sea_mark_of() */
};

struct sea_outbox {
	uint32_t nr, nr_marked;
	struct sea_letter {
		struct sea_link *chunk;
		size_t nr_granules;
	} letter[SEA_OUTBOX_LETTERS];
};

/* Marks a chunk that was freed.  Ends the process if it has a mark: it was freed before. */
SEA_INLINE void sea_mark_freed(struct sea_link *chunk)
{
	uintptr_t mark = sea_mark_of(chunk, sea_load_relaxed(&sea_seams));
	if (unlikely(chunk->mark == mark))
		sea_mistake("free", chunk);
	chunk->mark = mark;
}

/* Adds a used chunk; the box is not full.  Marks all but the last `lag` letters.  True: it
 * is full now. */
SEA_INLINE bool sea_outbox_post(struct sea_outbox *box, void *chunk, size_t nr_granules, uint32_t lag)
{
	uint32_t nr = box->nr + 1;
	__builtin_prefetch(chunk, 1);
	box->letter[nr - 1] = (struct sea_letter){chunk, nr_granules};
	sea_before_a_signal();
	box->nr = nr;
	while (nr - box->nr_marked > lag) {
		struct sea_link *next = box->letter[box->nr_marked++].chunk;
		sea_before_a_signal();
		sea_mark_freed(next);
	}
	return nr == SEA_OUTBOX_LETTERS;
}

/* Bytes in the box; for observers a moment's view. */
size_t sea_outbox_bytes(const struct sea_outbox *box);

/* The shard that the last letter goes to, or NULL. */
struct sea_shard *sea_outbox_shard(const struct sea_outbox *box);

/* Marks all chunks and sends them to their zones; the box is empty.  Returns the bytes that went.
 * Ends the process if one has a mark: it was freed before.  No lock. */
size_t sea_outbox_deliver(struct sea_outbox *box);

#endif
