/* SPDX-License-Identifier: MIT */
/* account.c - the figures of malloc_info, mallinfo2 and malloc_stats are exact: they add
 * up, they agree, and they bracket what the kernel says
 */
#include "../harness.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "seamalloc.h"

enum { NR_BLOCKS = 4000 };

struct heap {
	char *blocks[NR_BLOCKS];
	uint64_t random;
};
static struct heap heaps[3];

/* --- reading the figures ------------------------------------------------------------ */

struct figures {
	size_t live, cached, pending, free, metadata, reserved; /* every byte is in one */
	size_t dirty, purged, current, memory, mapped;
};

static char text[8192];

/* The number behind `key`. */
static size_t number_behind(const char *key)
{
	const char *at = strstr(text, key);
	if (at == NULL)
		test_fail(__FILE__, __LINE__, "there is no %s in: %s", key, text);
	return strtoull(at + strlen(key), NULL, 10);
}

/* The size attribute of the element that begins with `head`. */
static size_t size_in(const char *head)
{
	const char *at = strstr(text, head);
	if (at == NULL || (at = strstr(at, "size=\"")) == NULL)
		test_fail(__FILE__, __LINE__, "there is no size of %s in: %s", head, text);
	return strtoull(at + strlen("size=\""), NULL, 10);
}

/* Into a buffer that is there, so that little is allocated meanwhile. */
static struct figures info(void)
{
	memset(text, 0, sizeof(text));
	FILE *stream = fmemopen(text, sizeof(text) - 1, "w");
	CHECK(stream != NULL);
	CHECK_EQ(malloc_info(0, stream), 0);
	CHECK_EQ(fclose(stream), 0);
	return (struct figures){
		.live = size_in("<total type=\"live\""),
		.cached = size_in("<total type=\"cached\""),
		.pending = size_in("<total type=\"pending\""),
		.free = size_in("<total type=\"free\""),
		.metadata = size_in("<total type=\"metadata\""),
		.reserved = size_in("<total type=\"reserved\""),
		.dirty = size_in("<part of=\"free\" type=\"dirty\""),
		.purged = size_in("<part of=\"reserved\" type=\"purged\""),
		.current = size_in("<system type=\"current\""),
		.mapped = size_in("<aspace type=\"total\""),
	};
}

/* What malloc_stats prints. */
static struct figures stats(void)
{
	int file = memfd_create("stats", 0), old = dup(STDERR_FILENO);
	CHECK(file >= 0 && old >= 0);
	dup2(file, STDERR_FILENO);
	malloc_stats();
	dup2(old, STDERR_FILENO);
	close(old);
	memset(text, 0, sizeof(text));
	CHECK(pread(file, text, sizeof(text) - 1, 0) > 0);
	close(file);
	return (struct figures){
		.live = number_behind("\n  live "),
		.cached = number_behind("\n  cached "),
		.pending = number_behind("\n  pending "),
		.free = number_behind("\n  free "),
		.metadata = number_behind("\n  metadata "),
		.memory = number_behind("\n  memory "),
		.reserved = number_behind("\n  reserved "),
		.mapped = number_behind("\n  mapped "),
	};
}

static void check_sum(struct figures f)
{
	CHECK_EQ(f.live + f.cached + f.pending + f.free + f.metadata + f.reserved, f.mapped);
}

static size_t current_of(struct figures f) { return f.live + f.cached + f.pending + f.free; }

static void check(void)
{
	struct figures f = info(), g = stats();
	check_sum(f);
	check_sum(g);
	CHECK_EQ(current_of(f), f.current);
	CHECK_AT_MOST(f.dirty, f.free);
	CHECK_AT_MOST(f.purged, f.reserved);
	CHECK_EQ(current_of(g) + g.metadata, g.memory);
	CHECK_EQ(g.memory + g.reserved, g.mapped);
	struct mallinfo2 m = mallinfo2(), n;
	CHECK_EQ(m.uordblks + m.fordblks, m.arena);
	CHECK_AT_MOST(m.fsmblks, m.fordblks);
	CHECK_AT_MOST(m.keepcost, m.fordblks);
	CHECK_EQ(m.arena, current_of(g));
	CHECK_EQ(m.uordblks, g.live);
	CHECK_EQ(m.fsmblks, g.cached);
	n = mallinfo2();
	CHECK(memcmp(&m, &n, sizeof(m)) == 0);
}

/* --- cases ----------------------------------------------------------------------------- */

static void replace(struct heap *heap)
{
	char **block = &heap->blocks[test_random(&heap->random) % NR_BLOCKS];
	size_t dice = test_random(&heap->random) % 1000;
	size_t size = test_random_size(&heap->random, dice < 900 ? 1000 : dice < 998 ? 50000 : 3 * MiB);
	free(*block);
	*block = malloc(size);
	CHECK(*block != NULL);
	memset(*block, 1, malloc_usable_size(*block));
}

static void *work(void *argument)
{
	struct heap *heap = argument;
	heap->random = test_seed() + 2 * (size_t)(heap - heaps);
	for (size_t i = test_pick(5000, 50000, 500000); i > 0; i--)
		replace(heap);
	return NULL;
}

static void figures_add_up(void)
{
	check();
	work(&heaps[0]);
	check();
	for (int i = 0; i < NR_BLOCKS; i += 3) {
		free(heaps[0].blocks[i]);
		heaps[0].blocks[i] = NULL;
	}
	check();
	malloc_trim(0);
	check();
}

