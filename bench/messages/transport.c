/* SPDX-License-Identifier: MIT */
/* transport.c - a message from one process to another: a message heap, a pipe, a UNIX socket, a
 * POSIX queue
 *
 * usage: transport MEANS SIZE TOUCHED SECONDS
 *
 * The parent produces, the child consumes.  For each message the producer allocates (heap) or uses
 * its buffer (others), writes the first TOUCHED bytes, and sends; the consumer receives, reads the
 * first TOUCHED bytes, and frees.  Prints nanoseconds of the clock and of CPU time in both
 * processes for each message.
 *
 * A pipe, a socket and a queue stop a producer that is too fast.  The heap has no such limit, so
 * the consumer sends an empty message back for each window / 2 that it got, and the producer waits
 * for those.  That is part of the cost.  A POSIX queue takes 8 KiB at most, so longer messages go
 * in pieces.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <mqueue.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "seamalloc_message.h"

/* Messages on the way: up to 1024, as many of 64 bytes as a pipe holds, but not more than 4
 * MiB. */
#define WINDOW_MAX 1024
#define WINDOW_BYTES (4 * 1024 * 1024)
#define PIECE 8192 /* largest message of a POSIX queue, as systems have it */

static size_t size, touched, window;
static char *buffer;
static volatile uint64_t sink;

static void fail(const char *what)
{
	perror(what);
	_exit(1);
}

static double now(int clock)
{
	struct timespec time;
	clock_gettime(clock, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void put(char *bytes, uint64_t number)
{
	memset(bytes, (int)number, touched);
	memcpy(bytes, &number, sizeof(number));
}

/* Reads all words, and returns the first. */
static uint64_t get(const char *bytes)
{
	const uint64_t *words = (const uint64_t *)bytes;
	uint64_t sum = 0;
	for (size_t i = 0; i < touched / sizeof(uint64_t); i++)
		sum ^= words[i];
	sink = sum;
	return words[0];
}

/* --- the means ------------------------------------------------------------------------ */

static struct sea_msg_heap *heap;
static int heap_file, to, from, ends[2];
static mqd_t queue;

static void heap_open(void)
{
	heap = sea_msg_create(NULL, 2 * window * (size + 4096), 0, 0600);
	if (!heap)
		fail("sea_msg_create");
	heap_file = dup(sea_msg_fd(heap));
	to = sea_msg_port(heap, "to");
	from = sea_msg_port(heap, "from");
}

static void heap_join(void)
{
	heap = sea_msg_attach(heap_file);
	if (!heap)
		fail("sea_msg_attach");
}

static void heap_send(uint64_t number)
{
	if (number >= window && number % (window / 2) == 0 && sea_msg_free(heap, sea_msg_receive(heap, from, -1)))
		fail("sea_msg_receive");
	sea_msg_t message = sea_msg_alloc(heap, size);
	char *bytes = sea_msg_address(heap, message);
	if (!bytes)
		fail("sea_msg_alloc");
	put(bytes, number);
	if (sea_msg_send(heap, to, message))
		fail("sea_msg_send");
}

static uint64_t heap_receive(uint64_t nr)
{
	sea_msg_t message = sea_msg_receive(heap, to, -1);
	const char *bytes = sea_msg_address(heap, message);
	if (!bytes)
		fail("sea_msg_receive");
	uint64_t number = get(bytes);
	sea_msg_free(heap, message);
	if (nr % (window / 2) == window / 2 - 1)
		sea_msg_send(heap, from, sea_msg_alloc(heap, 0));
	return number;
}

static void pipe_open(void)
{
	if (pipe(ends))
		fail("pipe");
}

static void socket_open(void)
{
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		fail("socketpair");
}

static void no_join(void) {}

static void stream_send(uint64_t number)
{
	put(buffer, number);
	for (size_t done = 0; done < size;) {
		ssize_t written = write(ends[1], buffer + done, size - done);
		if (written < 0)
			fail("write");
		done += (size_t)written;
	}
}

static uint64_t stream_receive(uint64_t nr)
{
	(void)nr;
	for (size_t done = 0; done < size;) {
		ssize_t got = read(ends[0], buffer + done, size - done);
		if (got <= 0)
			fail("read");
		done += (size_t)got;
	}
	return get(buffer);
}

static void queue_open(void)
{
	char name[64];
	struct mq_attr attributes = {.mq_maxmsg = 10, .mq_msgsize = PIECE};
	snprintf(name, sizeof(name), "/seamalloc-bench-%d", getpid());
	queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attributes);
	if (queue == (mqd_t)-1)
		fail("mq_open");
	mq_unlink(name);
}

static void queue_send(uint64_t number)
{
	put(buffer, number);
	for (size_t done = 0; done < size; done += PIECE)
		if (mq_send(queue, buffer + done, size - done < PIECE ? size - done : PIECE, 0))
			fail("mq_send");
}

static uint64_t queue_receive(uint64_t nr)
{
	(void)nr;
	for (size_t done = 0; done < size; done += PIECE)
		if (mq_receive(queue, buffer + done, PIECE, NULL) < 0)
			fail("mq_receive");
	return get(buffer);
}

static const struct means {
	const char *name;
	void (*open)(void), (*join)(void);
	void (*send)(uint64_t number);
	uint64_t (*receive)(uint64_t nr);
} all[] = {
	{"heap", heap_open, heap_join, heap_send, heap_receive},
	{"pipe", pipe_open, no_join, stream_send, stream_receive},
	{"socket", socket_open, no_join, stream_send, stream_receive},
	{"queue", queue_open, no_join, queue_send, queue_receive},
};

/* --- measuring ------------------------------------------------------------------------- */

#define LAST UINT64_MAX

static void consume(const struct means *means)
{
	means->join();
	for (uint64_t nr = 0; means->receive(nr) != LAST; nr++)
		;
	_exit(0);
}

static void measure(const struct means *means, double seconds)
{
	means->open();
	pid_t child = fork();
	if (!child)
		consume(means);
	uint64_t nr = 0;
	double start = now(CLOCK_MONOTONIC), end = start + seconds * 1e9;
	do
		means->send(nr++);
	while (nr % 16 || now(CLOCK_MONOTONIC) < end);
	means->send(LAST);
	struct rusage usage;
	int status;
	if (wait4(child, &status, 0, &usage) != child || status)
		fail("the consumer");
	double elapsed = now(CLOCK_MONOTONIC) - start;
	double cpu = now(CLOCK_PROCESS_CPUTIME_ID) + (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e9 +
		     (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e3;
	printf("%.1f %.1f\n", elapsed / (double)nr, cpu / (double)nr);
}

int main(int argc, char **argv)
{
	if (argc != 5)
		return 2;
	size = strtoull(argv[2], NULL, 10);
	touched = strtoull(argv[3], NULL, 10);
	window = size * WINDOW_MAX < WINDOW_BYTES ? WINDOW_MAX : size * 2 < WINDOW_BYTES ? WINDOW_BYTES / size & ~1ul : 2;
	size_t room = size < PIECE ? PIECE : (size + PIECE - 1) / PIECE * PIECE;
	buffer = calloc(1, room);
	if (!buffer || touched > size || size < 8 || touched < 8)
		return 2;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (!strcmp(all[i].name, argv[1])) {
			measure(&all[i], atof(argv[4]));
			return 0;
		}
	return 2;
}
