/* SPDX-License-Identifier: MIT */
/* blocks.c - two peers and a list of messages; stale handles; flipped bits under running
 * readers */
#include "message.h"

#define MAX_MESSAGES 400

static struct message {
	struct sea_message_view *owner; /* NULL: none, or queued */
	uint64_t handle;
	size_t size;
} messages[MAX_MESSAGES];

static void fill(const struct message *message)
{
	test_fill(sea_blocks_address(message->owner, message->handle), message->size, message->handle);
}

static void check_message(const struct message *message)
{
	size_t size;
	uint64_t handle;
	void *address = sea_blocks_address(message->owner, message->handle);
	CHECK(address);
	CHECK_EQ((uintptr_t)address % 16, 0);
	CHECK(test_is_filled(address, message->size, message->handle));
	CHECK_EQ(sea_blocks_size(message->owner, message->handle, &size), 0);
	CHECK_EQ(size, message->size);
	CHECK_EQ(sea_blocks_handle(message->owner, address, &handle), 0);
	CHECK(handle == message->handle);
}

/* Sends a message to a port and receives it with the other peer: it is the only one there. */
static void hand_over(struct message *message, struct sea_message_view *to, unsigned port)
{
	uint64_t old = message->handle;
	CHECK_EQ(sea_ports_send(message->owner, port, message->handle), 0);
	CHECK(!sea_blocks_address(message->owner, old));
	CHECK_EQ(sea_ports_receive(to, port, 0, &message->handle), 0);
	CHECK(message->handle != old);
	CHECK(!sea_blocks_address(to, old));
	message->owner = to;
	fill(message);
}

static void random_operations(void)
{
	uint64_t random = test_seed();
	make_heap(64 * KiB, 1 * MiB);
	struct sea_message_view *peers[2] = {heap, join_heap(heap)};
	unsigned port;
	CHECK_EQ(sea_ports_find(heap, "in", &port), 0);
	for (size_t i = 0; i < rounds(40000); i++) {
		struct message *message = &messages[below(&random, MAX_MESSAGES)];
		if (!message->owner) {
			message->owner = peers[below(&random, 2)];
			message->size = test_random_size(&random, 6000);
			if (sea_blocks_alloc(message->owner, message->size, &message->handle))
				message->owner = NULL;
			else
				fill(message);
			continue;
		}
		check_message(message);
		if (below(&random, 3) == 0) {
			hand_over(message, peers[below(&random, 2)], port);
		} else {
			uint64_t old = message->handle;
			CHECK_EQ(sea_blocks_free(message->owner, old), 0);
			CHECK_EQ(sea_blocks_free(message->owner, old), ESTALE);
			message->owner = NULL;
		}
		if (i % 500 == 0)
			check_sound(peers[i / 500 % 2]);
	}
	size_t nr = 0;
	for (size_t i = 0; i < MAX_MESSAGES; i++)
		nr += messages[i].owner != NULL;
	CHECK_EQ(count(heap).nr_live, nr);
	sea_message_close(peers[1]);
	for (size_t i = 0; i < MAX_MESSAGES; i++)
		if (messages[i].owner == heap)
			CHECK_EQ(sea_blocks_free(heap, messages[i].handle), 0);
	CHECK_EQ(sea_blocks_flush(heap), 0);
	struct sea_message_counts counts = count(heap);
	CHECK_EQ(counts.free, counts.largest);
	CHECK_EQ(counts.length, counts.free + counts.metadata);
}

/* A handle never names another message, however often its place is used again. */
static void stale_handle_is_an_error(void)
{
	make_heap(64 * KiB, 0);
	uint64_t first = must_alloc(heap, 40), other = 0;
	void *place = sea_blocks_address(heap, first);
	size_t size, nr_same = 0;
	CHECK_EQ(sea_blocks_free(heap, first), 0);
	for (int i = 0; i < 20000; i++) {
		uint64_t handle = must_alloc(heap, 40);
		nr_same += sea_blocks_address(heap, handle) == place;
		CHECK(handle != first);
		CHECK(!sea_blocks_address(heap, first));
		CHECK_EQ(sea_blocks_size(heap, first, &size), ESTALE);
		CHECK_EQ(sea_blocks_free(heap, first), ESTALE);
		CHECK_EQ(sea_ports_send(heap, 0, first), ESTALE);
		CHECK_EQ(sea_blocks_free(heap, handle), 0);
	}
	CHECK(nr_same > 1000);
	CHECK_EQ(sea_blocks_free(heap, 0), ESTALE);
	CHECK_EQ(sea_blocks_free(heap, UINT64_MAX), ESTALE);
	CHECK_EQ(sea_blocks_handle(heap, &size, &other), ESTALE);
	CHECK_EQ(sea_blocks_handle(heap, NULL, &other), ESTALE);
	CHECK_EQ(sea_blocks_handle(heap, (char *)place + 1, &other), ESTALE);
}

