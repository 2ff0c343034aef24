/* SPDX-License-Identifier: MIT */
/* count.c PATTERN[/NUMBER] PAIRS - a pattern of calls, for callgrind
 *
 *   pair, calloc, sized_delete            a block of NUMBER bytes comes and goes (64)
 *   batch_lifo, batch_fifo, batch_random  NUMBER blocks of 64 bytes come, then go (10000)
 *   heap_pair, heap_one_thread            as pair, in a heap as object (seamalloc_heap.h); the
 *                                         second with SEA_HEAP_ONE_THREAD
 *   heap_free, heap_destroy               NUMBER blocks of 64 bytes come into a heap, and go one
 *                                         by one, or all by a destroy (10000); heap_fill: they
 *                                         stay
 *   replace                               random ones of NUMBER live blocks are replaced,
 *                                         sizes as measured, up to 1 KiB (10000)
 *
 * PAIRS is the number of allocations with their frees, rounded down to whole batches, but
 * one at least.  Linked to no allocator: it comes in by LD_PRELOAD.  scripts/count-instructions
 * runs it twice and divides the difference, so that the start and the tables drop out; a
 * pattern's own loop stays in.
 */
#include <dlfcn.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"
#include "seamalloc_heap.h"
#include "sizes/sizes.h"

#define BAD_USE 2
#define MAX_BLOCKS 100000
#define NR_SIZES (1 << 14)
#define MEASURED_LIMIT 1024
#define BATCH_SIZE 64
#define DEFAULT_SIZE 64
#define DEFAULT_BLOCKS 10000

/* Keeps the compiler from leaving out what makes `block`. */
#define KEEP(block) __asm__ volatile("" : : "r"(block) : "memory")

static void *blocks[MAX_BLOCKS];
static uint32_t order[MAX_BLOCKS], sizes[NR_SIZES];

static _Noreturn void refuse(const char *reason, const char *what)
{
	fprintf(stderr, "count: %s%s\n", reason, what);
	exit(BAD_USE);
}

static void run_pair(long pairs, size_t size)
{
	for (long i = 0; i < pairs; i++) {
		void *block = malloc(size);
		KEEP(block);
		free(block);
	}
}

static void run_calloc(long pairs, size_t size)
{
	for (long i = 0; i < pairs; i++) {
		void *block = calloc(1, size);
		KEEP(block);
		free(block);
	}
}

/* C++'s operators are looked up, so that the program needs no C++ library itself. */
static void run_sized_delete(long pairs, size_t size)
{
	void *(*operator_new)(size_t) = (void *(*)(size_t))dlsym(RTLD_DEFAULT, "_Znwm");
	void (*operator_delete)(void *, size_t) = (void (*)(void *, size_t))dlsym(RTLD_DEFAULT, "_ZdlPvm");
	if (!operator_new || !operator_delete)
		refuse("no library has operator new and sized operator delete; preload libstdc++.so.6", "");
	for (long i = 0; i < pairs; i++) {
		void *block = operator_new(size);
		KEEP(block);
		operator_delete(block, size);
	}
}

/* At least one batch; blocks are freed as `order` says. */
static void run_batches(long pairs, size_t count)
{
	long batches = pairs / (long)count;
	do {
		for (size_t i = 0; i < count; i++)
			blocks[i] = malloc(BATCH_SIZE);
		for (size_t i = 0; i < count; i++)
			free(blocks[order[i]]);
	} while (--batches > 0);
}

static void run_lifo(long pairs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		order[i] = (uint32_t)(count - 1 - i);
	run_batches(pairs, count);
}

static void run_fifo(long pairs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		order[i] = (uint32_t)i;
	run_batches(pairs, count);
}

static void run_random(long pairs, size_t count)
{
	struct random_source source = random_from(count);
	random_order(&source, order, (uint32_t)count);
	run_batches(pairs, count);
}

/* The set is built first, which both runs do. */
static void run_replace(long pairs, size_t count)
{
	struct random_source source = random_from(count);
	for (size_t i = 0; i < NR_SIZES; i++)
		sizes[i] = size_draw(&source, MEASURED_LIMIT);
	for (size_t i = 0; i < count; i++)
		blocks[i] = malloc(sizes[i % NR_SIZES]);
	for (long i = 0; i < pairs; i++) {
		size_t at = random_below(&source, count);
		free(blocks[at]);
		blocks[at] = malloc(sizes[(size_t)i % NR_SIZES]);
	}
}

/* --- heaps as objects ------------------------------------------------------------ */

static struct {
	sea_heap *(*create)(const char *, const struct sea_heap_options *);
	void *(*malloc)(sea_heap *, size_t);
	void (*free)(sea_heap *, void *);
	void (*destroy)(sea_heap *);
} heap;

