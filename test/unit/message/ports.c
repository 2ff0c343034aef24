/* SPDX-License-Identifier: MIT */
/* ports.c - messages between peers; waiting; every store of an operation as a peer's last */
#include "message.h"

static unsigned port_of(struct sea_message_view *view, const char *name)
{
	unsigned port = 0;
	CHECK_EQ(sea_ports_find(view, name, &port), 0);
	return port;
}

static void put_text(struct sea_message_view *view, uint64_t handle, const char *text)
{
	strcpy(sea_blocks_address(view, handle), text);
}

static void message_reaches_another_peer(void)
{
	make_heap(64 * KiB, 0);
	struct sea_message_view *other = join_heap(heap);
	unsigned port = port_of(heap, "in");
	CHECK_EQ(port_of(other, "in"), port);
	uint64_t sent = must_alloc(heap, 100), received;
	put_text(heap, sent, "hello");
	CHECK_EQ(sea_ports_send(heap, port, sent), 0);
	CHECK(!sea_blocks_address(heap, sent));
	CHECK_EQ(sea_ports_send(heap, port, sent), ESTALE);
	check_sound(heap);
	CHECK_EQ(count(heap).nr_queued, 1);
	CHECK_EQ(sea_ports_receive(other, port, 0, &received), 0);
	CHECK(!strcmp(sea_blocks_address(other, received), "hello"));
	CHECK(sea_blocks_address(other, received) != sea_blocks_address(heap, received));
	CHECK(!sea_blocks_address(heap, received));
	size_t size;
	CHECK_EQ(sea_blocks_size(other, received, &size), 0);
	CHECK_EQ(size, 100);
	CHECK_EQ(sea_blocks_free(other, received), 0);
	CHECK_EQ(sea_blocks_free(other, received), ESTALE);
	CHECK_EQ(sea_ports_receive(other, port, 0, &received), EAGAIN);
	check_sound(other);
	sea_message_close(other);
	check_sound(heap);
	CHECK_EQ(count(heap).nr_peers, 1);
}

static void queue_keeps_the_order(void)
{
	make_heap(256 * KiB, 0);
	unsigned port = port_of(heap, "in"), unknown = port + 1;
	uint64_t handle;
	for (int i = 0; i < 500; i++) {
		handle = must_alloc(heap, 8);
		*(int *)sea_blocks_address(heap, handle) = i;
		CHECK_EQ(sea_ports_send(heap, port, handle), 0);
		if (i % 3 == 0) {
			CHECK_EQ(sea_ports_receive(heap, port, 0, &handle), 0);
			CHECK_EQ(*(int *)sea_blocks_address(heap, handle), i / 3);
			CHECK_EQ(sea_blocks_free(heap, handle), 0);
		}
	}
	check_sound(heap);
	for (int i = 167; i < 500; i++) {
		CHECK_EQ(sea_ports_receive(heap, port, 0, &handle), 0);
		CHECK_EQ(*(int *)sea_blocks_address(heap, handle), i);
	}
	check_sound(heap);
	CHECK_EQ(sea_ports_send(heap, unknown, handle), EINVAL);
	CHECK_EQ(sea_ports_send(heap, 1u << 20, handle), EINVAL);
	CHECK_EQ(sea_ports_receive(heap, unknown, 0, &handle), EINVAL);
	CHECK_EQ(count(heap).nr_live, 333);
}

static void names_are_checked(void)
{
	make_heap(64 * KiB, 0);
	unsigned port;
	char name[64];
	CHECK_EQ(sea_ports_find(heap, "", &port), EINVAL);
	memset(name, 'x', 48);
	name[48] = 0;
	CHECK_EQ(sea_ports_find(heap, name, &port), EINVAL);
	name[47] = 0;
	CHECK_EQ(sea_ports_find(heap, name, &port), 0);
	for (int i = 1; i < 128; i++) {
		snprintf(name, sizeof(name), "port %d", i);
		CHECK_EQ(sea_ports_find(heap, name, &port), 0);
	}
	CHECK_EQ(sea_ports_find(heap, "one more", &port), ENOSPC);
	CHECK_EQ(sea_ports_find(heap, "port 7", &port), 0);
	CHECK_EQ(port, 7);
}

static void waiting_ends_in_time(void)
{
	make_heap(64 * KiB, 0);
	unsigned port = port_of(heap, "in");
	uint64_t handle;
	double start = test_now();
	CHECK_EQ(sea_ports_receive(heap, port, 100, &handle), ETIMEDOUT);
	CHECK(test_now() - start >= 0.099);
}

static void on_signal(int number) { (void)number; }

static void signal_ends_waiting(void)
{
	make_heap(64 * KiB, 0);
	unsigned port = port_of(heap, "in");
	uint64_t handle;
	struct sigaction action = {.sa_handler = on_signal};
	struct itimerval soon = {.it_value = {.tv_usec = 50000}, .it_interval = {.tv_usec = 50000}};
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	CHECK_EQ(sea_ports_receive(heap, port, -1, &handle), EINTR);
}

