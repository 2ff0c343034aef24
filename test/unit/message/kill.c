/* SPDX-License-Identifier: MIT */
/* kill.c - eight peers that send and receive, one of which is killed every 50 ms
 *
 * Each message has a number, and a ledger outside of the heap says what became of it.  A message
 * that was sent is received once, or was owned by a peer when that was killed, or still waits at
 * the end.  At the end every byte is free, and nobody waits.
 */
#include "message.h"

#define NR_WORKERS 8
#define NR_WAITERS 3 /* of them wait without a limit, and do nothing else */
#define KILL_EVERY_US 50000
#define MAX_IDS (1u << 22)
#define HEAP (48 * MiB)
#define MAX_WAITING 200 /* messages in the queue: then workers only receive */
#define STOP UINT64_MAX

struct entry {
	uint8_t is_sent, nr_received, was_owned;
};

static struct ledger {
	uint64_t next;
	uint64_t nr_received;
	uint32_t stops;
	struct entry entries[MAX_IDS];
} *ledger;

/* What a message begins with. */
struct payload {
	uint64_t id, size;
};

static unsigned port_of(struct sea_message_view *view)
{
	unsigned port;
	if (sea_ports_find(view, "work", &port))
		_exit(2);
	return port;
}

/* Mostly small; up to 1 MiB. */
static size_t random_size(uint64_t *random)
{
	size_t most = below(random, 100) ? 2000 : below(random, 10) ? 64 * KiB : 1 * MiB;
	return sea_max(sizeof(struct payload), test_random_size(random, most));
}

static void produce(struct sea_message_view *view, unsigned port, uint64_t *random)
{
	uint64_t handle, id = __atomic_add_fetch(&ledger->next, 1, __ATOMIC_RELAXED);
	size_t size = random_size(random);
	if (id >= MAX_IDS || sea_blocks_alloc(view, size, &handle))
		return;
	struct payload *payload = sea_blocks_address(view, handle);
	*payload = (struct payload){id, size};
	test_fill(payload + 1, sea_min(size - sizeof(*payload), 4000), id);
	if (sea_ports_send(view, port, handle))
		_exit(3);
	ledger->entries[id].is_sent = 1;
}

/* False: this is the message that ends a worker. */
static bool take_in(struct sea_message_view *view, uint64_t handle)
{
	struct payload *payload = sea_blocks_address(view, handle);
	size_t size;
	if (!payload || sea_blocks_size(view, handle, &size) || size != payload->size)
		_exit(4);
	if (payload->id == STOP)
		return false;
	if (!test_is_filled(payload + 1, sea_min(size - sizeof(*payload), 4000), payload->id))
		_exit(5);
	__atomic_add_fetch(&ledger->entries[payload->id].nr_received, 1, __ATOMIC_RELAXED);
	payload->id = 0;
	__atomic_add_fetch(&ledger->nr_received, 1, __ATOMIC_RELAXED);
	if (sea_blocks_free(view, handle))
		_exit(6);
	return true;
}

static struct sea_message_view *mine; /* a worker's own view */

/* Now and then a worker sleeps in the middle of a transaction, so that some are killed there. */
static void linger(void)
{
	static unsigned nr_stores;
	if (mine->journal.nr && ++nr_stores % 300 == 0)
		usleep(200);
}

static void linger_in_steps(struct sea_message_view *view)
{
	mine = view;
	view->journal.after_store = linger;
}

static void work(struct sea_message_view *view, uint64_t seed)
{
	uint64_t random = seed, handle;
	unsigned port = port_of(view);
	linger_in_steps(view);
	while (!__atomic_load_n(&ledger->stops, __ATOMIC_RELAXED)) {
		if (view->file->ports[port].nr < MAX_WAITING && below(&random, 2))
			produce(view, port, &random);
		else if (!sea_ports_receive(view, port, (int)below(&random, 3), &handle))
			take_in(view, handle);
	}
	_exit(0);
}

static void wait_for_work(struct sea_message_view *view, uint64_t seed)
{
	uint64_t handle;
	unsigned port = port_of(view);
	linger_in_steps(view);
	(void)seed;
	for (;;) {
		if (sea_ports_receive(view, port, -1, &handle))
			_exit(7);
		if (!take_in(view, handle))
			_exit(0);
	}
}

static pid_t start_worker(int i, uint64_t *random)
{
	return start_peer(i < NR_WAITERS ? wait_for_work : work, test_random(random) | 1);
}

