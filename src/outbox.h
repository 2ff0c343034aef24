/* SPDX-License-Identifier: MIT */
/* outbox.h - chunks on the way back to their zones (layer 8)
 *
 * Chunks are sent back together: by the time the last one comes, the memory that the
 * first one's mark was written to has arrived, and atomic operations, which wait for
 * all stores before them, do not wait.
 */
#ifndef SEA_OUTBOX_H
#define SEA_OUTBOX_H

#include "shard.h"

#define SEA_OUTBOX_LETTERS 32

struct sea_outbox {
	uint32_t nr;
	struct sea_letter {
		void *chunk;
		size_t nr_granules;
	} letter[SEA_OUTBOX_LETTERS];
};

/* Adds a used chunk that carries its mark; the box is not full.  True: it is now. */
SEA_INLINE bool sea_outbox_post(struct sea_outbox *box, void *chunk, size_t nr_granules)
{
	box->letter[box->nr++] = (struct sea_letter){chunk, nr_granules};
	return box->nr == SEA_OUTBOX_LETTERS;
}

/* Bytes in the box; for observers a moment's view. */
size_t sea_outbox_bytes(const struct sea_outbox *box);

/* The shard that the last letter goes to, or NULL. */
struct sea_shard *sea_outbox_shard(const struct sea_outbox *box);

/* Sends all chunks to their zones; the box is empty.  No lock. */
void sea_outbox_deliver(struct sea_outbox *box);

#endif
