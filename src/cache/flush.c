/* SPDX-License-Identifier: MIT */
/* flush.c - sending what a cache holds back
 *
 * K4  Every chunk that is sent back carries its mark before its bit is set (X1).
 *
 * A thread that sends much back helps to merge it now and then, and one that is clearing up
 * keeps nothing back.
 */
#include "cache/flush.h"

#include "base/lock.h"
#include "base/os.h"
#include "heap/reclaim.h"

/* What SEA_HELP_BYTES is for a thread that is clearing up and has less than that left. */
#define LAST_HELP_BYTES (32 * SEA_KIB)
/* Chunks that leave the cache in a step: 20 to 60 ns each. */
#define STEP_CHUNKS 1024
/* A teardown is near its end when so small a part of the peak is left: what is free by then waits
 * for the last blocks of its pages and zones. */
#define LAST_SHARE 8

SEA_RACE_BY_DESIGN size_t sea_flush_bytes(const struct sea_cache *cache)
{
	size_t bytes = sea_outbox_bytes(&cache->outbox) + sea_shelf_bytes(&cache->shelf);
	for (unsigned c = 1; c < SEA_NR_CLASSES; c++) {
		const struct sea_stock *stock = &cache->stock[c];
		int64_t nr = (int64_t)stock->limit - cache->room[c];
		bytes += nr > 0 ? (size_t)nr * sea_class_size(c) : 0;
		bytes += stock->end > stock->cur ? (size_t)(stock->end - stock->cur) : 0;
		const struct sea_spill *spill = sea_stack_spill(cache, c);
		bytes += spill ? sea_spill_length(spill) * sea_class_size(c) : 0;
	}
	return bytes;
}

void sea_flush_outbox(struct sea_cache *cache)
{
	sea_ledger_send(&cache->ledger, sea_outbox_deliver(&cache->outbox));
	SEA_ASSERT(sea_outbox_bytes(&cache->outbox) == 0);
}

void sea_flush_settle(struct sea_cache *cache)
{
	sea_flush_outbox(cache);
	for (unsigned c = 1; c < SEA_SPILL_CLASSES; c++)
		if (cache->spill[c])
			sea_spill_settle(cache->spill[c]);
}

/* A marked chunk leaves. */
static void send(struct sea_cache *cache, struct sea_link *chunk, unsigned c)
{
	SEA_ASSERT(sea_zone_of(chunk));
	SEA_ASSERT(sea_link_is_marked(chunk));
	if (sea_outbox_add(&cache->outbox, chunk, sea_class_granules(c)))
		sea_flush_outbox(cache);
}

/* Up to `most` chunks of the stack of class c; the limit goes down with them, as far as they were
 * within it (K1).  How many. */
static size_t send_stack(struct sea_cache *cache, unsigned c, size_t most)
{
	size_t nr = 0;
	sea_stack_expect(cache->head[c], NULL);
	for (struct sea_link *chunk; nr < most && (chunk = cache->head[c]); nr++) {
		cache->head[c] = sea_stack_below(chunk);
		send(cache, chunk, c);
	}
	size_t within = sea_min(nr, cache->stock[c].limit);
	cache->stock[c].limit -= (uint32_t)within;
	cache->room[c] += (int32_t)(nr - within);
	sea_ledger_revoke(&cache->ledger, within * sea_class_size(c));
	return nr;
}

/* Of what class c has spilled, with the room for it. */
static size_t send_spill(struct sea_cache *cache, unsigned c, size_t most)
{
	struct sea_spill *spill = sea_stack_spill(cache, c);
	struct sea_link *chunk;
	size_t nr = 0;
	uint32_t some;
	if (!spill)
		return 0;
	while (nr < most && (some = sea_spill_take(spill, SEA_OUTBOX_CHUNKS, &chunk))) {
		nr += some;
		for (struct sea_link *next; chunk; chunk = next) {
			next = chunk->next;
			send(cache, chunk, c);
		}
	}
	sea_ledger_revoke(&cache->ledger, sea_spill_tighten(spill) * sea_class_size(c));
	return nr;
}

static size_t send_stock(struct sea_cache *cache, unsigned c, size_t most)
{
	struct sea_stock *stock = &cache->stock[c];
	size_t nr = 0;
	for (size_t size = sea_class_size(c); nr < most && stock->cur < stock->end; stock->cur += size, nr++) {
		struct sea_link *chunk = (struct sea_link *)stock->cur;
		chunk->mark = sea_link_mark(chunk);
		send(cache, chunk, c);
	}
	return nr;
}

bool sea_flush_has(const struct sea_cache *cache, unsigned c)
{
	const struct sea_stock *stock = &cache->stock[c];
	const struct sea_spill *spill = sea_stack_spill(cache, c);
	return cache->head[c] || stock->limit || stock->cur < stock->end || (spill && spill->limit);
}

