/* SPDX-License-Identifier: MIT */
/* batch.c - allocate N, then free N
 *
 *   batch_lifo     last allocated, first freed: a call tree
 *   batch_fifo     in the order of allocation: a queue
 *   batch_random   in random order: whatever is in a hash table
 *
 * NAME/N has blocks of 64 bytes, NAME_small/N of 16 to 128 bytes, evenly, and
 * batch_mixed/N of sizes as measured (sizes/sizes.h), freed in random order.  An iteration
 * is one block's malloc and free.  Each of several threads has N blocks of its own.  One
 * batch goes before the clock starts: memory that is new is the theme of first_touch.c.
 */
#include <stddef.h>

#include "block.h"
#include "memory.h"
#include "random.h"
#include "shim.h"
#include "sizes/sizes.h"

#define OPERATIONS_PER_BLOCK 2
#define MAX_BLOCKS 160000	/* of all threads: 16 with 10,000, one with 100,000 */
#define MAX_BATCH 100000

enum order { LIFO, FIFO, RANDOM };
enum sizes { FIXED, SMALL, MEASURED };

struct kind {
	enum order order;
	enum sizes sizes;
};

#define FIXED_SIZE 64
#define SMALL_FIRST 16
#define SMALL_LAST 128
#define MEASURED_LIMIT (32 * KIB)

static struct block blocks[MAX_BLOCKS];
static uint32_t order[MAX_BATCH], sizes[MAX_BATCH];

static uint32_t size_of(struct random_source *source, enum sizes from)
{
	if (from == FIXED)
		return FIXED_SIZE;
	if (from == SMALL)
		return (uint32_t)random_between(source, SMALL_FIRST, SMALL_LAST);
	return size_draw(source, MEASURED_LIMIT);
}

static void set_up(const struct bench_state *state, const void *argument)
{
	const struct kind *kind = argument;
	uint32_t count = (uint32_t)bench_range(state, 0);
	struct random_source source = random_from(count);
	random_order(&source, order, count);
	for (uint32_t i = 0; i < count; i++) {
		if (kind->order != RANDOM)
			order[i] = kind->order == LIFO ? count - 1 - i : i;
		sizes[i] = size_of(&source, kind->sizes);
	}
	blocks_clear(blocks, count * (uint32_t)bench_threads(state));
	memory_note_base();
}

/* Allocates and frees `count` blocks. */
static const char *run_batch(struct block *mine, uint32_t count)
{
	const char *reason = NULL;
	for (uint32_t i = 0; i < count && !reason; i++)
		reason = block_alloc(&mine[i], sizes[i], i);
	for (uint32_t i = 0; i < count && !reason; i++)
		reason = block_free(&mine[order[i]]);
	return reason;
}

static uint64_t batch_bytes(uint32_t count)
{
	uint64_t bytes = 0;
	for (uint32_t i = 0; i < count; i++)
		bytes += sizes[i];
	return bytes;
}

static void run(struct bench_state *state, const void *argument)
{
	(void)argument;
	uint32_t count = (uint32_t)bench_range(state, 0);
	struct block *mine = blocks + (size_t)bench_thread(state) * count;
	const char *reason = run_batch(mine, count);
	if (reason)
		bench_skip(state, reason);
	while (bench_keep_running_batch(state, count)) {
		reason = run_batch(mine, count);
		if (reason)
			bench_skip(state, reason);
	}
	blocks_free(mine, count);
	if (bench_threads(state) == 1)	/* threads reach their peaks at different times */
		memory_report(state, batch_bytes(count));
	bench_set_operations(state, OPERATIONS_PER_BLOCK * bench_iterations(state));
}

static struct bench *add(const char *name, const struct kind *kind)
{
	struct bench *bench = bench_add(name, run, kind);
	bench_with_hooks(bench, set_up, NULL);
	return bench;
}

static void add_lengths(const char *name, const struct kind *kind)
{
	struct bench *bench = add(name, kind);
	bench_with_argument(bench, 100);
	bench_with_argument(bench, 10000);
	bench_with_argument(bench, 100000);
}

static void add_threads(const char *name, const struct kind *kind)
{
	struct bench *bench = add(name, kind);
	bench_with_argument(bench, 10000);
	bench_with_threads(bench, 2);
	bench_with_threads(bench, 4);
	bench_with_threads(bench, 16);
}

BENCH_REGISTER(batch)
{
	static const struct kind lifo = {LIFO, FIXED}, fifo = {FIFO, FIXED}, random = {RANDOM, FIXED};
	static const struct kind small[] = {{LIFO, SMALL}, {FIFO, SMALL}, {RANDOM, SMALL}};
	static const struct kind mixed = {RANDOM, MEASURED};
	add_lengths("batch_lifo", &lifo);
	add_lengths("batch_fifo", &fifo);
	add_lengths("batch_random", &random);
	add_threads("batch_random", &random);
	add_lengths("batch_lifo_small", &small[LIFO]);
	add_lengths("batch_fifo_small", &small[FIFO]);
	add_lengths("batch_random_small", &small[RANDOM]);
	add_lengths("batch_mixed", &mixed);
	add_threads("batch_mixed", &mixed);
	bench_quick("batch_lifo/10000");
	bench_quick("batch_random/10000");
	bench_quick("batch_mixed/10000");
}