static void receive_and_echo(struct sea_message_view *view, uint64_t nr)
{
	unsigned in = port_of(view, "in"), out = port_of(view, "out");
	uint64_t handle;
	while (nr--)
		if (sea_ports_receive(view, in, -1, &handle) || sea_ports_send(view, out, handle))
			_exit(1);
}

static void sleepers_are_woken(void)
{
	make_heap(64 * KiB, 0);
	unsigned in = port_of(heap, "in"), out = port_of(heap, "out");
	pid_t peers[3];
	uint64_t nr = rounds(2000), handle;
	for (int i = 0; i < 3; i++)
		peers[i] = start_peer(receive_and_echo, nr);
	for (uint64_t i = 0; i < 3 * nr; i++) {
		handle = must_alloc(heap, 40);
		CHECK_EQ(sea_ports_send(heap, in, handle), 0);
		CHECK_EQ(sea_ports_receive(heap, out, -1, &handle), 0);
		CHECK_EQ(sea_blocks_free(heap, handle), 0);
	}
	for (int i = 0; i < 3; i++)
		CHECK_EQ(end_of(peers[i]), 0);
	unsigned nr_dead;
	CHECK_EQ(sea_peers_reclaim(heap, &nr_dead), 0);
	check_sound(heap);
	CHECK_EQ(count(heap).nr_live, 0);
}

static void quota_refuses_more(void)
{
	make_heap(256 * KiB, 0);
	unsigned port = port_of(heap, "in");
	uint64_t handles[2], handle;
	CHECK_EQ(sea_blocks_set_quota(heap, 10000), 0);
	handles[0] = must_alloc(heap, 4000);
	handles[1] = must_alloc(heap, 4000);
	CHECK_EQ(sea_blocks_alloc(heap, 4000, &handle), EDQUOT);
	CHECK_EQ(sea_ports_send(heap, port, handles[0]), 0);
	handle = must_alloc(heap, 4000);
	CHECK_EQ(sea_blocks_free(heap, handle), 0);
	check_sound(heap);
}

/* --- a peer that stops after each store -------------------------------------------------- */

static uint64_t stores_left;

static void die_at_store(void)
{
	if (--stores_left == 0)
		kill(getpid(), SIGKILL);
}

enum operation { ALLOC_SMALL, ALLOC_LARGE, ALLOC_GROWING, FREE_SMALL, FREE_MANY, FREE_LARGE, SEND, SEND_TO_SLEEPER,
		 RECEIVE, RECEIVE_LAST, WAIT, FIND_PORT, RECLAIM, CLOSE, NR_OPERATIONS };
static const char *const operation_names[] = {
	"alloc small", "alloc large", "alloc that grows", "free small", "free that flushes", "free large", "send",
	"send to a sleeper", "receive", "receive the last", "wait", "find port", "reclaim", "close",
};

#define NR_HANDLES 18

static void leave_blocks(struct sea_message_view *view, uint64_t nr)
{
	while (nr--)
		must_alloc(view, 3000);
	kill(getpid(), SIGKILL);
}

/* The state in which the operation starts: the peer has messages, two wait in the port. */
static void prepare(struct sea_message_view *view, enum operation operation, uint64_t handles[NR_HANDLES])
{
	unsigned port = port_of(view, "in");
	for (int i = 0; i < (operation == CLOSE ? 3 : NR_HANDLES); i++)
		handles[i] = must_alloc(view, operation == FREE_LARGE ? 3000 : 40);
	for (int i = 0; i < (operation == RECEIVE_LAST ? 1 : 2) && operation != WAIT; i++)
		CHECK_EQ(sea_ports_send(view, port, must_alloc(view, 64)), 0);
	if (operation == SEND_TO_SLEEPER)
		view->file->ports[port].has_sleepers = 1;
	for (int i = 1; operation == FREE_MANY && view->bins[4].nr < SEA_MESSAGE_DEPTH; i++)
		CHECK_EQ(sea_blocks_free(view, handles[i]), 0);
	if (operation == RECLAIM)
		CHECK_EQ(end_of(start_peer_of(view, leave_blocks, 3)), 1000 + SIGKILL);
}

static void operate(struct sea_message_view *view, enum operation operation, const uint64_t handles[NR_HANDLES])
{
	uint64_t handle;
	unsigned nr, port = port_of(view, "in");
	switch (operation) {
	case ALLOC_SMALL: sea_blocks_alloc(view, 200, &handle); break;
	case ALLOC_LARGE: sea_blocks_alloc(view, 5000, &handle); break;
	case ALLOC_GROWING: sea_blocks_alloc(view, 100000, &handle); break;
	case FREE_SMALL:
	case FREE_MANY:
	case FREE_LARGE: sea_blocks_free(view, handles[0]); break;
	case SEND:
	case SEND_TO_SLEEPER: sea_ports_send(view, port, handles[0]); break;
	case RECEIVE:
	case RECEIVE_LAST: sea_ports_receive(view, port, 0, &handle); break;
	case WAIT: sea_ports_receive(view, port, 1, &handle); break;
	case FIND_PORT: sea_ports_find(view, "another", &port); break;
	case RECLAIM: sea_peers_reclaim(view, &nr); break;
	case CLOSE: sea_message_close(view); break;
	case NR_OPERATIONS: break;
	}
}