/* Notes in the ledger what a dead peer owned, then takes it back. */
static void note_dead(void)
{
	struct sea_segment_chunk chunk;
	unsigned nr_dead;
	CHECK_EQ(sea_message_enter(heap), 0);
	for (size_t at = 0; sea_segment_chunk_from(&heap->segment, at, &chunk); at = chunk.offset + chunk.size) {
		const struct sea_message_block *block = sea_blocks_at(heap, chunk.offset);
		if (!chunk.is_used || sea_message_tag_kind(block->tag) != SEA_MESSAGE_LIVE)
			continue;
		const struct payload *payload = (const struct payload *)(block + 1);
		unsigned owner = sea_message_tag_owner(block->tag);
		if (!sea_message_is_alive(heap, owner - 1) && payload->id < MAX_IDS)
			ledger->entries[payload->id].was_owned = 1;
	}
	CHECK(sea_message_is_sound(heap));
	CHECK_EQ(sea_message_leave(heap), 0);
	CHECK_EQ(sea_peers_reclaim(heap, &nr_dead), 0);
	CHECK_AT_MOST(nr_dead, 1); /* none: it was killed before it had joined */
}

static void kill_one(pid_t workers[], uint64_t *random)
{
	int i = (int)below(random, NR_WORKERS);
	kill(workers[i], SIGKILL);
	CHECK_EQ(end_of(workers[i]), 1000 + SIGKILL);
	note_dead();
	workers[i] = start_worker(i, random);
}

/* Ends all workers: those that wait, by a message for each. */
static void stop_all(pid_t workers[])
{
	unsigned port = port_of(heap);
	__atomic_store_n(&ledger->stops, 1, __ATOMIC_RELAXED);
	for (int i = NR_WAITERS; i < NR_WORKERS; i++)
		CHECK_EQ(end_of(workers[i]), 0);
	for (int i = 0; i < NR_WAITERS; i++) {
		uint64_t handle = must_alloc(heap, sizeof(struct payload));
		*(struct payload *)sea_blocks_address(heap, handle) = (struct payload){STOP, sizeof(struct payload)};
		CHECK_EQ(sea_ports_send(heap, port, handle), 0);
	}
	for (int i = 0; i < NR_WAITERS; i++)
		CHECK_EQ(end_of(workers[i]), 0);
}

static void check_ledger(void)
{
	uint64_t nr_lost = 0, nr_twice = 0, nr_sent = 0;
	for (uint64_t id = 1; id < sea_min(ledger->next + 1, MAX_IDS); id++) {
		const struct entry *entry = &ledger->entries[id];
		nr_sent += entry->is_sent;
		nr_lost += entry->is_sent && !entry->nr_received && !entry->was_owned;
		nr_twice += entry->nr_received > 1;
	}
	CHECK_EQ(nr_lost, 0);
	CHECK_EQ(nr_twice, 0);
	CHECK(nr_sent > 100);
}

static void check_nothing_left(void)
{
	unsigned nr_dead;
	CHECK_EQ(sea_peers_reclaim(heap, &nr_dead), 0);
	CHECK_EQ(sea_blocks_flush(heap), 0);
	check_sound(heap);
	struct sea_message_counts counts = count(heap);
	CHECK_EQ(counts.nr_queued, 0);
	CHECK_EQ(counts.nr_live, 0);
	CHECK_EQ(counts.length, counts.metadata + counts.free);
	CHECK_EQ(counts.largest, counts.free);
}

static void killed_peers_lose_nothing(void)
{
	uint64_t random = test_seed(), nr_kills = 0;
	pid_t workers[NR_WORKERS];
	ledger = mmap(NULL, sizeof(*ledger), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(ledger != MAP_FAILED);
	make_heap(HEAP, 0);
	for (int i = 0; i < NR_WORKERS; i++)
		workers[i] = start_worker(i, &random);
	double end = test_now() + test_seconds((double)test_pick(2, 3, 30));
	for (; test_now() < end; nr_kills++) {
		usleep(KILL_EVERY_US);
		kill_one(workers, &random);
	}
	stop_all(workers);
	check_ledger();
	check_nothing_left();
	printf("note  %llu peers killed, %llu of them with the lock, %llu in a transaction; %llu messages sent, %llu received\n",
	       (unsigned long long)nr_kills, (unsigned long long)heap->file->nr_takeovers,
	       (unsigned long long)heap->file->nr_undone, (unsigned long long)ledger->next,
	       (unsigned long long)ledger->nr_received);
	fflush(stdout);
}

static const struct test_case cases[] = {
	{.name = "killed_peers_lose_nothing", .run = killed_peers_lose_nothing, .seconds = 120},
};

HARNESS_MAIN(cases)
