/* SPDX-License-Identifier: MIT */
/* threads.c - threads come and go, and their blocks outlive them
 *
 * A thread may allocate and free until its very last destructor, after the allocator
 * has taken its cache away; what it does then must not leak.
 */
#include "../harness.h"

#include <dlfcn.h>
#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void start(pthread_t *thread, void *(*body)(void *), void *argument)
{
	static pthread_attr_t attributes;
	static bool ready;
	if (!ready) {
		CHECK_EQ(pthread_attr_init(&attributes), 0);
		CHECK_EQ(pthread_attr_setstacksize(&attributes, 64 * KiB), 0);
		ready = true;
	}
	CHECK_EQ(pthread_create(thread, &attributes, body, argument), 0);
}

static void *finish(pthread_t thread)
{
	void *result;
	CHECK_EQ(pthread_join(thread, &result), 0);
	return result;
}

/* --- churn ----------------------------------------------------------------------------- */

enum { KEPT = 40 };

/* Frees what its predecessor left and leaves as much to its successor. */
static void *live_shortly(void *inheritance)
{
	void **old = inheritance, **mine = malloc(KEPT * sizeof(*mine));
	CHECK(mine != NULL);
	for (size_t i = 0; i < KEPT; i++) {
		CHECK((mine[i] = malloc(i * 53)) != NULL);
		test_fill(mine[i], i * 53, i);
		void *own = calloc(1, i * 31);
		CHECK(own != NULL && test_is_zero(own, i * 31));
		free(own);
		if (old != NULL) {
			CHECK(test_is_filled(old[i], i * 53, i));
			free(old[i]);
		}
	}
	free(old);
	return mine;
}

static void churn(void)
{
	void *inheritance = NULL;
	size_t before = 0, nr_threads = test_pick(2000, 10000, 100000);
	for (size_t i = 0; i < nr_threads; i++) {
		pthread_t thread;
		if (i == 500)
			before = test_rss();
		start(&thread, live_shortly, inheritance);
		inheritance = finish(thread);
	}
	if (test_engine() != WATERMARK)
		CHECK_AT_MOST(test_rss() - before, 4 * MiB);
}

/* --- blocks of ended threads --------------------------------------------------------------- */

enum { NR_BLOCKS = 20000 };

static unsigned char *blocks[NR_BLOCKS];

static size_t size_of(size_t i)
{
	return i * 7919 % 1500 + (i % 500 == 0 ? 300 * KiB : 0);
}

static void *make_blocks(void *unused)
{
	for (size_t i = 0; i < NR_BLOCKS; i++) {
		CHECK((blocks[i] = malloc(size_of(i))) != NULL);
		test_fill(blocks[i], size_of(i), i);
	}
	return unused;
}

static void check_and_free_blocks(void)
{
	for (size_t i = 0; i < NR_BLOCKS; i++) {
		CHECK(test_is_filled(blocks[i], size_of(i), i));
		free(blocks[i]);
	}
}

static void frees_after_the_end(void)
{
	size_t before = 0;
	/* What recurs earns an allowance: the first rounds are for that. */
	for (int round = 0; round < 24; round++) {
		pthread_t thread;
		if (round == 12)
			before = test_rss();
		start(&thread, make_blocks, NULL);
		finish(thread);
		for (size_t i = 0; i < NR_BLOCKS; i += 3)
			CHECK((blocks[i] = realloc(blocks[i], size_of(i) == 0 ? 1 : size_of(i))) != NULL);
		check_and_free_blocks();
	}
	if (test_engine() != WATERMARK)
		CHECK_AT_MOST(test_rss() - before, 6 * MiB);
}

static void *only_free(void *unused)
{
	check_and_free_blocks();
	return unused;
}

/* Threads that never allocate themselves. */
static void threads_that_only_free(void)
{
	size_t before = 0;
	for (int round = 0; round < 12; round++) {
		pthread_t thread;
		if (round == 3)
			before = test_rss();
		make_blocks(NULL);
		start(&thread, only_free, NULL);
		finish(thread);
	}
	if (test_engine() != WATERMARK)
		CHECK_AT_MOST(test_rss() - before, 6 * MiB);
}

/* --- destructors ---------------------------------------------------------------------------- */

enum { NR_KEYS = 4 };

static pthread_key_t keys[NR_KEYS];

/* Sets its key again, so that it runs in every round that POSIX grants, the last of
 * them after the destructor of anybody else. */
