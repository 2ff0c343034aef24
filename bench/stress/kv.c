/* SPDX-License-Identifier: MIT */
/* kv.c - hash tables of chained entries that grow, shrink and rehash
 *
 * The store of an in-memory database: Redis keeps a dictionary of separately allocated
 * entries, keys and values, and moves it bucket by bucket to a table of another size while
 * it serves (S. Sanfilippo, dict.c).  B. Atikoglu et al., "Workload Analysis
 * of a Large-Scale Key-Value Store", SIGMETRICS 2012, have the sizes: keys of some 20 to 40
 * bytes, values mostly below 500.
 *
 * Adapted: each thread has a store of its own.  The number of entries swings between a
 * fourth of the largest and the largest, so that tables are taken, moved and given again
 * and again, and entries of all ages lie side by side.
 */
#include "stress.h"

/* Entries of all threads at most: 45 MB. */
#define ENTRIES_HIGH 200000
#define LOW_IS_ONE_OF 4
#define FIRST_BUCKETS 16
/* Buckets that an operation moves while a rehash is going on. */
#define BUCKETS_A_STEP 2
/* Of all threads in one round. */
#define QUERIES 10000
#define KEY_LOW 16
#define KEY_HIGH 40
#define VALUE_LOW 16
#define VALUE_END 512

struct entry {
	struct entry *next;
	uint64_t number; /* the key is spelled from its hash */
	uint64_t hash;
	void *value;
	char *key;
	size_t key_size;
};

struct table {
	struct entry **buckets;
	size_t nr_buckets; /* a power of 2, or 0: no table */
};

struct store {
	struct table now;
	struct table next; /* where entries move to */
	size_t nr_moved;   /* buckets of `now` that are empty for good */
	size_t nr_entries;
	bool grows;
	uint64_t salt; /* of this store: it spells its keys in its own way */
};

/* --- keys ----------------------------------------------------------------------------- */

static uint64_t hash_of(const struct store *store, uint64_t number)
{
	return random_mix(number ^ store->salt);
}

static size_t key_size_of(uint64_t hash)
{
	return KEY_LOW + hash % (KEY_HIGH - KEY_LOW + 1);
}

/* Letters from the hash, repeated. */
static char key_letter(uint64_t hash, size_t at)
{
	return (char)('a' + (hash >> (4 * (at % 16)) & 15));
}

/* Before one follows its links. */
static struct entry *verified(const struct store *store, struct entry *entry)
{
	if (entry && entry->hash != hash_of(store, entry->number))
		stress_fail("an entry was overwritten");
	return entry;
}

static void verify_key(const struct store *store, struct entry *entry)
{
	uint64_t hash = verified(store, entry)->hash;
	bool is_sound = entry->key_size == key_size_of(hash);
	for (size_t at = 0; is_sound && at < entry->key_size; at++)
		is_sound = entry->key[at] == key_letter(hash, at);
	if (!is_sound)
		stress_fail("entry %llu: its key was overwritten", (unsigned long long)entry->number);
}

/* --- tables --------------------------------------------------------------------------- */

static void open_table(struct worker *self, struct table *table, size_t nr_buckets)
{
	table->buckets = take_zeroed(self, nr_buckets * sizeof(struct entry *));
	table->nr_buckets = nr_buckets;
}

static void close_table(struct worker *self, struct table *table)
{
	give(self, table->buckets, table->nr_buckets * sizeof(struct entry *));
	*table = (struct table){ NULL, 0 };
}

static struct entry **bucket_in(const struct table *table, uint64_t hash)
{
	return &table->buckets[hash & (table->nr_buckets - 1)];
}

static bool is_moving(const struct store *store)
{
	return store->next.nr_buckets != 0;
}

static void move_bucket(struct store *store)
{
	struct entry *entry = store->now.buckets[store->nr_moved];
	store->now.buckets[store->nr_moved++] = NULL;
	while (verified(store, entry)) {
		struct entry *rest = entry->next;
		struct entry **bucket = bucket_in(&store->next, entry->hash);
		entry->next = *bucket;
		*bucket = entry;
		entry = rest;
	}
}

static void move_some(struct worker *self, struct store *store)
{
	for (unsigned i = 0; i < BUCKETS_A_STEP && store->nr_moved < store->now.nr_buckets; i++)
		move_bucket(store);
	if (store->nr_moved == store->now.nr_buckets) {
		close_table(self, &store->now);
		store->now = store->next;
		store->next = (struct table){ NULL, 0 };
		store->nr_moved = 0;
	}
}

