/* SPDX-License-Identifier: MIT */
/* flush.c - sending what a cache holds back (layer 8)
 *
 * K4  Every chunk that is sent back carries its mark before its bit is set (X1).
 *
 * A thread that sends much back helps to merge it now and then, and one that is clearing up
 * keeps nothing back.
 */
#include "flush.h"

#include "lock.h"
#include "reclaim.h"

/* What SEA_HELP_BYTES is for a thread that is clearing up and has less than that left. */
#define LAST_HELP_BYTES (32 * SEA_KIB)

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

/* The room is wrong until the caller has set it (K1). */
static void send_stack(struct sea_cache *cache, unsigned c)
{
	int64_t length = 0;
	for (struct sea_link *chunk; (chunk = cache->head[c]); length++) {
		cache->head[c] = chunk->next;
		send(cache, chunk, c);
	}
	SEA_ASSERT(cache->room[c] + length == cache->stock[c].limit);
}

/* What class c has spilled, and the room for it. */
static void send_spill(struct sea_cache *cache, unsigned c)
{
	struct sea_spill *spill = sea_stack_spill(cache, c);
	struct sea_link *chunk;
	if (!spill)
		return;
	sea_ledger_revoke(&cache->ledger, spill->limit * sea_class_size(c));
	while (sea_spill_take(spill, SEA_OUTBOX_CHUNKS, &chunk)) {
		for (struct sea_link *next; chunk; chunk = next) {
			next = chunk->next;
			send(cache, chunk, c);
		}
	}
	sea_spill_tighten(spill);
	SEA_ASSERT(!spill->limit);
}

static void send_stock(struct sea_cache *cache, unsigned c)
{
	struct sea_stock *stock = &cache->stock[c];
	for (size_t size = sea_class_size(c); stock->cur < stock->end; stock->cur += size) {
		struct sea_link *chunk = (struct sea_link *)stock->cur;
		chunk->mark = sea_link_mark(chunk);
		send(cache, chunk, c);
	}
	SEA_ASSERT(stock->cur == stock->end);
}

bool sea_flush_has(const struct sea_cache *cache, unsigned c)
{
	const struct sea_stock *stock = &cache->stock[c];
	const struct sea_spill *spill = sea_stack_spill(cache, c);
	return cache->head[c] || stock->limit || stock->cur < stock->end || (spill && spill->limit);
}

void sea_flush_class(struct sea_cache *cache, unsigned c)
{
	struct sea_stock *stock = &cache->stock[c];
	SEA_ASSERT(sea_class_granules(c));
	send_stack(cache, c);
	send_stock(cache, c);
	send_spill(cache, c);
	sea_ledger_revoke(&cache->ledger, stock->limit * sea_class_size(c));
	cache->room[c] = 0;
	stock->limit = 0;
	stock->drawn = 0;
	stock->is_shut = 0;
}

void sea_flush_all(struct sea_cache *cache)
{
	sea_flush_outbox(cache);
	for (unsigned c = 1; c < SEA_NR_CLASSES; c++)
		if (cache->stock[c].drawn || sea_flush_has(cache, c))
			sea_flush_class(cache, c);
	sea_flush_outbox(cache);
	sea_shelf_clear(&cache->shelf);
	SEA_ASSERT(cache->ledger.granted == 0);
	SEA_ASSERT(sea_shelf_bytes(&cache->shelf) == 0);
}

void sea_flush_purge(struct sea_cache *cache)
{
	for (unsigned c = 1; c < SEA_SPILL_CLASSES; c++)
		if (cache->spill[c])
			sea_spill_purge(cache->spill[c]);
}

/* The thread may be giving back all it has, and do nothing for long after: merges what it
 * sent, and gives more back than would go otherwise.  Again when it has sent half of what
 * it held still. */
static void tidy_up(struct sea_cache *cache)
{
	struct sea_ledger *ledger = &cache->ledger;
	sea_flush_all(cache);
	sea_flush_purge(cache);
	if (ledger->returned < ledger->tidied)
		return;
	size_t least = sea_ledger_held_much(ledger) ? LAST_HELP_BYTES : SEA_CLEARING_BYTES / 2;
	ledger->tidied = ledger->returned + sea_max(sea_ledger_net(ledger) / 2, least);
	sea_shard_drain_worth(cache->shard);
	sea_reclaim(SEA_THREAD_CLEARS);
}

/* Now and then after sending: merges what has come together. */
static void help(struct sea_cache *cache, struct sea_shard *shard)
{
	SEA_ASSERT(shard);
	if (sea_lock_holds_any())
		return; /* a signal handler has interrupted who holds it */
	cache->ledger.sent = 0;
	sea_shard_help(shard);
	if (sea_ledger_is_clearing(&cache->ledger))
		tidy_up(cache);
	else
		sea_reclaim(SEA_NOW_AND_THEN);
}

/* What a thread sends back between two helps.  While it tears down, half of what it holds comes
 * together, as far as so much may stay: the fewer passes. */
static size_t help_interval(const struct sea_ledger *ledger)
{
	size_t some = sea_min(sea_ledger_net(ledger), sea_options.dirty_max) / 2;
	return sea_max(some, SEA_HELP_BYTES);
}

static bool is_worth_help(const struct sea_ledger *ledger)
{
	if (likely(ledger->sent < LAST_HELP_BYTES))
		return false;
	if (ledger->sent >= help_interval(ledger))
		return true;
	bool is_nearly_done = sea_ledger_held_much(ledger) && sea_ledger_net(ledger) < SEA_HELP_BYTES;
	return is_nearly_done && sea_ledger_is_clearing(ledger);
}

/* The shard that the last chunk goes to gets the help: its zone may be gone once it
 * has the chunk. */
void sea_flush_and_help(struct sea_cache *cache)
{
	struct sea_shard *shard = sea_outbox_shard(&cache->outbox);
	sea_flush_outbox(cache);
	if (unlikely(is_worth_help(&cache->ledger)))
		help(cache, shard);
}
