/* SPDX-License-Identifier: MIT */
/* heaps.c - heaps as objects (seamalloc_heap.h), from outside */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "seamalloc_heap.h"
#include "../blocks.h"
#include "../harness.h"

/* The test is not linked with the library: it finds the functions as a preloaded program does. */
#define CALL(name) ((__typeof__(&name))test_symbol(#name))

static struct sea_heap_statistics stats_of(sea_heap *heap)
{
	struct sea_heap_statistics stats;
	CALL(sea_heap_stats)(heap, &stats);
	return stats;
}

static sea_heap *create(const char *name) { return CALL(sea_heap_create)(name, NULL); }
static void *take(sea_heap *heap, size_t size) { return CALL(sea_heap_malloc)(heap, size); }

/* --- a model --------------------------------------------------------------------------- */

static void add(void *start, size_t size, uint64_t key)
{
	CHECK(start);
	CHECK_EQ((uintptr_t)start % 16, 0);
	CHECK(malloc_usable_size(start) >= size);
	keep_block(start, size, key);
}

static size_t model_size(void)
{
	size_t bytes = 0;
	for (size_t i = 0; i < nr_blocks; i++)
		bytes += malloc_usable_size(blocks[i].start);
	return bytes;
}

/* Every way in and out, by name and by the standard functions. */
static void step(sea_heap *heap, uint64_t *seed)
{
	size_t size = test_random_size(seed, test_random(seed) % 50 ? 5000 : 900000), i;
	uint64_t key = test_random(seed);
	unsigned what = test_random(seed) % 8;
	if (nr_blocks == MAX_BLOCKS || (nr_blocks && what >= 5)) {
		i = test_random(seed) % nr_blocks;
		check_block(i);
		if (what % 2)
			free(blocks[i].start);
		else
			CALL(sea_heap_free)(heap, blocks[i].start);
		forget_block(i);
	} else if (what == 4 && nr_blocks) {
		i = test_random(seed) % nr_blocks;
		struct block old = blocks[i];
		check_block(i);
		void *now = key % 2 ? realloc(old.start, size + 1) : CALL(sea_heap_realloc)(heap, old.start, size + 1);
		CHECK(now && test_is_filled(now, old.size < size + 1 ? old.size : size + 1, old.key));
		forget_block(i);
		add(now, size + 1, key);
	} else if (what == 3) {
		size_t align = (size_t)16 << test_random(seed) % 12;
		void *start = CALL(sea_heap_aligned_alloc)(heap, align, size);
		CHECK_EQ((uintptr_t)start % align, 0);
		add(start, size, key);
	} else if (what == 2) {
		void *start = CALL(sea_heap_calloc)(heap, 1, size);
		CHECK(start && test_is_zero(start, size));
		add(start, size, key);
	} else {
		add(take(heap, size), size, key);
	}
}

static void check_model(sea_heap *heap)
{
	struct sea_heap_statistics stats = stats_of(heap);
	CHECK_EQ(stats.nr_live, nr_blocks);
	CHECK_EQ(stats.live, model_size());
	CHECK_EQ(CALL(sea_heap_check)(heap), 0);
}

static void model(void)
{
	uint64_t seed = test_seed();
	sea_heap *heap = create("model");
	for (size_t i = 0; i < test_pick(20000, 60000, 2000000); i++) {
		step(heap, &seed);
		if (i % 5000 == 0)
			check_model(heap);
	}
	check_model(heap);
	CALL(sea_heap_destroy)(heap);
}

/* --- walking ------------------------------------------------------------------------------ */

struct walk {
	size_t nr, bytes;
	char *last;
	sea_heap *heap;
};

static int count(void *block, size_t usable, void *context)
{
	struct walk *walk = context;
	CHECK((char *)block > walk->last);
	CHECK_EQ(malloc_usable_size(block), usable);
	CHECK(CALL(sea_heap_of)(block) == walk->heap);
	walk->last = block;
	walk->nr++;
	walk->bytes += usable;
	return 0;
}

