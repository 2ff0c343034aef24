/* SPDX-License-Identifier: MIT */
/* lock.c - one at a time, also when holders die: a count that is not atomic stays exact */
#include "message.h"

#define NR_PEERS 4

static uint64_t *completed; /* shared by the processes, outside of the heap */

static void share_count(void)
{
	completed = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(completed != MAP_FAILED);
}

/* A word of the heap that no code of ours uses. */
static volatile uint64_t *counter(struct sea_message_view *view) { return &view->file->ports[100].unused[0]; }

static void add_one(struct sea_message_view *view)
{
	if (sea_message_enter(view))
		_exit(1);
	uint64_t before = *counter(view);
	sea_pause();
	*counter(view) = before + 1;
	__atomic_add_fetch(completed, 1, __ATOMIC_RELAXED);
	if (sea_message_leave(view))
		_exit(2);
}

static void add_many(struct sea_message_view *view, uint64_t nr)
{
	while (nr--)
		add_one(view);
}

/* Adds, then dies while it has the lock. */
static void add_and_die(struct sea_message_view *view, uint64_t nr)
{
	add_many(view, nr);
	if (sea_message_enter(view))
		_exit(3);
	kill(getpid(), SIGKILL);
}

static void peers_take_turns(void)
{
	pid_t peers[NR_PEERS];
	uint64_t nr = rounds(20000);
	share_count();
	make_heap(64 * KiB, 0);
	for (int i = 0; i < NR_PEERS; i++)
		peers[i] = start_peer(add_many, nr);
	for (int i = 0; i < NR_PEERS; i++)
		CHECK_EQ(end_of(peers[i]), 0);
	CHECK_EQ(*counter(heap), NR_PEERS * nr);
	CHECK_EQ(heap->file->nr_takeovers, 0);
}

/* Several wait for a lock whose holder has died: one takes it over. */
static void dead_holders_are_replaced_by_one(void)
{
	pid_t peers[NR_PEERS];
	uint64_t nr_deaths = rounds(40);
	share_count();
	make_heap(64 * KiB, 0);
	for (uint64_t death = 0; death < nr_deaths; death++) {
		for (int i = 0; i < NR_PEERS; i++)
			peers[i] = start_peer(i == 0 ? add_and_die : add_many, 50);
		CHECK_EQ(end_of(peers[0]), 1000 + SIGKILL);
		for (int i = 1; i < NR_PEERS; i++)
			CHECK_EQ(end_of(peers[i]), 0);
		CHECK_EQ(sea_message_enter(heap), 0);
		CHECK_EQ(sea_message_leave(heap), 0);
	}
	CHECK_EQ(*counter(heap), *completed);
	CHECK_EQ(heap->file->nr_takeovers, nr_deaths);
	check_sound(heap);
}

static void *add_in_thread(void *view)
{
	add_many(view, rounds(20000));
	return NULL;
}

static void threads_take_turns(void)
{
	pthread_t threads[NR_PEERS];
	share_count();
	make_heap(64 * KiB, 0);
	for (int i = 0; i < NR_PEERS; i++)
		threads[i] = start_thread(add_in_thread, heap);
	for (int i = 0; i < NR_PEERS; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	CHECK_EQ(*counter(heap), NR_PEERS * rounds(20000));
}

/* Any word at all: the lock is taken over, or the wait ends in time. */
static void any_word_ends_the_wait(void)
{
	uint64_t random = test_seed();
	make_heap(64 * KiB, 0);
	heap->patience_ns = 3000000;
	for (size_t i = 0; i < rounds(100); i++) {
		heap->file->lock = (uint32_t)test_random(&random);
		heap->file->active = below(&random, 2) ? (uint32_t)below(&random, 200) : 0;
		int error = sea_message_enter(heap);
		CHECK(!error || error == ETIMEDOUT || error == EBADMSG);
		if (!error)
			CHECK_EQ(sea_message_leave(heap), 0);
		heap->file->is_broken = heap->segment.is_broken = false;
	}
}

static const struct test_case cases[] = {
	PASSES(peers_take_turns),
	PASSES(dead_holders_are_replaced_by_one),
	PASSES(threads_take_turns),
	PASSES(any_word_ends_the_wait),
};

HARNESS_MAIN(cases)
