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

/* Threads that never allocate themselves.  What recurs earns an allowance here too. */
static void threads_that_only_free(void)
{
	size_t before = 0;
	for (int round = 0; round < 24; round++) {
		pthread_t thread;
		if (round == 12)
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

/* --- other ends ------------------------------------------------------------------------------ */

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
};

HARNESS_MAIN(cases)