/* Only seamalloc has them. */
static void find_heap_functions(void)
{
	heap.create = (__typeof__(heap.create))dlsym(RTLD_DEFAULT, "sea_heap_create");
	heap.malloc = (__typeof__(heap.malloc))dlsym(RTLD_DEFAULT, "sea_heap_malloc");
	heap.free = (__typeof__(heap.free))dlsym(RTLD_DEFAULT, "sea_heap_free");
	heap.destroy = (__typeof__(heap.destroy))dlsym(RTLD_DEFAULT, "sea_heap_destroy");
	if (!heap.create || !heap.malloc || !heap.free || !heap.destroy)
		refuse("no library has sea_heap_create(); preload libseamalloc.so", "");
}

static void pair_in_heap(long pairs, size_t size, unsigned flags)
{
	find_heap_functions();
	struct sea_heap_options options = {.flags = flags};
	sea_heap *mine = heap.create("count", &options);
	for (long i = 0; i < pairs; i++) {
		void *block = heap.malloc(mine, size);
		KEEP(block);
		heap.free(mine, block);
	}
}

static void run_heap_pair(long pairs, size_t size) { pair_in_heap(pairs, size, 0); }
static void run_heap_one_thread(long pairs, size_t size) { pair_in_heap(pairs, size, SEA_HEAP_ONE_THREAD); }

static void batches_in_heap(long pairs, size_t count, bool frees, bool destroys)
{
	long batches = pairs / (long)count;
	find_heap_functions();
	do {
		sea_heap *mine = heap.create("count", NULL);
		for (size_t i = 0; i < count; i++)
			blocks[i] = heap.malloc(mine, BATCH_SIZE);
		for (size_t i = 0; frees && i < count; i++)
			heap.free(mine, blocks[i]);
		if (destroys)
			heap.destroy(mine);
	} while (--batches > 0);
}

static void run_heap_free(long pairs, size_t count) { batches_in_heap(pairs, count, true, false); }
static void run_heap_destroy(long pairs, size_t count) { batches_in_heap(pairs, count, false, true); }
static void run_heap_fill(long pairs, size_t count) { batches_in_heap(pairs, count, false, false); }

struct pattern {
	const char *name;
	void (*run)(long pairs, size_t number);
	size_t number, limit;	/* NUMBER: where it is not given; at most */
};

static const struct pattern patterns[] = {
	{"pair", run_pair, DEFAULT_SIZE, SIZE_MAX / 2},
	{"calloc", run_calloc, DEFAULT_SIZE, SIZE_MAX / 2},
	{"sized_delete", run_sized_delete, DEFAULT_SIZE, SIZE_MAX / 2},
	{"batch_lifo", run_lifo, DEFAULT_BLOCKS, MAX_BLOCKS},
	{"batch_fifo", run_fifo, DEFAULT_BLOCKS, MAX_BLOCKS},
	{"batch_random", run_random, DEFAULT_BLOCKS, MAX_BLOCKS},
	{"heap_pair", run_heap_pair, DEFAULT_SIZE, SIZE_MAX / 2},
	{"heap_one_thread", run_heap_one_thread, DEFAULT_SIZE, SIZE_MAX / 2},
	{"heap_free", run_heap_free, DEFAULT_BLOCKS, MAX_BLOCKS},
	{"heap_destroy", run_heap_destroy, DEFAULT_BLOCKS, MAX_BLOCKS},
	{"heap_fill", run_heap_fill, DEFAULT_BLOCKS, MAX_BLOCKS},
	{"replace", run_replace, DEFAULT_BLOCKS, MAX_BLOCKS},
};

/* The pattern that `name` begins with, up to a slash. */
static const struct pattern *pattern_of(const char *name)
{
	size_t length = strcspn(name, "/");
	for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
		if (strlen(patterns[i].name) == length && strncmp(patterns[i].name, name, length) == 0)
			return &patterns[i];
	}
	refuse("there is no pattern ", name);
}

/* A whole number above 0 and not above `limit`. */
static unsigned long number_of(const char *text, unsigned long limit)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || number == 0 || number > limit)
		refuse("not a number that fits here: ", text);
	return number;
}

int main(int count, char **arguments)
{
	if (count != 3)
		refuse("usage: count PATTERN[/NUMBER] PAIRS", "");
	const struct pattern *pattern = pattern_of(arguments[1]);
	const char *slash = strchr(arguments[1], '/');
	size_t number = slash ? number_of(slash + 1, pattern->limit) : pattern->number;
	pattern->run((long)number_of(arguments[2], LONG_MAX), number);
	return 0;
}