static void foreign_message_is_an_error(void)
{
	make_heap(64 * KiB, 0);
	struct sea_message_view *other = join_heap(heap);
	uint64_t handle = must_alloc(heap, 100);
	CHECK(!sea_blocks_address(other, handle));
	CHECK_EQ(sea_blocks_free(other, handle), ESTALE);
	CHECK_EQ(sea_ports_send(other, 0, handle), ESTALE);
	CHECK_EQ(sea_blocks_free(heap, handle), 0);
}

/* --- threads ---------------------------------------------------------------------------- */

static void *allocate_and_free(void *argument)
{
	uint64_t random = (uint64_t)(uintptr_t)argument, handles[50] = {0};
	for (size_t i = 0; i < rounds(20000); i++) {
		uint64_t *handle = &handles[below(&random, 50)];
		if (*handle)
			CHECK_EQ(sea_blocks_free(heap, *handle), 0);
		*handle = *handle ? 0 : must_alloc(heap, test_random_size(&random, 2000));
	}
	for (int i = 0; i < 50; i++)
		if (handles[i])
			CHECK_EQ(sea_blocks_free(heap, handles[i]), 0);
	return NULL;
}

static void threads_share_a_peer(void)
{
	make_heap(1 * MiB, 0);
	pthread_t threads[4];
	for (uintptr_t i = 0; i < 4; i++)
		threads[i] = start_thread(allocate_and_free, (void *)(i + 1));
	for (int i = 0; i < 4; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	check_sound(heap);
	CHECK_EQ(count(heap).nr_live, 0);
}

/* --- hostile contents ---------------------------------------------------------------------- */

/* Does all that a peer can do, until the heap is refused or the rounds are over. */
static void use(struct sea_message_view *view, uint64_t seed)
{
	uint64_t random = seed, handles[40] = {0};
	unsigned port = 0, nr;
	view->patience_ns = 20000000;
	view->journal.longest = 0;
	for (int i = 0; i < 2000; i++) {
		uint64_t *handle = &handles[below(&random, 40)];
		size_t size;
		int error = 0;
		switch (below(&random, 8)) {
		case 0:
		case 1:
		case 2: error = sea_blocks_alloc(view, test_random_size(&random, 3000), handle); break;
		case 3: error = sea_blocks_free(view, *handle); break;
		case 4: error = sea_ports_find(view, below(&random, 2) ? "in" : "out", &port); break;
		case 5: error = sea_ports_send(view, port, *handle); break;
		case 6: error = sea_ports_receive(view, port, (int)below(&random, 2), handle); break;
		case 7: error = below(&random, 20) ? sea_blocks_size(view, *handle, &size) : sea_peers_reclaim(view, &nr);
		}
		volatile char *address = sea_blocks_address(view, *handle);
		if (address && below(&random, 2))
			*address = 1;
		if (error == EBADMSG && i % 50 == 0)
			break;
	}
	struct sea_message_counts counts;
	sea_message_count(view, &counts);
	sea_message_is_sound(view);
}

/* Flips bits anywhere in the structure: the header, the bitmaps, tags and holes. */
static void flip(struct sea_message_view *view, uint64_t *random)
{
	size_t length = view->journal.length;
	size_t at = below(random, 3) ? below(random, SEA_MESSAGE_HEADER + 4096) : below(random, length);
	((volatile char *)view->file)[at] ^= (char)(1 << below(random, 8));
}

static void use_while_bits_flip(struct sea_message_view *view, uint64_t seed)
{
	use(view, seed);
	_exit(0);
}

/* Two peers run while a third flips bits under them: each ends by itself, with or without
 * errors. */
static void flipped_bits_under_running_peers(void)
{
	uint64_t random = test_seed();
	for (size_t round = 0; round < test_pick(15, 40, 2000); round++) {
		make_heap(64 * KiB, 256 * KiB);
		pid_t peers[2];
		for (int i = 0; i < 2; i++)
			peers[i] = start_peer(use_while_bits_flip, test_random(&random) | 1);
		for (int i = 0; i < 200; i++) {
			flip(heap, &random);
			if (i % 8 == 0)
				usleep(20);
		}
		for (int i = 0; i < 2; i++) {
			int end = end_of(peers[i]);
			CHECK(end == 0 || end == 100); /* 100: could not join any more */
		}
		sea_message_close(heap);
	}
}

static const struct test_case cases[] = {
	PASSES(random_operations),	  PASSES(stale_handle_is_an_error), PASSES(foreign_message_is_an_error),
	PASSES(threads_share_a_peer),
	{.name = "flipped_bits_under_running_peers", .run = flipped_bits_under_running_peers, .seconds = 120},
};

HARNESS_MAIN(cases)