static void walks(void)
{
	uint64_t seed = test_seed();
	sea_heap *heap = create("walks");
	for (size_t i = 0; i < 8000; i++)
		step(heap, &seed);
	struct walk walk = {.heap = heap};
	CHECK_EQ(CALL(sea_heap_walk)(heap, count, &walk), 0);
	CHECK_EQ(walk.nr, nr_blocks);
	CHECK_EQ(walk.bytes, model_size());
	check_blocks();
}

static int free_it(void *block, size_t usable, void *context)
{
	(void)usable;
	(void)context;
	free(block);
	free(malloc(100));
	return 0;
}

static void a_walk_may_free(void)
{
	sea_heap *heap = create("freed while walking");
	for (size_t i = 0; i < 3000; i++)
		CHECK(take(heap, i % 700));
	CHECK(take(heap, 3000000));
	CHECK_EQ(CALL(sea_heap_walk)(heap, free_it, NULL), 0);
	CHECK_EQ(stats_of(heap).live, 0);
	CHECK_EQ(stats_of(heap).nr_live, 0);
}

static int stop(void *block, size_t usable, void *context)
{
	(void)block;
	(void)usable;
	return ++*(int *)context == 3 ? 77 : 0;
}

static void a_walk_stops(void)
{
	sea_heap *heap = create("stopped");
	int calls = 0;
	for (size_t i = 0; i < 10; i++)
		CHECK(take(heap, 100));
	CHECK_EQ(CALL(sea_heap_walk)(heap, stop, &calls), 77);
	CHECK_EQ(calls, 3);
}

/* --- all at once ----------------------------------------------------------------------------- */

static void reset_and_destroy(void)
{
	sea_heap *heap = create("reset");
	size_t before = mallinfo2().uordblks;
	for (int round = 0; round < 5; round++) {
		for (size_t i = 0; i < 100000; i++)
			CHECK(take(heap, i % 300));
		CHECK(take(heap, 10000000) && take(heap, 50000000));
		CHECK(stats_of(heap).nr_zones >= 10);
		CALL(sea_heap_reset)(heap);
		CHECK_EQ(stats_of(heap).live, 0);
		CHECK_EQ(stats_of(heap).held, 0);
		CHECK_EQ(CALL(sea_heap_check)(heap), 0);
	}
	CALL(sea_heap_destroy)(heap);
	CHECK_AT_MOST(mallinfo2().uordblks, before + 100000);
}

static void heaps_come_and_go(void)
{
	for (size_t i = 0; i < test_pick(2000, 20000, 200000); i++) {
		sea_heap *heap = create("short");
		CHECK(heap);
		test_fill(take(heap, 100), 100, i);
		test_fill(take(heap, 20000), 20000, i);
		CALL(sea_heap_destroy)(heap);
	}
	CHECK_AT_MOST(test_rss(), 64 * MiB);
}

static void many_heaps(void)
{
	static sea_heap *heaps[4096];
	for (size_t i = 0; i < 4096; i++) {
		CHECK((heaps[i] = create("one of many")));
		if (i % 16 == 0)
			CHECK(take(heaps[i], 64));
	}
	errno = 0;
	CHECK(!create("one too many"));
	CHECK_EQ(errno, ENOMEM);
	for (size_t i = 0; i < 4096; i++)
		CALL(sea_heap_destroy)(heaps[i]);
	CHECK(create("room again"));
}

/* --- quota and limit ------------------------------------------------------------------------- */

static void quota(void)
{
	struct sea_heap_options options = {.quota = 1000000};
	sea_heap *heap = CALL(sea_heap_create)("bounded", &options);
	void *last = NULL, *block;
	errno = 0;
	while ((block = take(heap, 1000)))
		last = block;
	CHECK_EQ(errno, ENOMEM);
	struct sea_heap_statistics stats = stats_of(heap);
	CHECK(stats.live <= 1000000 && stats.live + malloc_usable_size(last) > 1000000);
	errno = 0;
	CHECK(!take(heap, 400000) && errno == ENOMEM);
	CHECK(!realloc(last, 5000) && test_is_filled(last, 0, 1));
	CHECK(!CALL(sea_heap_realloc)(heap, last, 400000));
	free(last);
	CHECK((last = take(heap, 900)));
	CHECK_EQ(CALL(sea_heap_check)(heap), 0);
	CHECK_EQ(stats_of(heap).quota, 1000000);
	CHECK(malloc(1000000)); /* no other heap is bounded */
}

