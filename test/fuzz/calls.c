/* SPDX-License-Identifier: MIT */
/* calls.c - a fuzz target: sequences of calls
 *
 * The input is a program: three bytes a call, what to do, with which block, and how large.  Blocks
 * have patterns; after each input the heap is audited.  Calls of the system fail where the input says
 * so.  The sizes of the input grow by powers: the last byte chooses the class, the second the rest.
 */
#include <errno.h>
#include <string.h>

#include "base/options.h"
#include "cache/cache.h"
#include "engines/engine.h"
#include "front/account.h"
#include "fuzz.h"
#include "seamalloc.h"

#define NR_BLOCKS 64
#define MOST_CALLS 200
/* Of a long block only the ends are written to and looked at. */
#define END_BYTES ((size_t)1024)
/* One input in so many ends with a walk through the whole heap. */
#define AUDIT_ONE_IN 16

static struct block {
	char *start;
	size_t size;
} blocks[NR_BLOCKS];

static unsigned char pattern(size_t i) { return (unsigned char)(i * 37 + 11); }

static void keep(size_t i, char *start, size_t size)
{
	blocks[i] = (struct block){start, start ? size : 0};
	if (!start)
		return;
	memset(start, pattern(i), size < END_BYTES ? size : END_BYTES);
	if (size > END_BYTES)
		memset(start + size - END_BYTES, pattern(i), END_BYTES);
}

/* The first `size` bytes of a block that was `length` bytes long. */
static void expect_bytes(const char *start, size_t length, size_t size, unsigned char byte)
{
	for (size_t at = 0; start && at < size; at++)
		if (at < END_BYTES || length - at <= END_BYTES)
			expect((unsigned char)start[at] == byte);
		else
			at = length - END_BYTES - 1;
}

static void expect_intact(size_t i, size_t size) { expect_bytes(blocks[i].start, blocks[i].size, size, pattern(i)); }

static void drop(size_t i)
{
	expect_intact(i, blocks[i].size);
	sea_free(blocks[i].start);
	blocks[i] = (struct block){0};
}

static size_t size_of(uint8_t class, uint8_t rest) { return ((size_t)rest + 1) << class % 14; }

static void resize(size_t i, size_t size)
{
	size_t kept = blocks[i].size < size ? blocks[i].size : size;
	char *start = sea_realloc(blocks[i].start, size);
	if (!start)
		return;
	blocks[i].start = start;
	expect_intact(i, kept);
	keep(i, start, size);
}

static void take_zeroed(size_t i, size_t size)
{
	drop(i);
	char *start = sea_calloc(1, size);
	expect_bytes(start, size, size, 0);
	keep(i, start, size);
}

static void take_aligned(size_t i, size_t align, size_t size)
{
	drop(i);
	char *start = sea_aligned_alloc(align, size);
	expect((uintptr_t)start % align == 0);
	keep(i, start, size);
}

static void call(const uint8_t *bytes)
{
	size_t i = bytes[0] % NR_BLOCKS, size = size_of(bytes[2], bytes[1]);
	switch (bytes[2] / 14 % 16) {
	case 0: case 1: case 2: drop(i); break;
	case 3: case 4: case 5: resize(i, size); break;
	case 6: case 7: take_zeroed(i, size); break;
	case 8: case 9: take_aligned(i, (size_t)1 << bytes[0] / 16, size); break;
	case 10: sea_malloc_trim(size); break;
	case 11: sim_fail((enum sim_call)(bytes[0] % (SIM_NR_CALLS + 1)), 1 + bytes[1] % 8, bytes[1] / 128); break;
	case 12: sim_heal(); break;
	default: drop(i); keep(i, sea_malloc(size), size);
	}
}

static void audit(void)
{
	static unsigned nr_inputs;
	struct sea_stats stats;
	sim_heal();
	for (size_t i = 0; i < NR_BLOCKS; i++)
		drop(i);
	if (nr_inputs++ % AUDIT_ONE_IN)
		return;
	expect(sea_engine_is_sound());
	sea_account(&stats);
	expect(sea_account_adds_up(&stats) && !stats.live);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	sim.is_quiet = true;
	sea_options.arena = SEA_MIB;
	sea_options.guard = 30;
	for (size_t n = 0; n < MOST_CALLS && 3 * n + 2 < size; n++, sim.now_ms++)
		call(data + 3 * n);
	audit();
	return 0;
}
