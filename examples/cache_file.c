/* SPDX-License-Identifier: MIT */
/* cache_file.c - a cache in a mapped file, which is there again after a restart
 *
 *     cache_file FILE set KEY VALUE
 *     cache_file FILE get KEY
 *     cache_file FILE fill NUMBER      sets so many keys, each replacing what was there
 *     cache_file FILE check            says what is there, and that the heap in the file is sound
 *
 * The file has a heap (sea_heap_create_in()), and the heap's root block is a hash table.  Links
 * are offsets from the start of the file, because the next process may map it elsewhere.  A
 * process that is killed in the middle leaves a file that opens again: at most one block is
 * allocated that no link leads to.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "seamalloc_heap.h"

#define SIZE (8 << 20)
#define NR_BUCKETS 1024

struct table {
	uint64_t nr_sets; /* how often something was set, ever */
	uint64_t bucket[NR_BUCKETS]; /* offsets; 0: empty */
};

struct entry {
	uint64_t next;
	uint32_t key_length, value_length;
	char text[]; /* the key, then the value, each with a 0 behind it */
};

static char *file; /* where it is mapped */
static sea_heap *heap;
static struct table *table;

static void *at(uint64_t offset) { return offset ? file + offset : NULL; }
static uint64_t offset_of(const void *block) { return (uint64_t)((const char *)block - file); }

static void fail(const char *what)
{
	fprintf(stderr, "cache_file: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Maps the file, and opens the heap in it or makes one. */
static void open_cache(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT, 0600);
	struct stat status;
	if (fd < 0 || fstat(fd, &status) || (status.st_size != SIZE && ftruncate(fd, SIZE)))
		fail(path);
	file = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (file == MAP_FAILED)
		fail(path);
	close(fd);
	struct sea_heap_options options = {.name = "cache"};
	heap = status.st_size == SIZE ? sea_heap_open_in(file, SIZE, NULL) : sea_heap_create_in(file, SIZE, &options);
	if (!heap)
		fail("the heap in the file");
	table = sea_heap_root(heap);
	if (table)
		return;
	table = sea_heap_calloc(heap, 1, sizeof(*table));
	if (!table)
		fail("the table");
	sea_heap_set_root(heap, table);
}

static uint64_t *bucket_of(const char *key)
{
	uint64_t hash = 5381; /* D. J. Bernstein's */
	while (*key)
		hash = hash * 33 + (unsigned char)*key++;
	return &table->bucket[hash % NR_BUCKETS];
}

/* The link that leads to the key's entry, or the 0 at the end of the chain. */
static uint64_t *find(const char *key)
{
	uint64_t *link = bucket_of(key);
	while (*link && strcmp(((struct entry *)at(*link))->text, key))
		link = &((struct entry *)at(*link))->next;
	return link;
}

/* The new entry is complete before a link leads to it, and the old one has none when it is
 * freed. */
static void set(const char *key, const char *value)
{
	size_t key_length = strlen(key), value_length = strlen(value);
	struct entry *entry = sea_heap_malloc(heap, sizeof(*entry) + key_length + value_length + 2);
	if (!entry)
		fail("the cache is full");
	*entry = (struct entry){.key_length = (uint32_t)key_length, .value_length = (uint32_t)value_length};
	strcpy(entry->text, key);
	strcpy(entry->text + key_length + 1, value);
	uint64_t *link = find(key);
	struct entry *old = at(*link);
	entry->next = old ? old->next : 0;
	__atomic_store_n(link, offset_of(entry), __ATOMIC_RELEASE);
	table->nr_sets++;
	sea_heap_free(heap, old);
}

static int get(const char *key)
{
	const struct entry *entry = at(*find(key));
	if (entry)
		puts(entry->text + entry->key_length + 1);
	return !entry;
}

static void fill(int number)
{
	char key[32], value[1024];
	for (int i = 0; i < number; i++) {
		snprintf(key, sizeof(key), "key-%d", i % 2000);
		memset(value, 'a' + i % 26, sizeof(value));
		value[i * 37 % sizeof(value)] = '\0';
		set(key, value);
	}
}

static int check(void)
{
	size_t nr_entries = 0;
	struct sea_heap_statistics stats;
	for (size_t i = 0; i < NR_BUCKETS; i++)
		for (const struct entry *entry = at(table->bucket[i]); entry; entry = at(entry->next), nr_entries++)
			if (strlen(entry->text) != entry->key_length ||
			    strlen(entry->text + entry->key_length + 1) != entry->value_length ||
			    sea_heap_usable_size(heap, entry) < sizeof(*entry) + entry->key_length + entry->value_length + 2)
				return puts("an entry is damaged"), 1;
	sea_heap_stats(heap, &stats);
	bool is_sound = sea_heap_check(heap) == 0;
	printf("%zu entries, %zu blocks, %s\n", nr_entries, stats.nr_live, is_sound ? "sound" : "not sound");
	return !is_sound;
}

int main(int count, char **arguments)
{
	int status = 0;
	if (count < 3)
		return fprintf(stderr, "usage: cache_file FILE set KEY VALUE | get KEY | fill NUMBER | check\n"), 2;
	open_cache(arguments[1]);
	if (!strcmp(arguments[2], "set") && count == 5)
		set(arguments[3], arguments[4]);
	else if (!strcmp(arguments[2], "get") && count == 4)
		status = get(arguments[3]);
	else if (!strcmp(arguments[2], "fill") && count == 4)
		fill(atoi(arguments[3]));
	else
		status = check();
	sea_heap_close(heap);
	munmap(file, SIZE);
	return status;
}
