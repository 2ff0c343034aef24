/* SPDX-License-Identifier: MIT */
/* phase.c - a program that goes on to another size
 *
 * For each size in turn: allocate blocks of it until LIVE_BYTES are live, then free four
 * fifths of all live blocks at random.  What survives lies scattered over the memory that
 * the next size needs.  An iteration is all phases and the end, when everything is freed;
 * there is one, as a program goes through its phases once.
 * Afterwards peak_rss_bytes by peak_live_bytes says how much memory flowed from one size
 * to the other: 1 at best, four where each size keeps its own.
 */
#include "block.h"
#include "memory.h"
#include "random.h"
#include "shim.h"

#define LIVE_BYTES (48 * MIB)
#define SURVIVORS_OF 5	/* one of so many blocks survives a phase */

/* Not powers of two, so that neither size is made of blocks of another. */
static const uint32_t phases[] = {72, 120, 216, 416, 800};
#define NR_PHASES (sizeof phases / sizeof *phases)

/* All of the smallest size is the most there can be. */
#define MAX_BLOCKS (LIVE_BYTES / 72 + 1)

static struct block blocks[MAX_BLOCKS];
static uint32_t chances[MAX_BLOCKS];

/* The heap of one iteration; the first `count` blocks are live. */
struct phase_heap {
	uint32_t count;
	struct live_bytes live;
	int64_t operations;
};

static void set_up(const struct bench_state *state, const void *argument)
{
	(void)state, (void)argument;
	struct random_source source = random_from(NR_PHASES);
	for (uint32_t i = 0; i < MAX_BLOCKS; i++)
		chances[i] = (uint32_t)random_below(&source, SURVIVORS_OF);
	blocks_clear(blocks, MAX_BLOCKS);
	memory_note_base();
}

static const char *fill(struct phase_heap *heap, uint32_t size)
{
	while (heap->live.now + size <= LIVE_BYTES) {
		const char *reason = block_alloc(&blocks[heap->count], size, heap->count);
		if (reason)
			return reason;
		heap->count++;
		heap->operations++;
		live_grow(&heap->live, size);
	}
	return NULL;
}

/* Frees all but the survivors, which move together in the list.  `turn` makes it other
 * blocks each time. */
static const char *thin_out(struct phase_heap *heap, uint32_t turn)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < heap->count; i++) {
		if (chances[(i + turn) % MAX_BLOCKS] == 0) {
			blocks[kept++] = blocks[i];
			continue;
		}
		live_shrink(&heap->live, blocks[i].size);
		heap->operations++;
		const char *reason = block_free(&blocks[i]);
		if (reason)
			return reason;
	}
	heap->count = kept;
	return NULL;
}

/* All phases and the end. */
static const char *run_phases(struct phase_heap *heap)
{
	const char *reason = NULL;
	for (uint32_t i = 0; i < NR_PHASES && !reason; i++) {
		reason = fill(heap, phases[i]);
		if (!reason)
			reason = thin_out(heap, i);
	}
	heap->operations += heap->count;
	return reason ? reason : blocks_free(blocks, heap->count);
}

static void run(struct bench_state *state, const void *argument)
{
	(void)argument;
	struct phase_heap heap = {0};
	int64_t operations = 0;
	while (bench_keep_running(state)) {
		heap = (struct phase_heap){0};
		const char *reason = run_phases(&heap);
		if (reason)
			bench_skip(state, reason);
		operations += heap.operations;
	}
	memory_report(state, heap.live.peak);
	bench_set_operations(state, operations);
}

BENCH_REGISTER(phase)
{
	struct bench *bench = bench_add("phase_change", run, NULL);
	bench_with_hooks(bench, set_up, NULL);
	bench_with_iterations(bench, 1);
	bench_quick("phase_change/iterations:1");
}