static void figures_add_up_while_threads_work(void)
{
	pthread_t thread[3];
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_create(&thread[i], NULL, work, &heaps[i]), 0);
	for (int i = 0; i < 100; i++) {
		check_sum(info());
		check_sum(stats());
		struct mallinfo2 m = mallinfo2();
		CHECK_EQ(m.uordblks + m.fordblks, m.arena);
	}
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_join(thread[i], NULL), 0);
	check();
}

static void figures_add_up_in_a_child(void)
{
	pthread_t thread;
	int status;
	CHECK_EQ(pthread_create(&thread, NULL, work, &heaps[1]), 0);
	work(&heaps[0]);
	pid_t child = fork();
	if (child == 0) {
		check();
		work(&heaps[0]);
		check();
		_exit(0);
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	check();
}

/* To the byte. */
static void live_is_what_the_program_holds(void)
{
	size_t before = mallinfo2().uordblks, held = 0;
	work(&heaps[0]);
	for (int i = 0; i < NR_BLOCKS; i++)
		held += malloc_usable_size(heaps[0].blocks[i]);
	CHECK_EQ(mallinfo2().uordblks - before, held);
	for (int i = 0; i < NR_BLOCKS; i++)
		free(heaps[0].blocks[i]);
	CHECK_EQ(mallinfo2().uordblks, before);
}

static struct {
	size_t nr; /* atomic */
	bool is_over;
} turns;

/* Sizes at random, so that most need the heap itself. */
static void *take_turns(void *unused)
{
	enum { NR_HELD = 32 };
	static char *held[NR_HELD];
	uint64_t random = test_seed();
	while (!__atomic_load_n(&turns.is_over, __ATOMIC_RELAXED)) {
		for (int i = 0; i < NR_HELD; i++) {
			free(held[i]);
			CHECK((held[i] = malloc(5000 + test_random(&random) % 250000)) != NULL);
		}
		__atomic_add_fetch(&turns.nr, 1, __ATOMIC_RELAXED);
	}
	return unused;
}

static size_t turns_so_far(void) { return __atomic_load_n(&turns.nr, __ATOMIC_RELAXED); }

/* Counted, as times say little on a machine that is busy: with all locks held throughout it is a
 * dozen turns.  Where the other thread does not get a processor it is tried again. */
static void others_go_on(void (*count)(void))
{
	int nr_good = 0;
	for (int i = 0; i < 150 && nr_good < 3; i++) {
		size_t before = turns_so_far();
		count();
		nr_good += turns_so_far() - before >= 100;
	}
	CHECK_EQ(nr_good, 3);
}

static void count_by_mallinfo(void) { CHECK(mallinfo2().uordblks >= 1024 * MiB); }
static void count_by_stats(void) { stats(); }

/* 32 calls of malloc a turn. */
static void others_are_not_stalled(void)
{
	pthread_t thread;
	for (size_t i = 0; i < 1024 * 128; i++)
		CHECK(malloc(8192) != NULL);
	CHECK_EQ(pthread_create(&thread, NULL, take_turns, NULL), 0);
	while (turns_so_far() < 10)
		usleep(1000);
	others_go_on(count_by_mallinfo);
	others_go_on(count_by_stats);
	__atomic_store_n(&turns.is_over, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
}

/* What is only addresses does not count as memory. */
static void a_small_heap_needs_little_memory(void)
{
	void *block = malloc(100);
	struct figures f = stats();
	CHECK(f.memory > 0);
	CHECK_AT_MOST(f.memory, 512 * KiB);
	CHECK(f.reserved >= 32 * f.memory);
	free(block);
}

static size_t resident_at_most(struct figures f) { return f.current + f.metadata; }

/* Live blocks are written to, so that they are there; what may hold memory bounds what
 * does.  128 KiB are for the pages in which our structures begin and end. */
static void figures_bracket_what_is_resident(void)
{
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	memset(heaps, 0, sizeof(heaps));
	struct figures before = info();
	size_t then = test_anonymous();
	for (int i = 0; i < 20; i++) {
		work(&heaps[i % 3]);
		if (i % 4 == 3)
			malloc_trim(0);
		struct figures f = info();
		size_t grown = test_anonymous() - then;
		CHECK_AT_MOST(f.live - before.live, grown);
		CHECK_AT_MOST(grown, resident_at_most(f) - before.live + 128 * KiB);
	}
}

static const struct test_case cases[] = {
	{.name = "the figures add up and agree", .run = figures_add_up, .engines = OURS},
	{.name = "they add up while threads work", .run = figures_add_up_while_threads_work, .engines = OURS},
	{.name = "they add up in the child of a fork", .run = figures_add_up_in_a_child, .engines = OURS},
	{.name = "live is what the program holds", .run = live_is_what_the_program_holds,
	 .engines = SEAM | FREELIST},
	{.name = "others allocate while a heap of 1 GiB is counted", .run = others_are_not_stalled, .engines = SEAM | NOT_SECURE},
	{.name = "a small heap needs little memory", .run = a_small_heap_needs_little_memory, .engines = SEAM | FREELIST},
	{.name = "they bracket what is resident", .run = figures_bracket_what_is_resident, .engines = OURS},
};

HARNESS_MAIN(cases)