static void *kept[100];

static bool give_back(size_t size, void *context)
{
	CHECK(size == 8 * MiB);
	(*(int *)context)++;
	for (size_t i = 0; i < 100; i++)
		if (kept[i]) {
			free(kept[i]);
			kept[i] = NULL;
			return true;
		}
	return false;
}

static void limit(void)
{
	int nr_asked = 0;
	sea_heap *heap = create("limited");
	CALL(sea_set_limit)(64 * MiB, give_back, &nr_asked);
	void *volatile block;
	size_t nr = 0;
	for (; nr < 100 && nr_asked == 0; nr++) {
		CHECK((block = nr % 2 ? malloc(8 * MiB) : take(heap, 8 * MiB)));
		memset(block, 1, 8 * MiB);
		for (size_t i = 0; i < 100; i++)
			if (!kept[i]) {
				kept[i] = block;
				break;
			}
	}
	CHECK(nr_asked > 0 && nr <= 9);
	CALL(sea_set_limit)(64 * MiB, NULL, NULL);
	errno = 0;
	nr = 0;
	while (nr < 100 && (block = malloc(8 * MiB)))
		nr++;
	CHECK(nr <= 8 && errno == ENOMEM);
	errno = 0;
	CHECK(!take(heap, 8 * MiB) && errno == ENOMEM);
	CHECK(!calloc(8, MiB) && !aligned_alloc(4096, 8 * MiB));
	CALL(sea_set_limit)(0, NULL, NULL);
	CHECK(take(heap, 80 * MiB));
}

/* Free memory that is resident goes before a request fails. */
static void caches_go_first(void)
{
	static void *small[200000];
	CALL(sea_set_limit)(32 * MiB, NULL, NULL);
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < 200000; i++)
			CHECK((small[i] = malloc(100)));
		for (size_t i = 0; i < 200000; i++)
			free(small[i]);
		void *large = malloc(20 * MiB);
		CHECK(large);
		memset(large, 1, 20 * MiB);
		free(large);
	}
	CALL(sea_set_limit)(0, NULL, NULL);
}

/* Several threads below the limit, with much that is freed and dirty: nobody is refused. */
static void *below_the_limit(void *unused)
{
	for (size_t i = 0; i < test_pick(100, 400, 10000); i++) {
		char *large = malloc(6 * MiB), *small[200];
		CHECK(large);
		memset(large, 1, 6 * MiB);
		for (size_t n = 0; n < 200; n++)
			CHECK((small[n] = malloc(5000)));
		free(large);
		for (size_t n = 0; n < 200; n++)
			free(small[n]);
	}
	return unused;
}

static void threads_below_a_limit(void)
{
	pthread_t threads[3];
	CALL(sea_set_limit)(40 * MiB, NULL, NULL);
	for (size_t i = 0; i < 3; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, below_the_limit, NULL), 0);
	for (size_t i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	CHECK_AT_MOST(test_rss(), 80 * MiB);
}

/* --- threads --------------------------------------------------------------------------------- */

#define NR_SLOTS 1024
static void *slots[NR_SLOTS];
static sea_heap *shared;

static void *exchange(void *argument)
{
	uint64_t seed = (uintptr_t)argument * 77 + 1;
	for (size_t i = 0; i < test_pick(60000, 300000, 10000000); i++) {
		void *block = take(shared, test_random_size(&seed, 3000));
		CHECK(block);
		*(uint64_t *)block = (uintptr_t)block ^ 5;
		void *old = __atomic_exchange_n(&slots[test_random(&seed) % NR_SLOTS], block, __ATOMIC_ACQ_REL);
		if (!old)
			continue;
		CHECK_EQ(*(uint64_t *)old, (uintptr_t)old ^ 5);
		if (i % 2)
			free(old);
		else
			CALL(sea_heap_free)(shared, old);
	}
	return NULL;
}

