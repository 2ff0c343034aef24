/* SPDX-License-Identifier: MIT */
/* send.h - sending what a cache holds back */
#ifndef SEA_SEND_H
#define SEA_SEND_H

#include "cache/bin.h"

/* A thread that sent this much back sees whether there is a zone to merge. */
#define SEA_MERGE_BYTES (256 * SEA_KIB)
/* A chunk of so many granules does not wait in the outbox for others. */
#define SEA_WAITS_BELOW (SEA_MERGE_BYTES / SEA_OUTBOX_CHUNKS / SEA_GRANULE)

/* Sends what is in the outbox. */
void sea_send_outbox(struct sea_cache *cache);

/* The same, and enters what was fetched for the spills. */
void sea_send_waiting(struct sea_cache *cache);

/* The same for an outbox that is not empty; if much has been sent, merges what has come
 * together. */
SEA_NOINLINE void sea_send_and_merge(struct sea_cache *cache);

/* Claim: the class has chunks, or may have them. */
bool sea_bin_has_any(const struct sea_cache *cache, unsigned c);

/* Into an outbox of which all is marked: up to `most` chunks of one class, of its stack, its spill
 * and what was never handed out.  Fewer: it is empty, and has no room.  What it has learnt of
 * recurrence stays.  Returns how many, and may exceed `most` by a batch of a spill. */
size_t sea_send_bin(struct sea_cache *cache, unsigned c, size_t most);

/* The same for all classes; true: the cache is empty. */
bool sea_send_some(struct sea_cache *cache, size_t most);

/* Empties the cache. */
void sea_send_all(struct sea_cache *cache);

/* Claim: the cache holds nothing, and may hold nothing (K6). */
bool sea_cache_is_empty(const struct sea_cache *cache);

/* Gives the memory of spills that are empty back.  No lock may be held. */
void sea_send_purge_spills(struct sea_cache *cache);

/* Bytes that sea_send_all() would give back; of another thread's cache a moment's view of
 * each class. */
size_t sea_cache_bytes(const struct sea_cache *cache);

#endif
