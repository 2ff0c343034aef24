/* SPDX-License-Identifier: MIT */
/* bin.h - what a thread's cache is made of: a bin for each size class
 *
 *    head[c] --> chunk --> chunk --> NULL      the stack: chunks that the thread has freed
 *    cur -->|chunk|chunk|chunk|<-- end         the fresh run: never handed out, side by side
 *
 * refill.c fills a bin, growth.c says how much it may hold, send.c empties it.
 *
 * K1  room[c] + length of stack c == bin[c].limit.  (room is below 0 after a refill
 *     that brought more than the limit.)
 * K2  Every chunk in stack c is sea_class_granules(c) long, used to its zone, and
 *     carries its mark.
 * K3  The fresh run [cur, end) is cut into chunks of the class, used to their zone; the
 *     chunk at cur carries its mark once the first has been handed out.
 * K5  While a chunk waits for its mark, in the outbox or in a spill, the thread takes nothing from a
 *     stack, and the stack of that chunk's class takes nothing: sea_own.nr_classes is 0, so that
 *     malloc() takes its slow path and marks it first (sea_send_waiting).  So a second free of the
 *     chunk is noticed, or takes the slow path too.
 *
 * A program that writes to what it has freed breaks a link.  The fast path pops what is there; the
 * slow paths look at where a link leads before they follow it.
 *
 * Takes no lock: a cache belongs to its thread.  Others read what the fields say they do.
 */
#ifndef SEA_BIN_H
#define SEA_BIN_H

#include "base/check.h"
#include "map/map.h"
#include "cache/outbox.h"
#include "cache/parked.h"
#include "cache/spill.h"
#include "cache/usage.h"

/* What a class has beside its stack. */
struct sea_bin {
	char *cur, *end;  /* the fresh run */
	uint32_t drawn;	  /* chunks refilled since the class was last emptied */
	uint32_t limit;	  /* chunks that the stack may hold */
	uint32_t left;	  /* chunks that left by overflow, not yet answered by a refill */
	uint32_t credit;  /* by how many chunks the limit may grow */
	uint32_t is_shut;   /* the stack may not grow before the next refill or look, or before it is emptied */
	int32_t seen_room;  /* room at the last look; or none that could be, if the class has moved */
};

/* bin->seen_room of a bin that has changed since it was looked at: no room that could be. */
#define SEA_BIN_HAS_MOVED INT32_MAX

struct sea_cache {
	struct sea_link *head[SEA_NR_CLASSES]; /* stacks */
	int32_t room[SEA_NR_CLASSES];	       /* chunks that a stack still takes; others read it */
	struct sea_shard *shard;	       /* NULL: the cache of a thread that has none */
	int clock;			       /* CPU clock of the thread (confirm.c); 0: not known */
	uint32_t waits_below;		       /* granules: a chunk that leaves and has fewer waits in the outbox */
	struct sea_cache *next, **link;	       /* threads lock: list of all caches */
	struct sea_usage usage;
	struct sea_parked parked;
	struct sea_bin bin[SEA_NR_CLASSES];
	uint32_t look_next; /* the class at which a look goes on; 0: none is under way */
	struct sea_spill *spill[SEA_SPILL_CLASSES]; /* NULL: the stack never was large and scattered */
	struct sea_outbox outbox;
	uint32_t nr_passed; /* allocations of medium blocks while memory is being given back */
};

/* Where a cache starts: a thread that has small chunks only, and sends none back, needs
 * memory for the first half. */
#define SEA_CACHE_ALIGN ((size_t)4096)

_Static_assert(sizeof(struct sea_link) <= SEA_GRANULE, "the smallest chunk holds a link");
_Static_assert(sizeof(struct sea_cache) <= 2 * SEA_CACHE_ALIGN, "two pages a thread");
_Static_assert(offsetof(struct sea_cache, bin[SEA_SMALL_GRANULES + 1]) <= SEA_CACHE_ALIGN, "small classes: the first");