static void allocate_at_the_end(void *value)
{
	char *block = value;
	for (size_t size = 8; size < 20000; size *= 3) {
		char *fresh = malloc(size);
		CHECK(fresh != NULL);
		memset(fresh, 1, size);
		free(fresh);
	}
	int rounds_left = block[0];
	int key = block[1];
	free(block);
	if (rounds_left > 0) {
		CHECK((block = malloc(100)) != NULL);
		block[0] = (char)(rounds_left - 1);
		block[1] = (char)key;
		pthread_setspecific(keys[key], block);
	}
}

static void *set_keys(void *unused)
{
	for (int key = 0; key < NR_KEYS; key++) {
		char *block = malloc(100);
		CHECK(block != NULL);
		block[0] = PTHREAD_DESTRUCTOR_ITERATIONS - 1;
		block[1] = (char)key;
		CHECK_EQ(pthread_setspecific(keys[key], block), 0);
	}
	free(malloc(3000));
	return unused;
}

static void destructors_allocate(void)
{
	size_t before = 0, nr_threads = test_pick(1500, 5000, 50000);
	for (int key = 0; key < NR_KEYS; key++) {
		CHECK_EQ(pthread_key_create(&keys[key], allocate_at_the_end), 0);
		free(malloc(1000)); /* some keys are older than the allocator's, some younger */
	}
	for (size_t i = 0; i < nr_threads; i++) {
		pthread_t thread;
		if (i == 500)
			before = test_rss();
		start(&thread, set_keys, NULL);
		finish(thread);
	}
	if (test_engine() != WATERMARK)
		CHECK_AT_MOST(test_rss() - before, 2 * MiB);
}

/* The first use of the heap comes in a destructor, after the allocator's turn. */
static void *set_key_only(void *value)
{
	pthread_setspecific(keys[0], value);
	return NULL;
}

static void free_value(void *value)
{
	free(value);
}

static void first_use_is_in_destructor(void)
{
	size_t before = 0, nr_threads = test_pick(1500, 5000, 50000);
	CHECK_EQ(pthread_key_create(&keys[0], free_value), 0);
	for (size_t i = 0; i < nr_threads; i++) {
		pthread_t thread;
		if (i == 500)
			before = test_rss();
		start(&thread, set_key_only, malloc(i % 3000));
		finish(thread);
	}
	if (test_engine() != WATERMARK)
		CHECK_AT_MOST(test_rss() - before, 2 * MiB);
}

/* --- other ends -------------------------------------------------------------------------------- */

static void *wait_to_be_cancelled(void *unused)
{
	void *block = malloc(5000);
	pthread_cleanup_push(free, block);
	for (;;) {
		free(malloc(500));
		usleep(100);
	}
	pthread_cleanup_pop(1);
	return unused;
}

static void *leave_by_exit(void *unused)
{
	free(malloc(700));
	pthread_exit(unused);
}

static void cancelled_and_exited(void)
{
	for (int i = 0; i < 100; i++) {
		pthread_t cancelled, exited;
		start(&cancelled, wait_to_be_cancelled, NULL);
		start(&exited, leave_by_exit, NULL);
		CHECK_EQ(pthread_cancel(cancelled), 0);
		CHECK(finish(cancelled) == PTHREAD_CANCELED);
		finish(exited);
	}
}

static void *never_stop(void *unused)
{
	for (size_t size = 0;; size = (size + 61) % 9000)
		free(malloc(size));
	return unused;
}

/* The process ends while threads are in the middle of malloc. */
static void process_ends_first(void)
{
	pthread_t thread;
	for (int i = 0; i < 4; i++) {
		start(&thread, never_stop, NULL);
		CHECK_EQ(pthread_detach(thread), 0);
	}
	usleep(20000);
}

static void *with_smallest_stack(void *unused)
{
	void *held[50];
	for (size_t i = 0; i < 50; i++)
		CHECK((held[i] = malloc(i * i * 40)) != NULL);
	for (size_t i = 0; i < 50; i++)
		CHECK((held[i] = realloc(held[i], i * 3000 + 1)) != NULL);
	for (size_t i = 0; i < 50; i++)
		free(held[i]);
	malloc_trim(0);
	return unused;
}

static void smallest_stack(void)
{
	pthread_attr_t attributes;
	pthread_t thread;
	CHECK_EQ(pthread_attr_init(&attributes), 0);
	CHECK_EQ(pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN), 0);
	for (int i = 0; i < 20; i++) {
		CHECK_EQ(pthread_create(&thread, &attributes, with_smallest_stack, NULL), 0);
		finish(thread);
	}
}

static void *fail_lookups(void *unused)
{
	for (int i = 0; i < 200; i++) {
		CHECK(dlsym(RTLD_DEFAULT, "seamalloc_has_no_such_function") == NULL);
		CHECK(strstr(dlerror(), "seamalloc_has_no_such_function") != NULL);
		CHECK(dlopen("/nonexistent/library.so", RTLD_NOW) == NULL);
	}
	return unused; /* the last message is freed when the thread ends */
}

