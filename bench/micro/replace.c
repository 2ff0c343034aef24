/* SPDX-License-Identifier: MIT */
/* replace.c - a live set in which random blocks are replaced
 *
 *   replace/LIVE           sizes as measured, 8 bytes to 1 KiB (sizes/sizes.h)
 *   replace_medium/LIVE    1 to 16 KiB, evenly
 *
 * LIVE blocks in all, shared out among the threads.  An iteration is a free and a malloc.
 * Before the clock starts every block has been replaced about once, so that the heap is
 * past its first, orderly state.
 */
#include <stddef.h>

#include "block.h"
#include "memory.h"
#include "random.h"
#include "shim.h"
#include "sizes/sizes.h"

#define OPERATIONS_PER_REPLACEMENT 2
#define MAX_LIVE 1000000

/* Iterations taken at once: few enough for 1,000 live blocks, many enough that a run with
 * 1,000,000 is long at the first try and the set is not built again and again. */
#define REPLACEMENTS_AT_ONCE 8192

/* Sizes are drawn beforehand and used in turn; a power of two, much more than any cache
 * of an allocator could learn. */
#define NR_SIZES (1 << 18)

#define MEDIUM_FIRST (1 * KIB)
#define MEDIUM_LAST (16 * KIB)
#define MEASURED_LIMIT (1 * KIB)

static struct block blocks[MAX_LIVE];
static uint32_t sizes[NR_SIZES];

/* A thread's part of the set. */
struct part {
	struct block *blocks;
	uint32_t count;
	uint32_t turn;	/* replacements so far: mark and index of the next size */
	struct random_source source;
	struct live_bytes live;
};

static uint32_t measured(struct random_source *source)
{
	return size_draw(source, MEASURED_LIMIT);
}

static uint32_t medium(struct random_source *source)
{
	return (uint32_t)random_between(source, MEDIUM_FIRST, MEDIUM_LAST);
}

struct kind {
	uint32_t (*draw)(struct random_source *source);
};

static void set_up(const struct bench_state *state, const void *argument)
{
	const struct kind *kind = argument;
	struct random_source source = random_from(NR_SIZES);
	for (uint32_t i = 0; i < NR_SIZES; i++)
		sizes[i] = kind->draw(&source);
	blocks_clear(blocks, (uint32_t)bench_range(state, 0));
	memory_note_base();
}

/* Frees the block in slot `at`, if there is one, and puts a new one there. */
static const char *replace(struct part *part, uint32_t at)
{
	struct block *block = &part->blocks[at];
	uint32_t size = sizes[part->turn % NR_SIZES];
	live_shrink(&part->live, block->words ? block->size : 0);
	live_grow(&part->live, size);
	const char *reason = block_free(block);
	return reason ? reason : block_alloc(block, size, part->turn++);
}

static const char *replace_random(struct part *part, uint32_t times)
{
	const char *reason = NULL;
	for (uint32_t i = 0; i < times && !reason; i++)
		reason = replace(part, (uint32_t)random_below(&part->source, part->count));
	return reason;
}

static const char *build(struct part *part)
{
	const char *reason = NULL;
	for (uint32_t i = 0; i < part->count && !reason; i++)
		reason = replace(part, i);
	return reason ? reason : replace_random(part, part->count);
}

static struct part part_of(struct bench_state *state)
{
	uint32_t count = (uint32_t)(bench_range(state, 0) / bench_threads(state));
	uint32_t thread = (uint32_t)bench_thread(state);
	return (struct part){.blocks = blocks + (size_t)thread * count,
			     .count = count,
			     .turn = thread * (NR_SIZES / MAX_THREADS),
			     .source = random_from(thread)};
}

static void run(struct bench_state *state, const void *argument)
{
	(void)argument;
	struct part part = part_of(state);
	const char *reason = build(&part);
	if (reason)
		bench_skip(state, reason);
	while (bench_keep_running_batch(state, REPLACEMENTS_AT_ONCE)) {
		reason = replace_random(&part, REPLACEMENTS_AT_ONCE);
		if (reason)
			bench_skip(state, reason);
	}
	memory_report(state, part.live.peak);
	bench_set_operations(state, OPERATIONS_PER_REPLACEMENT * bench_iterations(state));
	reason = blocks_free(part.blocks, part.count);
	if (reason && !bench_is_skipped(state))
		bench_skip(state, reason);
}

static const struct kind measured_kind = {measured}, medium_kind = {medium};

static struct bench *add(const char *name, const struct kind *kind)
{
	struct bench *bench = bench_add(name, run, kind);
	bench_with_hooks(bench, set_up, NULL);
	return bench;
}

BENCH_REGISTER(replace)
{
	struct bench *alone = add("replace", &measured_kind);
	bench_with_argument(alone, 1000);
	bench_with_argument(alone, 50000);
	bench_with_argument(alone, MAX_LIVE);
	bench_with_argument(add("replace_medium", &medium_kind), 20000);
	struct bench *threaded = add("replace", &measured_kind);
	bench_with_argument(threaded, 50000);
	bench_with_threads(threaded, 2);
	bench_with_threads(threaded, 4);
	bench_with_threads(threaded, 16);
	bench_quick("replace/50000");
	bench_quick("replace/50000/threads:4");
}
