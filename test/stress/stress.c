/* SPDX-License-Identifier: MIT */
/* stress.c - every call from many threads, as fast as they can
 *
 *    stress [threads [seconds [seed]]]
 *
 * A slot holds a block with a pattern that its size and key choose.  Each thread has
 * slots of its own, and all threads share some more, from which whoever comes takes
 * the block and puts another: most of these are freed by a thread that did not
 * allocate them.  Threads end and others begin all the while.  At last everything is
 * freed, and the heap must say that it is empty and sound.
 *
 * It looks for errors.  It is no benchmark: half of its time goes into patterns.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "front/account.h"
#include "engines/engine.h"
#include "seamalloc.h"

#define MAX_THREADS 64
#define OWN_SLOTS 400
#define SHARED_SLOTS 512
/* Operations of a thread before another takes its place. */
#define LIFE 20000

struct slot {
	unsigned char *block;
	size_t size;
	uint64_t key;
};

struct worker {
	pthread_t thread;
	uint64_t seed;
	struct slot slots[OWN_SLOTS];
	size_t nr_done;
};

/* Taken and put by exchange: whoever has the pointer has the slot. */
static _Atomic(struct slot *) shared[SHARED_SLOTS];
static struct slot shared_slots[SHARED_SLOTS];
static struct worker workers[MAX_THREADS];
static atomic_bool stop;

__attribute__((noreturn)) static void fail(const char *what, const struct slot *slot)
{
	fprintf(stderr, "stress: %s: block %p of %zu bytes\n", what, (void *)slot->block, slot->size);
	abort();
}

/* --- patterns: 8 bytes at either end, and one in every page between ------------------ */

static uint64_t pattern(const struct slot *slot, size_t at) { return slot->key * 0x9e3779b97f4a7c15ull + at; }

static void each_place(const struct slot *slot, void (*visit)(const struct slot *slot, size_t at, size_t length))
{
	size_t ends = slot->size < 8 ? slot->size : 8;
	visit(slot, 0, ends);
	for (size_t at = 2048; at + 16 < slot->size; at += 4096)
		visit(slot, at, 8);
	if (slot->size >= 16)
		visit(slot, slot->size - 8, 8);
}

static void write_place(const struct slot *slot, size_t at, size_t length)
{
	uint64_t word = pattern(slot, at);
	memcpy(slot->block + at, &word, length);
}

static void check_place(const struct slot *slot, size_t at, size_t length)
{
	uint64_t word = pattern(slot, at);
	if (memcmp(slot->block + at, &word, length))
		fail("overwritten", slot);
}

static uint64_t random_word(uint64_t *state)
{
	*state ^= *state << 7;
	*state ^= *state >> 9;
	return *state * 0xd1342543de82ef95ull >> 16;
}

static size_t below(uint64_t *seed, size_t bound) { return (size_t)(random_word(seed) % bound); }

/* Mostly small, now and then of every other kind there is. */
static size_t random_size(uint64_t *seed)
{
	size_t die = below(seed, 1000);
	if (die < 800)
		return below(seed, 300);
	if (die < 950)
		return below(seed, 4000);
	if (die < 990)
		return below(seed, 40000);
	if (die < 998)
		return below(seed, 300000);
	return below(seed, die < 999 ? 3000000 : 40000000);
}

static void adopt(struct slot *slot, void *block, size_t size, uint64_t *seed)
{
	*slot = (struct slot){block, size, random_word(seed)};
	if (!block || (uintptr_t)block % 16 || sea_malloc_usable_size(block) < size)
		fail("not what was asked for", slot);
	each_place(slot, write_place);
}

/* --- what is done to a slot ------------------------------------------------------------ */

static void check_zeroes(const struct slot *slot)
{
	for (size_t at = 0; at < slot->size; at += slot->size < 5000 ? 1 : 509)
		if (slot->block[at])
			fail("calloc: not zero", slot);
}

static void allocate(struct slot *slot, uint64_t *seed)
{
	size_t size = random_size(seed), align = (size_t)16 << below(seed, 9);
	void *block;
	switch (below(seed, 8)) {
	case 0:
		block = sea_calloc(1, size);
		check_zeroes(&(struct slot){block, size, 0});
		break;
	case 1:
		if (sea_posix_memalign(&block, align, size) || (uintptr_t)block % align)
			fail("posix_memalign", slot);
		break;
	default:
		block = sea_malloc(size);
	}
	adopt(slot, block, size, seed);
}

static void release(struct slot *slot)
{
	each_place(slot, check_place);
	sea_free(slot->block);
	slot->block = NULL;
}

/* The first bytes survive; so does everything else that both sizes have. */
static void resize(struct slot *slot, uint64_t *seed)
{
	size_t size = 1 + random_size(seed), kept = slot->size < size ? slot->size : size;
	uint64_t word = pattern(slot, 0);
	each_place(slot, check_place);
	unsigned char *block = sea_realloc(slot->block, size);
	if (!block || memcmp(block, &word, kept < 8 ? kept : 8))
		fail("realloc", slot);
	adopt(slot, block, size, seed);
}