static void threads_share_a_heap(void)
{
	pthread_t threads[4];
	shared = create("shared");
	for (uintptr_t i = 0; i < 4; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, exchange, (void *)i), 0);
	for (size_t i = 0; i < 20; i++) {
		struct sea_heap_statistics stats = stats_of(shared);
		CHECK(stats.nr_live <= NR_SLOTS + 8);
		usleep(1000);
	}
	for (size_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	CHECK_EQ(CALL(sea_heap_check)(shared), 0);
	size_t nr = 0;
	for (size_t i = 0; i < NR_SLOTS; i++)
		nr += slots[i] != NULL;
	CHECK_EQ(stats_of(shared).nr_live, nr);
	for (size_t i = 0; i < NR_SLOTS; i++)
		free(slots[i]);
	CHECK_EQ(stats_of(shared).live, 0);
	CALL(sea_heap_destroy)(shared);
}

static uint32_t is_over;

static void *keep_busy(void *unused)
{
	uint64_t seed = 5;
	while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED)) {
		free(take(shared, test_random_size(&seed, 300000)));
		sea_heap *heap = create("of a thread");
		CHECK(take(heap, 100));
		CALL(sea_heap_destroy)(heap);
	}
	return unused;
}

static void fork_beside_threads(void)
{
	pthread_t thread;
	shared = create("forked");
	void *mine = take(shared, 5000);
	test_fill(mine, 5000, 9);
	CHECK_EQ(pthread_create(&thread, NULL, keep_busy, NULL), 0);
	for (size_t i = 0; i < test_pick(50, 300, 3000); i++) {
		int status = 0;
		pid_t child = fork();
		if (!child) {
			CHECK(test_is_filled(mine, 5000, 9));
			free(mine);
			for (size_t n = 0; n < 100; n++)
				free(take(shared, n * 3000));
			CALL(sea_heap_reset)(shared);
			CHECK(take(create("in the child"), 10));
			CALL(sea_heap_destroy)(shared);
			exit(EXIT_SUCCESS);
		}
		CHECK(waitpid(child, &status, 0) == child);
		CHECK_EQ(status, 0);
	}
	__atomic_store_n(&is_over, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	CHECK(test_is_filled(mine, 5000, 9));
}

/* A trim holds parts of zones while it purges them, and holds no lock then.  Meanwhile the heap is
 * reset. */
static void *trim_on(void *unused)
{
	while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED))
		malloc_trim(0);
	return unused;
}

static void reset_beside_a_trim(void)
{
	static char *mine[4000];
	pthread_t threads[2];
	sea_heap *heap = create("trimmed");
	for (size_t i = 0; i < 2; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, trim_on, NULL), 0);
	for (size_t round = 0; round < test_pick(60, 300, 30000); round++) {
		for (size_t i = 0; i < 4000; i++) {
			CHECK((mine[i] = take(heap, 2000)));
			memset(mine[i], (int)i, 2000);
		}
		for (size_t i = 0; i < 4000; i++)
			if (i % 64 >= 8)
				CALL(sea_heap_free)(heap, mine[i]);
		for (size_t i = 0; i < 4000; i += 64)
			CHECK(mine[i][1999] == (char)i);
		CALL(sea_heap_reset)(heap);
	}
	__atomic_store_n(&is_over, 1, __ATOMIC_RELAXED);
	for (size_t i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	CHECK_EQ(CALL(sea_heap_check)(heap), 0);
}

/* --- names and errors ------------------------------------------------------------------------ */

static int sum_names(sea_heap *heap, const char *name, void *context)
{
	CHECK(heap);
	*(size_t *)context += strlen(name);
	return 0;
}

static void names(void)
{
	size_t length = 0;
	sea_heap *first = create("first"), *second = create("a name of more than thirty-one bytes in all");
	CHECK(CALL(sea_heap_find)("first") == first);
	CHECK(CALL(sea_heap_find)("a name of more than thirty-one bytes in all") == second);
	CHECK(!CALL(sea_heap_find)("third"));
	CALL(sea_heap_each)(sum_names, &length);
	CHECK_EQ(length, 5 + 31);
	CALL(sea_heap_destroy)(first);
	CHECK(!CALL(sea_heap_find)("first"));
	CHECK(!CALL(sea_heap_of)(malloc(10)) && !CALL(sea_heap_of)(NULL) && !CALL(sea_heap_of)(malloc(1000000)));
}