size_t sea_flush_class(struct sea_cache *cache, unsigned c, size_t most)
{
	struct sea_stock *stock = &cache->stock[c];
	SEA_ASSERT(sea_class_granules(c));
	size_t nr = send_stack(cache, c, most);
	nr += send_stock(cache, c, most - nr);
	nr += nr < most ? send_spill(cache, c, most - nr) : 0;
	if (nr >= most)
		return nr;
	SEA_ASSERT(cache->room[c] == (int32_t)stock->limit);
	sea_ledger_revoke(&cache->ledger, stock->limit * sea_class_size(c));
	cache->room[c] = 0;
	stock->limit = 0;
	stock->drawn = 0;
	stock->is_shut = 0;
	return nr;
}

bool sea_flush_some(struct sea_cache *cache, size_t most)
{
	size_t nr = 0;
	sea_flush_outbox(cache);
	for (unsigned c = 1; c < SEA_NR_CLASSES && nr < most; c++)
		if (cache->stock[c].drawn || sea_flush_has(cache, c))
			nr += sea_flush_class(cache, c, most - nr);
	sea_flush_outbox(cache);
	if (nr < most)
		sea_shelf_clear(&cache->shelf);
	return nr < most;
}

void sea_flush_all(struct sea_cache *cache)
{
	sea_flush_some(cache, SIZE_MAX);
	SEA_ASSERT(cache->ledger.granted == 0);
	SEA_ASSERT(sea_shelf_bytes(&cache->shelf) == 0);
}

void sea_flush_purge(struct sea_cache *cache)
{
	for (unsigned c = 1; c < SEA_SPILL_CLASSES; c++)
		if (cache->spill[c])
			sea_spill_purge(cache->spill[c]);
}

/* What a thread sends back between two helps.  While it tears down, half of what it holds comes
 * together, as far as so much may stay: the fewer passes. */
static size_t help_interval(const struct sea_ledger *ledger)
{
	size_t some = sea_min(sea_ledger_net(ledger), sea_options.dirty_max) / 2;
	return sea_max(some, SEA_HELP_BYTES);
}

/* The thread may be giving back all it has, and do nothing for long after: a step of merging what
 * it sent, and of giving more back than would go otherwise.  Again when it has sent half of what
 * it held still.  True: there is more to do. */
static bool tidy_up(struct sea_cache *cache)
{
	struct sea_ledger *ledger = &cache->ledger;
	if (!sea_flush_some(cache, STEP_CHUNKS))
		return true;
	sea_flush_purge(cache);
	if (ledger->returned < ledger->tidied)
		return false;
	bool goes_on = sea_shard_drain_worth(cache->shard);
	goes_on |= sea_reclaim(SEA_THREAD_CLEARS);
	if (!goes_on) {
		size_t least = sea_ledger_held_much(ledger) ? LAST_HELP_BYTES : SEA_CLEARING_BYTES / 2;
		ledger->tidied = ledger->returned + sea_max(sea_ledger_net(ledger) / 2, least);
	}
	return goes_on;
}

/* A step after sending: merges what has come together.  If there is more to do, the next
 * delivery goes on. */
static bool help(struct sea_cache *cache, struct sea_shard *shard)
{
	SEA_ASSERT(shard);
	if (sea_lock_holds_any())
		return false; /* a signal handler has interrupted who holds it */
	struct sea_ledger *ledger = &cache->ledger;
	bool goes_on = sea_shard_help(shard);
	goes_on |= sea_ledger_is_clearing(ledger) ? tidy_up(cache) : sea_reclaim(SEA_NOW_AND_THEN);
	ledger->sent = goes_on ? help_interval(ledger) : 0;
	return goes_on;
}

static bool is_nearly_done(const struct sea_ledger *ledger)
{
	return sea_ledger_held_much(ledger) &&
	       sea_ledger_net(ledger) < sea_max(SEA_HELP_BYTES, ledger->peak / LAST_SHARE);
}

static bool is_worth_help(const struct sea_ledger *ledger)
{
	if (likely(ledger->sent < LAST_HELP_BYTES))
		return false;
	return ledger->sent >= help_interval(ledger) || (is_nearly_done(ledger) && sea_ledger_is_clearing(ledger));
}

/* The shard that the last chunk goes to gets the help: its zone may be gone once it
 * has the chunk.  Near the end of a teardown, for there may be no call after it, each chunk is sent by
 * itself, and brings a step, until there is nothing to do. */
void sea_flush_and_help(struct sea_cache *cache)
{
	struct sea_shard *shard = sea_outbox_shard(&cache->outbox);
	sea_flush_outbox(cache);
	bool goes_on = is_worth_help(&cache->ledger) && help(cache, shard);
	cache->waits_below = unlikely(goes_on && is_nearly_done(&cache->ledger)) ? 1 : SEA_WAITS_BELOW;
}