static void batch(uint64_t *seed)
{
	void *blocks[40];
	size_t size = below(seed, 500), nr = sea_malloc_batch(size, 40, blocks);
	if (nr != 40)
		abort();
	for (size_t i = 0; i < nr; i++)
		memset(blocks[i], (int)i, size);
	sea_free_batch(nr, blocks);
}

/* Puts what it finds there into a slot of its own, and its own block there. */
static void swap_with_others(struct slot *own, uint64_t *seed)
{
	size_t i = below(seed, SHARED_SLOTS);
	struct slot *theirs = atomic_exchange(&shared[i], NULL);
	if (!theirs)
		return;
	struct slot mine = *own;
	*own = *theirs;
	*theirs = mine;
	if (own->block)
		each_place(own, check_place);
	atomic_store(&shared[i], theirs);
}

/* Whatever the others are doing, every byte is somewhere. */
static void account(void)
{
	struct sea_stats stats;
	sea_account(&stats);
	if (sea_account_adds_up(&stats))
		return;
	puts("the account does not add up");
	abort();
}

static void observe(uint64_t *seed)
{
	switch (below(seed, 8)) {
	case 0: sea_malloc_trim(below(seed, 4) ? 8 << 20 : 0); break;
	default: account();
	}
}

static void step(struct worker *worker, uint64_t *seed)
{
	struct slot *slot = &worker->slots[below(seed, OWN_SLOTS)];
	size_t die = below(seed, 2000);
	if (die == 0)
		observe(seed);
	else if (die < 20)
		batch(seed);
	else if (die < 300)
		swap_with_others(slot, seed);
	else if (!slot->block)
		allocate(slot, seed);
	else if (die < 500)
		resize(slot, seed);
	else
		release(slot);
}

/* --- threads ------------------------------------------------------------------------------ */

static void *live(void *argument)
{
	struct worker *worker = argument;
	uint64_t seed = worker->seed;
	for (size_t i = 0; i < LIFE && !atomic_load_explicit(&stop, memory_order_relaxed); i++) {
		step(worker, &seed);
		worker->nr_done++;
	}
	worker->seed = seed;
	return NULL;
}

/* One generation of a worker's threads after the other. */
static void *work(void *argument)
{
	struct worker *worker = argument;
	while (!atomic_load(&stop)) {
		pthread_t thread;
		if (pthread_create(&thread, NULL, live, worker))
			abort();
		pthread_join(thread, NULL);
	}
	return NULL;
}

static void free_everything(size_t nr_threads)
{
	for (size_t t = 0; t < nr_threads; t++)
		for (size_t i = 0; i < OWN_SLOTS; i++)
			if (workers[t].slots[i].block)
				release(&workers[t].slots[i]);
	for (size_t i = 0; i < SHARED_SLOTS; i++)
		if (shared_slots[i].block)
			release(&shared_slots[i]);
}

/* What is left is nothing, and well kept. */
static bool is_clean(void)
{
	sea_malloc_trim(0);
	size_t live = sea_mallinfo2().uordblks, dirty = sea_mallinfo2().keepcost;
	bool sound = sea_engine_is_sound();
	printf("live %zu bytes, dirty %zu bytes, %s\n", live, dirty, sound ? "sound" : "NOT SOUND");
	return live == 0 && dirty == 0 && sound;
}

int main(int argc, char **argv)
{
	size_t nr_threads = argc > 1 ? strtoul(argv[1], NULL, 0) : 4;
	unsigned seconds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 0) : 5;
	uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 0) : (uint64_t)time(NULL), nr_done = 0;
	if (nr_threads > MAX_THREADS)
		nr_threads = MAX_THREADS;
	printf("stress: %zu threads, %u seconds, seed %llu\n", nr_threads, seconds, (unsigned long long)seed);
	for (size_t i = 0; i < SHARED_SLOTS; i++)
		atomic_store(&shared[i], &shared_slots[i]);
	for (size_t t = 0; t < nr_threads; t++) {
		workers[t].seed = (seed + t + 1) * 0x9e3779b97f4a7c15ull | 1;
		if (pthread_create(&workers[t].thread, NULL, work, &workers[t]))
			abort();
	}
	nanosleep(&(struct timespec){.tv_sec = seconds}, NULL);
	atomic_store(&stop, true);
	for (size_t t = 0; t < nr_threads; t++) {
		pthread_join(workers[t].thread, NULL);
		nr_done += workers[t].nr_done;
	}
	free_everything(nr_threads);
	printf("%llu operations\n", (unsigned long long)nr_done);
	bool clean = is_clean();
	puts(clean ? "1 passed, 0 failed" : "0 passed, 1 failed");
	return clean ? 0 : 1;
}