static void errors(void)
{
	sea_heap *heap = create(NULL);
	struct sea_heap_options odd = {.flags = 1u << 31};
	errno = 0;
	CHECK(!CALL(sea_heap_create)("odd", &odd) && errno == EINVAL);
	errno = 0;
	CHECK(!take(heap, opaque_size(PTRDIFF_MAX) + 1) && errno == ENOMEM);
	errno = 0;
	CHECK(!CALL(sea_heap_calloc)(heap, opaque_size(SIZE_MAX / 2), 3) && errno == ENOMEM);
	errno = 0;
	CHECK(!CALL(sea_heap_aligned_alloc)(heap, opaque_size(48), 3) && errno == EINVAL);
	void *block = CALL(sea_heap_realloc)(heap, NULL, 30);
	errno = 0;
	CHECK(block && !CALL(sea_heap_realloc)(heap, block, opaque_size(PTRDIFF_MAX) + 1) && errno == ENOMEM);
	CHECK(!CALL(sea_heap_realloc)(heap, block, 0));
	CALL(sea_heap_free)(heap, NULL);
	CHECK_EQ(CALL(sea_heap_usable_size)(heap, NULL), 0);
	CHECK_EQ(stats_of(heap).nr_live, 0);
}

static void one_thread(void)
{
	struct sea_heap_options options = {.flags = SEA_HEAP_ONE_THREAD};
	uint64_t seed = test_seed();
	sea_heap *heap = CALL(sea_heap_create)("alone", &options);
	for (size_t i = 0; i < 10000; i++)
		step(heap, &seed);
	check_model(heap);
	CALL(sea_heap_destroy)(heap);
}

/* The process's figures have the memory of heaps, too. */
static void counted(void)
{
	size_t before = mallinfo2().uordblks;
	sea_heap *heap = create("counted");
	for (size_t i = 0; i < 20000; i++)
		CHECK(take(heap, 100));
	CHECK(take(heap, 3 * MiB));
	CHECK(mallinfo2().uordblks - before >= 20000 * 112 + 3 * MiB);
	CALL(sea_heap_destroy)(heap);
	CHECK(malloc_trim(0) == 1);
	CHECK_AT_MOST(mallinfo2().arena, before + 2 * MiB);
}

static const struct test_case cases[] = {
	{"model", model, SEAM, 60, 0, NULL},
	{"walks", walks, SEAM, 0, 0, NULL},
	{"a walk may free", a_walk_may_free, SEAM, 0, 0, NULL},
	{"a walk stops", a_walk_stops, SEAM, 0, 0, NULL},
	{"reset and destroy", reset_and_destroy, SEAM, 0, 0, NULL},
	{"heaps come and go", heaps_come_and_go, SEAM, 60, 0, NULL},
	{"many heaps", many_heaps, SEAM, 0, 0, NULL},
	{"quota", quota, SEAM, 0, 0, NULL},
	{"limit", limit, SEAM, 0, 0, NULL},
	{"caches go first", caches_go_first, SEAM, 0, 0, NULL},
	/* freed blocks that are held back count */
	{"threads below a limit", threads_below_a_limit, SEAM | NOT_SECURE, 60, 0, NULL},
	{"threads share a heap", threads_share_a_heap, SEAM, 60, 0, NULL},
	{"fork beside threads", fork_beside_threads, SEAM, 60, 0, NULL},
	{"reset beside a trim", reset_beside_a_trim, SEAM, 60, 0, NULL},
	{"names", names, SEAM, 0, 0, NULL},
	{"errors", errors, SEAM, 0, 0, NULL},
	{"one thread", one_thread, SEAM, 0, 0, NULL},
	{"counted", counted, SEAM, 0, 0, NULL},
};

HARNESS_MAIN(cases)
