/* SPDX-License-Identifier: MIT */
/* flush.h - sending what a cache holds back */
#ifndef SEA_FLUSH_H
#define SEA_FLUSH_H

#include "cache/stack.h"

/* A thread that sent this much back sees whether there is a zone to drain. */
#define SEA_HELP_BYTES (256 * SEA_KIB)
/* A chunk of so many granules does not wait in the outbox for others. */
#define SEA_WAITS_BELOW (SEA_HELP_BYTES / SEA_OUTBOX_CHUNKS / SEA_GRANULE)

/* Sends what is in the outbox. */
void sea_flush_outbox(struct sea_cache *cache);

/* The same, and enters what was fetched for the spills. */
void sea_flush_settle(struct sea_cache *cache);

/* The same for an outbox that is not empty; if much has been sent, merges what has come
 * together. */
SEA_NOINLINE void sea_flush_and_help(struct sea_cache *cache);

/* Claim: the class has chunks, or may have them. */
bool sea_flush_has(const struct sea_cache *cache, unsigned c);

/* Into an outbox of which all is marked: up to `most` chunks of one class, of its stack, its spill
 * and what was never handed out.  Fewer: it is empty, and has no room.  What it has learnt of
 * recurrence stays.  Returns how many, and may exceed `most` by a batch of a spill. */
size_t sea_flush_class(struct sea_cache *cache, unsigned c, size_t most);

/* The same for all classes; true: the cache is empty. */
bool sea_flush_some(struct sea_cache *cache, size_t most);

/* Empties the cache. */
void sea_flush_all(struct sea_cache *cache);

/* Gives the memory of spills that are empty back.  No lock may be held. */
void sea_flush_purge(struct sea_cache *cache);

/* Bytes that sea_flush_all() would give back; of another thread's cache a moment's view of
 * each class. */
size_t sea_flush_bytes(const struct sea_cache *cache);

#endif
