/* SPDX-License-Identifier: MIT */
/* bin.h - what a thread's cache is made of: a bin for each size class
 *
 *    head[c] --> chunk --> chunk --> NULL      the stack: chunks that the thread has freed
 *    cur -->|chunk|chunk|chunk|<-- end         the fresh run: never handed out, side by side
 *
 * refill.c fills a bin, growth.c decides how much it may hold, send.c empties it.
 *
 * K1  room[c] + length of stack c == bin[c].limit.  (room is below 0 after a refill that brought
 *     more than the limit.)
 * K2  Every chunk in stack c is sea_class_granules(c) long, used to its zone, and has its mark.
 * K3  The fresh run [cur, end) consists of chunks of the class that are used to their zone.  Once
 *     the first chunk has been handed out, the chunk at cur has its mark.
 * K5  While a chunk in the outbox or in a spill waits for its mark, the thread takes nothing from
 *     a stack, and the stack of the chunk's class takes nothing.  sea_own.nr_classes is 0, so
 *     malloc() takes its slow path, which marks the chunk first (sea_send_waiting).  So a second
 *     free of the chunk finds a mark, or takes the slow path too.
 *
 * A program that writes to a freed block breaks a link.  The fast path pops whatever is there.
 * The slow paths check where a link leads before they follow it.
 *
 * K7  At each instruction: room[c] + length of stack c <= bin[c].limit; the stack, the fresh run,
 *     the spill and the outbox have no chunk in common; and every link of a stack leads to a
 *     chunk of it.  So the child of a fork by a signal handler can allocate, wherever the signal
 *     came: what was on its way from one list to the next is lost to it.  sea_before_a_signal()
 *     stands where the compiler could change the order of stores.
 *
 * No lock: a cache belongs to its thread.  Other threads read only the fields that say so.
 */
#ifndef SEA_BIN_H
#define SEA_BIN_H

#include "base/check.h"
#include "base/page_size.h"
#include "guard/guard.h"
#include "map/map.h"
#include "cache/outbox.h"
#include "cache/parked.h"
#include "cache/spill.h"
#include "cache/usage.h"

/* The state of a class beside its stack. */
struct sea_bin {
	char *cur, *end;  /* the fresh run */
	uint32_t limit;	  /* chunks that the stack may hold */
	uint32_t left;	  /* chunks that found no room, less those that refills brought again */
	uint32_t credit;  /* chunks by which the limit may grow */
	uint16_t drawn : 15; /* chunks refilled since the class was last emptied, up to
				SEA_BIN_DRAWN_MOST */
	/* the stack may not grow until the next refill or look, or until it is
	 * emptied; nor has its spill room */
	uint16_t is_shut : 1;
	uint16_t seen_room; /* the low bits of the room at the last look (SEA_BIN_ROOM_BITS), or
				SEA_BIN_HAS_MOVED */
};

/* Further chunks are not counted.  Four of the largest batches (refill.c) are a quarter of it. */
#define SEA_BIN_DRAWN_MOST 0x7fff
/* A bin that took or gave a multiple of so many chunks looks as if it had not changed. */
#define SEA_BIN_ROOM_BITS 0x7fff
/* bin->seen_room if the bin has changed since the last look: no low bits have this value. */
#define SEA_BIN_HAS_MOVED UINT16_MAX

struct sea_cache {
	struct sea_link *head[SEA_NR_CLASSES]; /* stacks */
	/* chunks that the stack can still take; other threads read it */
	int32_t room[SEA_NR_CLASSES];
	struct sea_shard *shard;	       /* NULL: the cache of threads without a cache */
	/* CPU clock of the thread (confirm.c); 0: not known */
	int clock;
	/* granules: shorter chunks that leave wait in the outbox */
	uint32_t waits_below;
	struct sea_cache *next, **link;	       /* threads lock: list of all caches */
	struct sea_usage usage;
	struct sea_parked parked;
	/* chunks until the thread asks for a guarded block; below 1: at the next chance */
	int64_t to_guard;
	struct sea_bin bin[SEA_NR_CLASSES];
	uint64_t looked_ms; /* the start of the last look */
	uint32_t look_next; /* the class at which a look continues; 0: no look is in progress */
	/* NULL until the stack is large and scattered */
	struct sea_spill *spill[SEA_SPILL_CLASSES];
	struct sea_outbox outbox;
};

/* Alignment of a cache.  A thread that has only chunks up to 1792 bytes and sends none
 * uses only the first half. */
#define SEA_CACHE_ALIGN SEA_LEAST_PAGE
#define SEA_CACHE_FIRST_CLASSES (SEA_CLASS_MEDIUM + 8)

_Static_assert(sizeof(struct sea_link) <= SEA_GRANULE, "the smallest chunk holds a link");
_Static_assert(sizeof(struct sea_cache) <= 2 * SEA_CACHE_ALIGN, "two pages a thread");
_Static_assert(offsetof(struct sea_cache, bin[SEA_CACHE_FIRST_CLASSES]) <= SEA_CACHE_ALIGN, "light threads: the first");

/* The spill of class c, or NULL. */
SEA_INLINE struct sea_spill *sea_bin_spill(const struct sea_cache *cache, size_t c)
{
	return c < SEA_SPILL_CLASSES ? cache->spill[c] : NULL;
}

/* Checks `chunk`, to which the link of the free chunk `from` leads (NULL: the head of a stack).
 * Ends the process if it is neither NULL nor a free chunk (K2).  Returns it. */
