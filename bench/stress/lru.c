/* SPDX-License-Identifier: MIT */
/* lru.c - a cache that runs long, and whose contents change
 *
 * A key-value cache as memcached and Redis are: bounded in bytes, the least recently used
 * entry goes first, some keys are asked for much more often than others (L. Breslau et al.,
 * "Web Caching and Zipf-like Distributions", INFOCOM 1999).  R. Nishtala et al., "Scaling
 * Memcache at Facebook", NSDI 2013, tell what a change of value sizes does to size classes,
 * S. Rumble, A. Kejriwal and J. Ousterhout, "Log-structured Memory for DRAM-based Storage",
 * FAST 2014, what it does to malloc: their workloads fill memory with one size, lose most
 * of it at random, and fill it with another.
 *
 * Adapted: an epoch begins with the loss of two thirds of all entries at random, and has value
 * sizes of its own.
 */
#include "stress.h"

/* What the cache may hold, entries included. */
#define LIMIT (48 * MiB)
/* Keys of all threads, some times as many as have room. */
#define KEYS 600000
#define BUCKETS 200000
/* Of all threads in one round. */
#define QUERIES 20000
#define ROUNDS_AN_EPOCH 20
/* Value sizes: 16 to 511 bytes, and up to 16 times that, one epoch after the other. */
#define NR_SIZES 5
#define SIZE_LOW ((size_t)16)
#define SIZE_SPAN 32

struct entry {
	uint64_t key;
	uint64_t stamp;
	struct entry *next; /* in the bucket */
	struct entry *newer;
	struct entry *older;
	void *value;
};

struct cache {
	struct entry **buckets;
	struct entry *newest;
	struct entry *oldest;
	size_t bytes;
	size_t size_low;
};

/* Keys of two caches differ. */
static uint64_t stamp_of(const struct worker *self, uint64_t key)
{
	return random_mix(key + ((uint64_t)self->index << 40));
}

static size_t bucket_of(uint64_t key)
{
	return random_mix(key) % stress_share(BUCKETS);
}

/* Verified before one follows its links. */
static struct entry *verified(const struct worker *self, struct entry *entry)
{
	if (entry && entry->stamp != stamp_of(self, entry->key))
		stress_fail("a cache entry was overwritten");
	return entry;
}

static struct entry *find(const struct worker *self, const struct cache *cache, uint64_t key)
{
	struct entry *entry = verified(self, cache->buckets[bucket_of(key)]);
	while (entry && entry->key != key) {
		if (bucket_of(entry->key) != bucket_of(key))
			stress_fail("another cache entry lies in the same place");
		entry = verified(self, entry->next);
	}
	return entry;
}

/* --- the list by use ----------------------------------------------------------------- */

static void unlink_use(struct cache *cache, struct entry *entry)
{
	*(entry->newer ? &entry->newer->older : &cache->newest) = entry->older;
	*(entry->older ? &entry->older->newer : &cache->oldest) = entry->newer;
}

static void link_newest(struct cache *cache, struct entry *entry)
{
	entry->newer = NULL;
	entry->older = cache->newest;
	*(cache->newest ? &cache->newest->newer : &cache->oldest) = entry;
	cache->newest = entry;
}

/* --- entries ------------------------------------------------------------------------- */

static void unlink_bucket(const struct worker *self, struct cache *cache, struct entry *entry)
{
	struct entry **link = &cache->buckets[bucket_of(entry->key)];
	while (*link != entry) {
		if (!verified(self, *link))
			stress_fail("a cache entry is not in its bucket");
		link = &(*link)->next;
	}
	*link = entry->next;
}

static void drop(struct worker *self, struct cache *cache, struct entry *entry)
{
	verified(self, entry);
	unlink_bucket(self, cache, entry);
	unlink_use(cache, entry);
	cache->bytes -= sizeof(*entry) + block_size(entry->value);
	block_give(self, entry->value, entry->stamp);
	give(self, entry, sizeof(*entry));
}

static void insert(struct worker *self, struct cache *cache, uint64_t key)
{
	size_t size = random_doubling(&self->random, cache->size_low, cache->size_low * SIZE_SPAN);
	struct entry **bucket = &cache->buckets[bucket_of(key)];
	struct entry *entry = take(self, sizeof(*entry));
	*entry = (struct entry){ .key = key, .stamp = stamp_of(self, key), .next = *bucket };
	entry->value = block_take(self, size, entry->stamp);
	*bucket = entry;
	link_newest(cache, entry);
	cache->bytes += sizeof(*entry) + size;
}

/* --- the load ------------------------------------------------------------------------- */

/* The cube of a uniform number: half of the queries go to an eighth of the keys. */
static uint64_t pick_key(struct worker *self)
{
	double dice = (double)(random_next(&self->random) >> 11) * 0x1p-53;
	return (uint64_t)(dice * dice * dice * (double)stress_share(KEYS));
}

static void query(struct worker *self, struct cache *cache)
{
	uint64_t key = pick_key(self);
	struct entry *entry = find(self, cache, key);
	if (entry) {
		block_verify(entry->value, entry->stamp);
		unlink_use(cache, entry);
		link_newest(cache, entry);
		return;
	}
	insert(self, cache, key);
	while (cache->bytes > stress_share(LIMIT))
		drop(self, cache, cache->oldest);
}

static void lose_two_thirds(struct worker *self, struct cache *cache)
{
	struct entry *newer;
	for (struct entry *entry = cache->oldest; entry; entry = newer) {
		newer = verified(self, entry)->newer;
		if (random_is(&self->random, 2, 3))
			drop(self, cache, entry);
	}
}

static void begin_epoch(struct worker *self, struct cache *cache)
{
	lose_two_thirds(self, cache);
	cache->size_low = SIZE_LOW << self->round / ROUNDS_AN_EPOCH % NR_SIZES;
}

static void work(struct worker *self)
{
	size_t buckets_bytes = stress_share(BUCKETS) * sizeof(struct entry *);
	struct cache cache = { .buckets = take_zeroed(self, buckets_bytes), .size_low = SIZE_LOW };
	while (worker_goes_on(self)) {
		if (self->round % ROUNDS_AN_EPOCH == 0)
			begin_epoch(self, &cache);
		for (size_t i = stress_share(QUERIES); i > 0; i--)
			query(self, &cache);
	}
	while (cache.oldest)
		drop(self, &cache, cache.oldest);
	give(self, cache.buckets, buckets_bytes);
}

const struct pattern pattern = {
	.name = "lru",
	.imitates = "a cache of bounded bytes that evicts the least recently used, loses two thirds at random and "
		    "changes its value sizes (after Rumble et al. 2014, Nishtala et al. 2013)",
	.threads = 1,
	.rounds = 120,
	.work = work,
};