/* As many buckets as entries, within a factor of two on one side and eight on the other. */
static void fit_table(struct worker *self, struct store *store)
{
	size_t nr = store->now.nr_buckets;
	if (is_moving(store))
		move_some(self, store);
	else if (store->nr_entries > nr)
		open_table(self, &store->next, nr * 2);
	else if (store->nr_entries < nr / 8 && nr > FIRST_BUCKETS)
		open_table(self, &store->next, nr / 4);
}

/* --- queries ------------------------------------------------------------------------- */

/* The link that leads to an entry, or the null link at the end of its chain. */
static struct entry **find_in(const struct store *store, const struct table *table, uint64_t number)
{
	uint64_t hash = hash_of(store, number);
	struct entry **link = bucket_in(table, hash);
	while (verified(store, *link) && (*link)->number != number) {
		if (bucket_in(table, (*link)->hash) != bucket_in(table, hash))
			stress_fail("another entry lies in the place of one in the chain of %llu",
				    (unsigned long long)number);
		link = &(*link)->next;
	}
	return link;
}

static struct entry **find(const struct store *store, uint64_t number)
{
	struct entry **link = find_in(store, &store->now, number);
	return *link || !is_moving(store) ? link : find_in(store, &store->next, number);
}

static void add(struct worker *self, struct store *store, struct entry **link, uint64_t number)
{
	uint64_t hash = hash_of(store, number);
	size_t key_size = key_size_of(hash);
	struct entry *entry = take(self, sizeof(*entry));
	char *key = take(self, key_size);
	for (size_t at = 0; at < key_size; at++)
		key[at] = key_letter(hash, at);
	*entry = (struct entry){ .number = number, .hash = hash, .key = key, .key_size = key_size };
	entry->value = block_take(self, random_doubling(&self->random, VALUE_LOW, VALUE_END), hash);
	*link = entry;
	store->nr_entries++;
}

static void drop(struct worker *self, struct store *store, struct entry **link)
{
	struct entry *entry = *link;
	verify_key(store, entry);
	*link = entry->next;
	block_give(self, entry->value, entry->hash);
	give(self, entry->key, entry->key_size);
	give(self, entry, sizeof(*entry));
	store->nr_entries--;
}

static void set(struct worker *self, const struct store *store, struct entry *entry)
{
	verify_key(store, entry);
	block_give(self, entry->value, entry->hash);
	entry->value = block_take(self, random_doubling(&self->random, VALUE_LOW, VALUE_END), entry->hash);
}

/* While the store grows, unknown keys are added and known ones set; while it shrinks,
 * known ones are deleted. */
static void query(struct worker *self, struct store *store)
{
	uint64_t number = random_below(&self->random, stress_share(ENTRIES_HIGH) * 5 / 4);
	struct entry **link = find(store, number);
	if (!store->grows && *link)
		drop(self, store, link);
	else if (*link)
		set(self, store, *link);
	else if (store->grows)
		add(self, store, link, number);
	fit_table(self, store);
}

static void turn_at_the_ends(struct store *store)
{
	size_t high = stress_share(ENTRIES_HIGH);
	if (store->nr_entries >= high)
		store->grows = false;
	if (store->nr_entries <= high / LOW_IS_ONE_OF)
		store->grows = true;
}

static void drop_all(struct worker *self, struct store *store, struct table *table)
{
	for (size_t i = 0; i < table->nr_buckets; i++)
		while (table->buckets[i])
			drop(self, store, &table->buckets[i]);
	if (table->nr_buckets)
		close_table(self, table);
}

static void work(struct worker *self)
{
	struct store store = { .grows = true, .salt = random_next(&self->random) };
	open_table(self, &store.now, FIRST_BUCKETS);
	while (worker_goes_on(self)) {
		for (size_t i = stress_share(QUERIES); i > 0; i--) {
			query(self, &store);
			turn_at_the_ends(&store);
		}
	}
	drop_all(self, &store, &store.now);
	drop_all(self, &store, &store.next);
}

const struct pattern pattern = {
	.name = "kv",
	.imitates = "key-value stores whose hash tables grow, shrink and rehash step by step "
		    "(after the dictionary of Redis, and Atikoglu et al. 2012)",
	.threads = 4,
	.rounds = 200,
	.is_quick = true,
	.work = work,
};