/* Where class c spills to, or NULL. */
SEA_INLINE struct sea_spill *sea_bin_spill(const struct sea_cache *cache, size_t c)
{
	return c < SEA_SPILL_CLASSES ? cache->spill[c] : NULL;
}

/* Returns `chunk`, which the link of a free chunk has led to (NULL: which is the head of a stack).  Ends the process
 * if it is neither NULL nor a free chunk (K2). */
SEA_INLINE struct sea_link *sea_bin_expect(struct sea_link *chunk, const struct sea_link *from)
{
	if (unlikely(chunk && ((uintptr_t)chunk % SEA_GRANULE || !sea_zone_of(chunk) || !sea_link_is_marked(chunk))))
		sea_mistake_link(from, chunk);
	return chunk;
}

/* The chunk below a chunk of a stack, or NULL. */
SEA_INLINE struct sea_link *sea_bin_below(const struct sea_link *chunk) { return sea_bin_expect(chunk->next, chunk); }

/* Puts a used chunk of class c on the stack, with the mark that it is to carry. */
SEA_INLINE void sea_bin_push_marked(struct sea_cache *cache, unsigned c, void *block, uintptr_t mark)
{
	SEA_ASSERT(cache->shard);
	SEA_ASSERT(sea_class_granules(c));
	SEA_ASSERT(sea_zone_of(block));
	SEA_ASSERT(mark == sea_link_mark(block));
	struct sea_link *chunk = block;
	chunk->next = cache->head[c];
	chunk->mark = mark;
	cache->head[c] = chunk;
	cache->room[c]--;
}

SEA_INLINE void sea_bin_push(struct sea_cache *cache, unsigned c, void *block)
{
	sea_bin_push_marked(cache, c, block, sea_link_mark(block));
}

/* Takes the chunk on top; the stack is not empty. */
SEA_INLINE void *sea_bin_pop(struct sea_cache *cache, unsigned c)
{
	SEA_ASSERT(cache->head[c]);
	SEA_ASSERT(sea_link_is_marked(cache->head[c]));
	struct sea_link *chunk = cache->head[c];
	cache->head[c] = chunk->next;
	cache->room[c]++;
	chunk->mark = 0;
	return chunk;
}

/* Hands out the lowest chunk, and marks the next: freeing what lies behind a block is
 * the likeliest way to meet it. */
SEA_INLINE void *sea_bin_pop_fresh(struct sea_bin *bin, size_t size)
{
	SEA_ASSERT(bin->cur < bin->end);
	SEA_ASSERT(size > 0);
	SEA_ASSERT((size_t)(bin->end - bin->cur) % size == 0);
	struct sea_link *chunk = (struct sea_link *)bin->cur;
	bin->cur += size;
	if (bin->cur < bin->end)
		((struct sea_link *)bin->cur)->mark = sea_link_mark(bin->cur);
	chunk->mark = 0;
	return chunk;
}

/* Makes room in the stack of class c, or beside it; false: there is none in it, and it need not be
 * asked again if it is shut now. */
SEA_NOINLINE bool sea_bin_grow(struct sea_cache *cache, unsigned c);

/* The limits become what the stacks hold. */
void sea_bins_tighten(struct sea_cache *cache);

/* Brings chunks of class c, whose stack is empty; false: no memory. */
bool sea_bin_refill(struct sea_cache *cache, unsigned c);

/* Brings what has spilled from class c, whose stack is empty; false: nothing has. */
bool sea_bin_unspill(struct sea_cache *cache, unsigned c);

/* Brings aligned chunks of class c, and puts one on top of the stack; false: no memory. */
bool sea_bin_refill_aligned(struct sea_cache *cache, unsigned c, size_t align);

/* Claim: K1 to K3, and all below.  Walks every stack; for the cache's thread, or while that does not run. */
bool sea_bins_are_sound(const struct sea_cache *cache);

/* The same for debug builds at the borders of this room: walks each 64th time that it is asked. */
bool sea_bins_seem_sound(const struct sea_cache *cache);

#endif
