/* SPDX-License-Identifier: MIT */
/* threads.c - a fuzz target: two threads that call, and exchange blocks
 *
 * The first half of the input is the first thread's, the rest that of a second thread, which
 * starts and ends with the input.  Where a call would be of one kind of malloc, a block is
 * exchanged with a shelf that both use: so each frees, resizes and reads what the other
 * allocated.  How the two interleave is not in the input: an input that fails may have to run
 * more than once to fail again.
 */
#include <pthread.h>

#include "blocks.h"

#define NR_SHELVED 16
#define EXCHANGE 13

static struct block shelf[NR_SHELVED]; /* under mutex */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static struct stream {
	const uint8_t *data;
	size_t size;
	struct block blocks[NR_BLOCKS];
} streams[2];

static void exchange(struct block *block, struct block *shelved)
{
	pthread_mutex_lock(&mutex);
	struct block mine = *block;
	*block = *shelved;
	*shelved = mine;
	pthread_mutex_unlock(&mutex);
	expect_intact(block, block->size);
}

static void *run(void *argument)
{
	struct stream *stream = argument;
	for (size_t n = 0; n < MOST_CALLS && 3 * n + 2 < stream->size; n++) {
		const uint8_t *bytes = stream->data + 3 * n;
		if (what(bytes) == EXCHANGE)
			exchange(&stream->blocks[bytes[0] % NR_BLOCKS], &shelf[bytes[1] % NR_SHELVED]);
		else
			call(stream->blocks, bytes);
	}
	return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	pthread_t thread;
	prepare();
	streams[0].data = data;
	streams[0].size = size / 2;
	streams[1].data = data + size / 2;
	streams[1].size = size - size / 2;
	expect(!pthread_create(&thread, NULL, run, &streams[1]));
	run(&streams[0]);
	expect(!pthread_join(thread, NULL));
	sim_heal();
	for (size_t i = 0; i < NR_SHELVED; i++)
		drop(&shelf[i]);
	drop_all(streams[0].blocks);
	drop_all(streams[1].blocks); /* by a thread that did not take them */
	audit();
	return 0;
}
