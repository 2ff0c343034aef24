/* SPDX-License-Identifier: MIT */
/* message_pipeline.c - one producer, several consumers, each a process of its own
 *
 * The producer sends messages of 32 bytes to 1 MiB.  Consumers check them and send a short answer.
 * No byte is copied: a message is written once by the producer and read where it is.
 *
 *     cc message_pipeline.c $(pkg-config --cflags --libs seamalloc)
 *     ./a.out [MESSAGES [CONSUMERS]]
 */
#include <seamalloc_message.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct work {
	uint64_t number, size; /* size 0: there is no more */
	unsigned char data[];
};

struct answer {
	uint64_t number, sum;
};

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t sum_of(const struct work *work)
{
	uint64_t sum = work->number;
	for (size_t i = 0; i < work->size; i++)
		sum = sum * 31 + work->data[i];
	return sum;
}

static void send_work(struct sea_msg_heap *heap, int port, uint64_t number, size_t size)
{
	sea_msg_t message = sea_msg_alloc(heap, sizeof(struct work) + size);
	struct work *work = sea_msg_address(heap, message);
	if (!work)
		fail("sea_msg_alloc");
	*work = (struct work){number, size};
	memset(work->data, (int)number, size);
	if (sea_msg_send(heap, port, message))
		fail("sea_msg_send");
}

/* A consumer opens the heap itself: it is a peer of its own. */
static int consume(int fd)
{
	struct sea_msg_heap *heap = sea_msg_attach(fd);
	if (!heap)
		fail("sea_msg_attach");
	int in = sea_msg_port(heap, "work"), out = sea_msg_port(heap, "answers");
	for (;;) {
		sea_msg_t message = sea_msg_receive(heap, in, -1);
		const struct work *work = sea_msg_address(heap, message);
		if (!work)
			fail("sea_msg_receive");
		if (!work->size)
			return sea_msg_close(heap) != 0;
		sea_msg_t reply = sea_msg_alloc(heap, sizeof(struct answer));
		struct answer *answer = sea_msg_address(heap, reply);
		if (!answer)
			fail("sea_msg_alloc");
		*answer = (struct answer){work->number, sum_of(work)};
		if (sea_msg_free(heap, message) || sea_msg_send(heap, out, reply))
			fail("sea_msg_send");
	}
}

/* The answer to a message, computed without sending it. */
static uint64_t expected(uint64_t number, size_t size)
{
	uint64_t sum = number;
	while (size--)
		sum = sum * 31 + (unsigned char)number;
	return sum;
}

/* 32 bytes to 1 MiB, headers included. */
static size_t size_of(uint64_t number) { return ((size_t)32 << number % 16) - sizeof(struct work); }

static void check_answer(struct sea_msg_heap *heap, int port)
{
	sea_msg_t message = sea_msg_receive(heap, port, 60000);
	const struct answer *answer = sea_msg_address(heap, message);
	if (!answer)
		fail("sea_msg_receive");
	if (answer->sum != expected(answer->number, size_of(answer->number))) {
		fprintf(stderr, "message %llu arrived changed\n", (unsigned long long)answer->number);
		exit(1);
	}
	sea_msg_free(heap, message);
}

int main(int argc, char **argv)
{
	uint64_t messages = argc > 1 ? strtoull(argv[1], NULL, 10) : 320;
	int consumers = argc > 2 ? atoi(argv[2]) : 3;
	struct sea_msg_heap *heap = sea_msg_create(NULL, 1 << 20, 64 << 20, 0600);
	if (!heap)
		fail("sea_msg_create");
	int work = sea_msg_port(heap, "work"), answers = sea_msg_port(heap, "answers");
	int fd = dup(sea_msg_fd(heap)); /* the heap's own is closed in children */
	for (int i = 0; i < consumers; i++)
		if (fork() == 0)
			return consume(fd);
	for (uint64_t number = 0; number < messages; number++) {
		send_work(heap, work, number, size_of(number));
		if (number >= 8) /* so many are on the way */
			check_answer(heap, answers);
	}
	for (uint64_t left = messages < 8 ? messages : 8; left; left--)
		check_answer(heap, answers);
	for (int i = 0; i < consumers; i++)
		send_work(heap, work, 0, 0);
	int status, failed = 0;
	while (wait(&status) > 0)
		failed |= status;
	struct sea_msg_stats stats;
	sea_msg_reclaim(heap);
	if (failed || sea_msg_trim(heap) || sea_msg_count(heap, &stats) || sea_msg_audit(heap))
		fail("at the end");
	printf("%llu messages, %d consumers; %zu bytes of messages are left\n", (unsigned long long)messages, consumers,
	       stats.live + stats.queued);
	return sea_msg_close(heap) || stats.live + stats.queued != 0;
}