SEA_INLINE struct sea_link *sea_bin_expect(struct sea_link *chunk, const struct sea_link *from)
{
	if (unlikely(chunk && ((uintptr_t)chunk % SEA_GRANULE || !sea_zone_of(chunk) || !sea_link_is_marked(chunk))))
		sea_mistake_link(from, chunk);
	return chunk;
}

/* The chunk below a chunk of a stack, or NULL. */
SEA_INLINE struct sea_link *sea_bin_below(const struct sea_link *chunk) { return sea_bin_expect(chunk->next, chunk); }

/* Puts a used chunk of class c on the stack, with its mark. */
SEA_INLINE void sea_bin_push_marked(struct sea_cache *cache, unsigned c, void *block, uintptr_t mark)
{
	SEA_ASSERT(cache->shard);
	SEA_ASSERT(sea_class_granules(c));
	SEA_ASSERT(sea_zone_of(block));
	SEA_ASSERT(mark == sea_link_mark(block));
	struct sea_link *chunk = block;
	chunk->next = cache->head[c];
	chunk->mark = mark;
	cache->room[c]--;
	sea_before_a_signal(); /* K7 */
	cache->head[c] = chunk;
}

SEA_INLINE void sea_bin_push(struct sea_cache *cache, unsigned c, void *block)
{
	sea_bin_push_marked(cache, c, block, sea_link_mark(block));
}

/* Takes the top chunk.  The stack is not empty. */
SEA_INLINE void *sea_bin_pop(struct sea_cache *cache, unsigned c)
{
	SEA_ASSERT(cache->head[c]);
	SEA_ASSERT(sea_link_is_marked(cache->head[c]));
	struct sea_link *chunk = cache->head[c];
	cache->head[c] = chunk->next;
	sea_before_a_signal(); /* K7 */
	cache->room[c]++;
	chunk->mark = 0;
	return chunk;
}

/* Hands out the lowest chunk and marks the next one: of all fresh chunks, a program most likely
 * frees that one by mistake. */
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

/* Bytes of a fresh run, from one multiple to the next, whose chunks go on the stack together: the
 * fast path takes them from there.  A malloc() from the fresh run takes 44 instructions, from the
 * stack 16.  512, 1024 and 4096 bytes save 0.47, 0.63 and 0.72 % of lua's instructions, and 0.9,
 * 1.1 and 1.0 % of perl's. */
#define SEA_STACKED_BYTES SEA_BYTES_PER_START

_Static_assert(SEA_STACKED_BYTES <= SEA_LEAST_PAGE, "links are written to one page at a time");

/* Makes [cur, end) the fresh run of a bin that has none.  At no instruction is there another one
 * (K7). */
SEA_INLINE void sea_bin_set_fresh(struct sea_bin *bin, char *cur, char *end)
{
	SEA_ASSERT(bin->cur == bin->end && cur < end);
	bin->cur = (char *)UINTPTR_MAX;
	sea_before_a_signal();
	bin->end = end;
	sea_before_a_signal();
	bin->cur = cur;
}

/* Moves the first fresh chunks of a small class, those that start before the next multiple of
 * SEA_STACKED_BYTES, to the stack, which is empty.  The lowest comes on top. */
SEA_INLINE void sea_bin_stack_fresh(struct sea_cache *cache, size_t c)
{
	struct sea_bin *bin = &cache->bin[c];
	struct sea_link *first = (struct sea_link *)bin->cur, *last;
	uintptr_t at = (uintptr_t)first, seams = (uintptr_t)sea_load_relaxed(&sea_seams);
	uintptr_t end = sea_min((at | (SEA_STACKED_BYTES - 1)) + 1, (uintptr_t)bin->end);
	SEA_ASSERT(c - 1 < SEA_SMALL_GRANULES && !cache->head[c] && at < end);
	int32_t room = cache->room[c];
	do {
		last = (struct sea_link *)at;
		last->mark = at + seams;
		at += c * SEA_GRANULE;
		last->next = (struct sea_link *)at;
		room--;
	} while (at < end);
	last->next = NULL;
	bin->cur = (char *)at;
	if (bin->cur < bin->end)
		((struct sea_link *)at)->mark = at + seams;
	cache->room[c] = room;
	sea_before_a_signal(); /* K7 */
	cache->head[c] = first;
}

/* Makes room in the stack of class c, or in its spill.  False: the stack has no room.  If is_shut
 * is set then, callers need not ask again. */
SEA_NOINLINE bool sea_bin_grow(struct sea_cache *cache, unsigned c);

/* Lowers each limit to what the stack or spill holds. */
void sea_bins_tighten(struct sea_cache *cache);

/* Refills class c, whose stack is empty.  False: out of memory. */
bool sea_bin_refill(struct sea_cache *cache, unsigned c);

/* Moves chunks from the spill of class c to its stack, which is empty.  False: there are none. */
bool sea_bin_unspill(struct sea_cache *cache, unsigned c);

/* Brings aligned chunks of class c and puts one on top of the stack.  False: out of memory. */
bool sea_bin_refill_aligned(struct sea_cache *cache, unsigned c, size_t align);

/* Claim: K1 to K3 and US4, and the spills, the outbox and the usage are sound.  Walks every stack.
 * For the cache's thread, or while that does not run. */
bool sea_bins_are_sound(const struct sea_cache *cache);

/* The same at the borders of this room in debug builds: walks once in 64 calls. */
bool sea_bins_seem_sound(const struct sea_cache *cache);

#endif
