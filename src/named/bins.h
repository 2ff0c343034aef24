/* SPDX-License-Identifier: MIT */
/* bins.h - the bins of a heap object: free chunks by size class
 *
 *    head[c] --> chunk --> chunk --> NULL      chunks that were freed
 *    cur[c] -->|chunk|chunk|chunk|<-- end[c]   a fresh run: never handed out, side by side
 *
 * To their zone these chunks are used, as those in a thread's cache are.
 *
 * NB1  Every chunk of list c is of class c and has its mark; room[c] more may be there.
 * NB2  [cur[c], end[c]) consists of chunks of class c.  Once the first has been handed out, the
 *      one at cur[c] has its mark: of all fresh chunks, a program most likely frees that one by
 *      mistake.
 *
 * The caller holds the heap's lock.
 */
#ifndef SEA_NAMED_BINS_H
#define SEA_NAMED_BINS_H

#include "named/table.h"

/* Takes a chunk of class c.  NULL: sea_named_bin_refill() may bring one. */
SEA_INLINE void *sea_named_bin_pop(struct sea_named *named, unsigned c)
{
	struct sea_link *chunk = named->head[c];
	if (likely(chunk)) {
		named->head[c] = chunk->next;
		named->room[c]++;
	} else if (named->cur[c] < named->end[c]) {
		chunk = (struct sea_link *)named->cur[c];
		named->cur[c] += sea_class_size(c);
		if (named->cur[c] < named->end[c])
			((struct sea_link *)named->cur[c])->mark = sea_link_mark(named->cur[c]);
	} else {
		return NULL;
	}
	chunk->mark = 0;
	return chunk;
}

/* Adds a used chunk of class c.  False: the list is full. */
SEA_INLINE bool sea_named_bin_push(struct sea_named *named, unsigned c, void *block)
{
	SEA_ASSERT(sea_class_granules(c) && sea_zone_of(block));
	struct sea_link *chunk = block;
	if (unlikely(named->room[c] <= 0))
		return false;
	chunk->next = named->head[c];
	chunk->mark = sea_link_mark(chunk);
	named->head[c] = chunk;
	named->room[c]--;
	return true;
}

/* Chunks in list c. */
uint32_t sea_named_bin_length(const struct sea_named *named, unsigned c);

/* Brings chunks of class c, at least one.  False: out of memory, or of quota. */
SEA_NOINLINE bool sea_named_bin_refill(struct sea_named *named, unsigned c);

/* Claim: so many more bytes may be drawn.  Empties the bins if that helps. */
bool sea_named_has_quota(struct sea_named *named, size_t bytes);

/* Sends a used chunk of n granules to its zone: it is not drawn any more. */
void sea_named_bin_send(struct sea_named *named, struct sea_zone *zone, void *chunk, unsigned n);

/* Claim: the used chunk of class c (0: none) is in its bin.  Walks a list only if the chunk has
 * its mark. */
bool sea_named_bin_has(const struct sea_named *named, unsigned c, const void *chunk);

/* Sends everything, and merges it. */
void sea_named_bins_empty(struct sea_named *named);

/* Forgets everything, for a heap that is new or about to be cleared. */
void sea_named_bins_forget(struct sea_named *named);

/* Bytes and chunks in all bins. */
size_t sea_named_bins_size(const struct sea_named *named, size_t *nr_chunks);

/* Claim: NB1 and NB2 hold. */
bool sea_named_bins_are_sound(const struct sea_named *named);

#endif