static void inside_dlsym(void)
{
	pthread_t threads[8];
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < 8; i++)
			start(&threads[i], fail_lookups, NULL);
		for (int i = 0; i < 8; i++)
			finish(threads[i]);
	}
}

/* --- memory of many threads ------------------------------------------------------------------------ */

enum { NR_MANY = 200, PER_THREAD = 150 };

static pthread_barrier_t barrier;

/* About 75 KiB in blocks of 16..1000 bytes. */
static void *hold_a_little(void *unused)
{
	void *held[PER_THREAD];
	for (size_t i = 0; i < PER_THREAD; i++) {
		size_t size = 16 + i * 6553 % 985;
		CHECK((held[i] = malloc(size)) != NULL);
		memset(held[i], 1, size);
	}
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	for (size_t i = 0; i < PER_THREAD; i++)
		free(held[i]);
	return unused;
}

static void two_hundred_threads(void)
{
	pthread_t threads[NR_MANY];
	CHECK_EQ(pthread_barrier_init(&barrier, NULL, NR_MANY + 1), 0);
	for (int i = 0; i < NR_MANY; i++)
		start(&threads[i], hold_a_little, NULL);
	pthread_barrier_wait(&barrier);
	size_t rss = test_rss(), space = test_status_bytes("VmSize");
	test_note("%zu KiB resident, %zu MiB of address space\n", rss / KiB, space / MiB);
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < NR_MANY; i++)
		finish(threads[i]);
	CHECK_AT_MOST(rss, 25 * MiB);
	CHECK_AT_MOST(space, 1 * GiB);
}

enum { NR_BURST = 8, BURST_BLOCKS = 40000 };

static size_t peak_of_burst;

/* 20 MiB in each thread, all freed, and the thread stays. */
static void *burst(void *unused)
{
	static void *held[NR_BURST][BURST_BLOCKS];
	void **mine = held[(uintptr_t)unused];
	for (size_t i = 0; i < BURST_BLOCKS; i++) {
		size_t size = 16 + i * 6553 % 985;
		CHECK((mine[i] = malloc(size)) != NULL);
		memset(mine[i], 1, size);
	}
	if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
		peak_of_burst = test_rss();
	pthread_barrier_wait(&barrier);
	for (size_t i = 0; i < BURST_BLOCKS; i++)
		free(mine[i]);
	pthread_barrier_wait(&barrier);
	pause();
	return unused;
}

/* After the burst nobody calls the allocator again, and yet the memory goes back. */
static void idle_after_burst(void)
{
	pthread_t thread;
	CHECK_EQ(pthread_barrier_init(&barrier, NULL, NR_BURST + 1), 0);
	for (uintptr_t i = 0; i < NR_BURST; i++)
		start(&thread, burst, (void *)i);
	for (int i = 0; i < 3; i++)
		pthread_barrier_wait(&barrier);
	size_t tables = NR_BURST * BURST_BLOCKS * sizeof(void *), rss = 0;
	for (size_t seconds = 0; seconds < test_pick(3, 15, 15); seconds++) {
		sleep(1);
		rss = test_rss();
		test_note("after %zu s: %zu of %zu KiB\n", seconds + 1, rss / KiB, peak_of_burst / KiB);
		if (rss - tables <= peak_of_burst / 10)
			return;
	}
	CHECK_AT_MOST(rss - tables, peak_of_burst / 10);
}

static const struct test_case cases[] = {
	{.name = "thousands of threads, each inheriting blocks", .run = churn, .seconds = 60},
	{.name = "blocks freed after their thread has ended", .run = frees_after_the_end, .seconds = 60},
	{.name = "threads that only free", .run = threads_that_only_free, .seconds = 60},
	{.name = "key destructors allocate in every round, nothing leaks", .run = destructors_allocate,
	 .seconds = 60},
	{.name = "the first use is in a key destructor", .run = first_use_is_in_destructor, .seconds = 60},
	{.name = "cancelled threads and pthread_exit", .run = cancelled_and_exited},
	{.name = "the process ends while threads allocate", .run = process_ends_first},
	{.name = "threads with the smallest stack", .run = smallest_stack},
	{.name = "failing dlsym and dlopen in threads", .run = inside_dlsym},
	{.name = "200 threads with 15 MiB: 25 MiB resident, 1 GiB of address space", .run = two_hundred_threads,
	 .engines = SEAM},
	{.name = "idle after a burst: a tenth of the peak stays", .run = idle_after_burst, .seconds = 60,
	 .engines = SEAM},
};

HARNESS_MAIN(cases)
