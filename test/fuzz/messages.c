/* SPDX-License-Identifier: MIT */
/* messages.c - a message heap whose file has any contents: libFuzzer's input is a list of changes
 *
 *    | where 3 | value 8 | ...  changes to the file of a good heap
 *    | 0xff 0xff 0xff |          then: one byte for each operation of a peer
 *
 * No input may lead to an access outside of the file's mapping, an endless loop or an abort.  The
 * mapping is of a file, so the address sanitizer does not see its end; but behind the file's end,
 * an access ends with SIGBUS.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "message/message.h"

#define SIZE (64 * SEA_KIB)
#define CHANGE 11
#define NR_MESSAGES 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In place of base/check.c, which needs the whole heap. */
_Noreturn void sea_check_failed(const char *claim, const char *in, int line)
{
	fprintf(stderr, "%s:%d: %s does not hold\n", in, line, claim);
	abort();
}

static int file;
static char *mapping, *good;
static size_t length;
static uint64_t messages[NR_MESSAGES];

/* A heap in which each kind of thing is: holes, live and cached blocks, a queue. */
static void make_good(void)
{
	struct sea_message_view *view;
	unsigned port;
	uint64_t handle[24];
	if (sea_message_create(&view, NULL, SIZE, 2 * SIZE, 0600) || sea_ports_find(view, "in", &port))
		abort();
	for (unsigned i = 0; i < 24; i++)
		if (sea_blocks_alloc(view, 40 * i, &handle[i]))
			abort();
	for (unsigned i = 0; i < 24; i += 3) {
		if (sea_blocks_free(view, handle[i]) || sea_ports_send(view, port, handle[i + 1]))
			abort();
	}
	for (unsigned i = 0; i < NR_MESSAGES; i++)
		messages[i] = handle[3 * i + 2];
	length = view->journal.length;
	file = dup(view->shared_file);
	mapping = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	good = malloc(length);
	if (file < 0 || mapping == MAP_FAILED || !good)
		abort();
	memcpy(good, mapping, length);
	/* The view is left alone: a peer that is alive.  Its file is changed under it,
	 * and it makes no call. */
}

static size_t change(const uint8_t *data, size_t size)
{
	size_t at = 0;
	for (; at + CHANGE <= size; at += CHANGE) {
		size_t where = data[at] | (size_t)data[at + 1] << 8 | (size_t)data[at + 2] << 16;
		if (where == 0xffffff)
			return at + 3;
		where = where * 8 % (length - 8);
		memcpy(mapping + where, data + at + 3, 8);
	}
	return at;
}

static void operate(struct sea_message_view *view, uint8_t operation)
{
	uint64_t *handle = &messages[operation % NR_MESSAGES];
	unsigned port = operation / 128, nr;
	size_t bytes;
	switch (operation / NR_MESSAGES % 8) {
	case 0: sea_blocks_alloc(view, operation, handle); break;
	case 1: sea_blocks_alloc(view, operation * 97u, handle); break;
	case 2: sea_blocks_free(view, *handle); break;
	case 3: sea_ports_send(view, port, *handle); break;
	case 4: sea_ports_receive(view, port, 0, handle); break;
	case 5: sea_peers_reclaim(view, &nr); break;
	case 6: sea_ports_find(view, "out", &port); break;
	case 7: sea_blocks_size(view, *handle, &bytes); break;
	}
	volatile char *address = sea_blocks_address(view, *handle);
	if (address)
		*address = 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sea_message_view *view;
	struct sea_message_counts counts;
	uint64_t saved[NR_MESSAGES];
	sea_message_patience_ns = 1000000;
	if (!mapping)
		make_good();
	memcpy(mapping, good, length);
	memcpy(saved, messages, sizeof(saved));
	size_t at = change(data, size);
	if (!sea_message_attach(&view, file)) {
		for (; at < size; at++)
			operate(view, data[at]);
		sea_message_count(view, &counts);
		sea_message_is_sound(view);
		sea_message_close(view);
	}
	memcpy(messages, saved, sizeof(saved));
	return 0;
}