static void operate_and_die(struct sea_message_view *view, uint64_t argument)
{
	uint64_t handles[NR_HANDLES];
	enum operation operation = argument % NR_OPERATIONS;
	prepare(view, operation, handles);
	stores_left = argument / NR_OPERATIONS;
	view->journal.after_store = die_at_store;
	operate(view, operation, handles);
}

/* The heap serves: a message goes through each operation. */
static void check_service(void)
{
	unsigned port = port_of(heap, "service");
	uint64_t handle = must_alloc(heap, 700), large = must_alloc(heap, 9000);
	CHECK_EQ(sea_ports_send(heap, port, handle), 0);
	CHECK_EQ(sea_ports_receive(heap, port, -1, &handle), 0);
	CHECK_EQ(sea_blocks_free(heap, handle), 0);
	CHECK_EQ(sea_blocks_free(heap, large), 0);
}

/* After the death: the audit holds, what the dead peer had sent is there once or not at all, and
 * nothing else is left of it. */
static void check_after(enum operation operation)
{
	unsigned nr_dead;
	CHECK_EQ(sea_peers_reclaim(heap, &nr_dead), 0);
	check_sound(heap);
	check_service();
	struct sea_message_counts counts = count(heap);
	CHECK_EQ(counts.nr_live, 0);
	CHECK_EQ(counts.nr_peers, 1);
	size_t nr_before = operation == WAIT ? 0 : operation == RECEIVE_LAST ? 1 : 2;
	if (operation == SEND || operation == SEND_TO_SLEEPER)
		CHECK(counts.nr_queued == nr_before || counts.nr_queued == nr_before + 1);
	else if (operation == RECEIVE || operation == RECEIVE_LAST)
		CHECK(counts.nr_queued == nr_before || counts.nr_queued + 1 == nr_before);
	else
		CHECK_EQ(counts.nr_queued, nr_before);
	uint64_t handle;
	unsigned port = port_of(heap, "in");
	for (; counts.nr_queued; counts.nr_queued--) {
		CHECK_EQ(sea_ports_receive(heap, port, 0, &handle), 0);
		CHECK_EQ(sea_blocks_free(heap, handle), 0);
	}
	CHECK_EQ(sea_ports_receive(heap, port, 0, &handle), EAGAIN);
	CHECK_EQ(sea_blocks_flush(heap), 0);
	counts = count(heap);
	CHECK_EQ(counts.length, counts.metadata + counts.free);
	CHECK_EQ(counts.largest, counts.free);
}

static uint64_t die_at_every_store(enum operation operation)
{
	for (uint64_t store = 1;; store += store < 60 ? 1 : test_pick(5, 1, 1)) {
		make_heap(64 * KiB, 512 * KiB);
		port_of(heap, "in");
		int end = end_of(start_peer(operate_and_die, store * NR_OPERATIONS + operation));
		if (end != 0)
			CHECK_EQ(end, 1000 + SIGKILL);
		check_after(operation);
		sea_message_close(heap);
		if (end == 0)
			return store - 1;
	}
}

static void every_store_may_be_the_last(void)
{
	uint64_t total = 0;
	for (enum operation operation = 0; operation < NR_OPERATIONS; operation++) {
		uint64_t nr = die_at_every_store(operation);
		printf("note  %s: %llu stores\n", operation_names[operation], (unsigned long long)nr);
		total += nr;
		CHECK(nr > 0);
	}
	printf("note  a peer was killed at each of %llu stores to the shared memory\n", (unsigned long long)total);
	fflush(stdout);
}

static void hold_the_lock(struct sea_message_view *view, uint64_t argument)
{
	(void)argument;
	CHECK_EQ(sea_message_enter(view), 0);
	kill(getpid(), SIGKILL);
}

static void joins_where_the_holder_died(void)
{
	make_heap(64 * KiB, 0);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(end_of(start_peer(hold_the_lock, 0)), 1000 + SIGKILL);
		struct sea_message_view *other = join_heap(heap);
		CHECK_EQ(other->peer, 1);
		must_alloc(other, 10);
		sea_message_close(other);
		check_sound(heap);
	}
}

static const struct test_case cases[] = {
	PASSES(message_reaches_another_peer), PASSES(queue_keeps_the_order), PASSES(names_are_checked),
	PASSES(waiting_ends_in_time),	      PASSES(signal_ends_waiting),   PASSES(sleepers_are_woken),
	PASSES(quota_refuses_more),	      PASSES(joins_where_the_holder_died),
	{.name = "every_store_may_be_the_last", .run = every_store_may_be_the_last, .seconds = 120},
};

HARNESS_MAIN(cases)
