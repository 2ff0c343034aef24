/* SPDX-License-Identifier: MIT */
/* send.h - sending chunks from a cache to the zones */
#ifndef SEA_SEND_H
#define SEA_SEND_H

#include "cache/bin.h"

/* A thread that sent a quarter of a zone checks whether there is a zone to merge. */
#define SEA_MERGE_BYTES (SEA_ZONE_SIZE / 4)
/* A chunk of so many granules is sent at once.  It does not wait in the outbox. */
#define SEA_WAITS_BELOW (SEA_MERGE_BYTES / SEA_OUTBOX_CHUNKS / SEA_GRANULE)

/* Sends the outbox. */
void sea_send_outbox(struct sea_cache *cache);

/* The same, and enters the chunks that were prefetched for the spills. */
void sea_send_waiting(struct sea_cache *cache);

/* Sends an outbox that is not empty.  If the thread has sent much, makes a step of merging. */
SEA_NOINLINE void sea_send_and_merge(struct sea_cache *cache);

/* Claim: the class has chunks, or a limit above 0. */
bool sea_bin_has_any(const struct sea_cache *cache, unsigned c);

/* Sends up to `most` chunks of one class: from its stack, its fresh run, and its spill.  Every
 * chunk in the outbox has its mark.  Returns the number, which may exceed `most` by a batch of a
 * spill.  If it is below `most`, the class is empty and has no room; its counts of recurrence
 * stay. */
size_t sea_send_bin(struct sea_cache *cache, unsigned c, size_t most);

/* The same for all classes.  True: the cache is empty. */
bool sea_send_some(struct sea_cache *cache, size_t most);

/* Empties the cache. */
void sea_send_all(struct sea_cache *cache);

/* Claim: the cache has no chunks and no room for any (K6). */
bool sea_cache_is_empty(const struct sea_cache *cache);

/* Purges the memory of empty spills.  The caller holds no lock. */
void sea_send_purge_spills(struct sea_cache *cache);

/* Bytes that sea_send_all() would send or free.  For another thread's cache the classes are read
 * at different moments. */
size_t sea_cache_bytes(const struct sea_cache *cache);

#endif
