/* SPDX-License-Identifier: MIT */
/* sizes.c - many threads with buffers of 1 to 32 KiB, as network servers have
 *
 * The sizes between an allocator's small classes and its pages.  S. Ghemawat and P. Menage, in
 * "TCMalloc: Thread-Caching Malloc" (2005), let thread caches end at 32 KiB: up to there their
 * servers needed speed, and above it memory.
 *
 * Adapted: a connection has a small record, a read buffer and a reply that grows as it is
 * written, by half each time.  Connections end at random; a reply is cut to its length
 * before it waits.
 */
#include "stress.h"

/* Of all threads: 115 MB of buffers. */
#define CONNECTIONS 6000
/* Of all threads in one round. */
#define QUERIES 6000
#define BUFFER_LOW (1 * KiB)
#define BUFFER_END (32 * KiB)
/* A reply begins with the room for its head. */
#define REPLY_FIRST ((size_t)512)

struct connection {
	uint64_t stamp; /* of the connection's number */
	void *input;
	void *reply;
	char peer[64];
};

/* Three ids for each connection. */
static uint64_t id_of(const struct worker *self, size_t at)
{
	return 4 * ((uint64_t)self->index * CONNECTIONS + at);
}

static void *write_reply(struct worker *self, uint64_t id)
{
	size_t length = random_doubling(&self->random, BUFFER_LOW, BUFFER_END);
	size_t room = REPLY_FIRST;
	void *reply = block_take(self, room, id);
	while (room < length) {
		room += room / 2;
		reply = block_resize(self, reply, room, id);
	}
	return block_resize(self, reply, length, id);
}

static struct connection *open_connection(struct worker *self, uint64_t id)
{
	struct connection *connection = take(self, sizeof(*connection));
	connection->stamp = random_mix(id);
	connection->input = block_take(self, random_doubling(&self->random, BUFFER_LOW, BUFFER_END), id + 1);
	connection->reply = write_reply(self, id + 2);
	return connection;
}

static void close_connection(struct worker *self, struct connection *connection, uint64_t id)
{
	if (connection->stamp != random_mix(id))
		stress_fail("connection %llu: its record was overwritten", (unsigned long long)id);
	block_give(self, connection->input, id + 1);
	block_give(self, connection->reply, id + 2);
	give(self, connection, sizeof(*connection));
}

static void serve(struct worker *self, struct connection **connections)
{
	size_t at = random_below(&self->random, stress_share(CONNECTIONS));
	if (connections[at])
		close_connection(self, connections[at], id_of(self, at));
	connections[at] = open_connection(self, id_of(self, at));
}

static void work(struct worker *self)
{
	size_t nr = stress_share(CONNECTIONS);
	struct connection **connections = take_zeroed(self, nr * sizeof(*connections));
	while (worker_goes_on(self))
		for (size_t i = stress_share(QUERIES); i > 0; i--)
			serve(self, connections);
	for (size_t at = 0; at < nr; at++)
		if (connections[at])
			close_connection(self, connections[at], id_of(self, at));
	give(self, connections, nr * sizeof(*connections));
}

const struct pattern pattern = {
	.name = "sizes",
	.imitates = "a network server: many threads with buffers of 1 to 32 KiB and replies that grow "
		    "(after Ghemawat and Menage 2005)",
	.threads = 16,
	.rounds = 80,
	.work = work,
};
