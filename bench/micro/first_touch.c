/* SPDX-License-Identifier: MIT */
/* first_touch.c - memory that is filled and given back
 *
 *   first_touch/SIZE   once in a process that had none: what the pages cost
 *   refill/SIZE        again and again: an allocator that gives pages back to the system
 *                      at once has to fault them in each time
 *
 * FILL_BYTES in blocks of SIZE, every byte written, then all freed in the same order.  An
 * iteration is the whole.
 */
#include "block.h"
#include "memory.h"
#include "shim.h"

#define OPERATIONS_PER_BLOCK 2
#define FILL_BYTES (32 * MIB)
#define SMALLEST 256
#define MAX_BLOCKS (FILL_BYTES / SMALLEST)

static struct block blocks[MAX_BLOCKS];

static void set_up(const struct bench_state *state, const void *argument)
{
	(void)state, (void)argument;
	blocks_clear(blocks, MAX_BLOCKS);
	memory_note_base();
}

static const char *fill(uint32_t count, uint32_t size)
{
	for (uint32_t i = 0; i < count; i++) {
		const char *reason = block_alloc(&blocks[i], size, i);
		if (reason)
			return reason;
		memset(blocks[i].words, (int)i, size);
		touch(blocks[i].words, size, i);
	}
	return NULL;
}

static const char *fill_and_free(uint32_t size)
{
	uint32_t count = FILL_BYTES / size;
	const char *failed = fill(count, size), *changed = blocks_free(blocks, count);
	return failed ? failed : changed;
}

static void loop(struct bench_state *state, uint32_t size)
{
	while (bench_keep_running(state)) {
		const char *reason = fill_and_free(size);
		if (reason)
			bench_skip(state, reason);
	}
	memory_report(state, FILL_BYTES);
	bench_set_operations(state, OPERATIONS_PER_BLOCK * (int64_t)(FILL_BYTES / size) * bench_iterations(state));
	bench_set_bytes(state, (int64_t)FILL_BYTES * bench_iterations(state));
}

static void run_once(struct bench_state *state, const void *argument)
{
	(void)argument;
	loop(state, (uint32_t)bench_range(state, 0));
}

static void run_again(struct bench_state *state, const void *argument)
{
	(void)argument;
	uint32_t size = (uint32_t)bench_range(state, 0);
	const char *reason = fill_and_free(size);
	if (reason)
		bench_skip(state, reason);
	loop(state, size);
}

static struct bench *add(const char *name, bench_function *function)
{
	struct bench *bench = bench_add(name, function, NULL);
	bench_with_argument(bench, SMALLEST);
	bench_with_argument(bench, 64 * KIB);
	bench_with_argument(bench, 16 * MIB);
	bench_with_hooks(bench, set_up, NULL);
	return bench;
}

BENCH_REGISTER(first_touch)
{
	bench_with_iterations(add("first_touch", run_once), 1);
	add("refill", run_again);
	bench_quick("refill/65536");
}
