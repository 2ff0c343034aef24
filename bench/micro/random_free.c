/* SPDX-License-Identifier: MIT */
/* random_free.c - many blocks of mixed sizes, freed in random order
 *
 *   free_random/N          only the frees are timed: the end of a program that tears down
 *                          its tables
 *   build_free_random/N    the allocations too
 *
 * Sizes as measured (sizes/sizes.h), so that 500,000 blocks are some 100 MB: more than any
 * cache of the processor holds, and every free meets neighbours in a random state.  An
 * iteration is all blocks; there is one, as a program tears down once, and some allocators
 * are several times faster when they see it for the tenth time.
 */
#include "block.h"
#include "memory.h"
#include "random.h"
#include "shim.h"
#include "sizes/sizes.h"

#define MAX_BLOCKS 500000
#define MEASURED_LIMIT (32 * KIB)

static struct block blocks[MAX_BLOCKS];
static uint32_t order[MAX_BLOCKS], sizes[MAX_BLOCKS];
static uint64_t all_bytes;

static void set_up(const struct bench_state *state, const void *argument)
{
	(void)argument;
	uint32_t count = (uint32_t)bench_range(state, 0);
	struct random_source source = random_from(count);
	random_order(&source, order, count);
	all_bytes = 0;
	for (uint32_t i = 0; i < count; i++) {
		sizes[i] = size_draw(&source, MEASURED_LIMIT);
		all_bytes += sizes[i];
	}
	blocks_clear(blocks, count);
	memory_note_base();
}

static const char *build(uint32_t count)
{
	const char *reason = NULL;
	for (uint32_t i = 0; i < count && !reason; i++)
		reason = block_alloc(&blocks[i], sizes[i], i);
	return reason;
}

static const char *free_all(uint32_t count)
{
	const char *reason = NULL;
	for (uint32_t i = 0; i < count && !reason; i++)
		reason = block_free(&blocks[order[i]]);
	return reason;
}

/* What is timed. */
struct kind {
	bool has_timed_build;
};

static const char *build_aside(struct bench_state *state, uint32_t count)
{
	bench_pause(state);
	const char *reason = build(count);
	bench_resume(state);
	return reason;
}

static void run(struct bench_state *state, const void *argument)
{
	const struct kind *kind = argument;
	uint32_t count = (uint32_t)bench_range(state, 0);
	while (bench_keep_running(state)) {
		const char *reason = kind->has_timed_build ? build(count) : build_aside(state, count);
		if (!reason)
			reason = free_all(count);
		if (reason)
			bench_skip(state, reason);
	}
	blocks_free(blocks, count);
	memory_report(state, all_bytes);
	bench_set_operations(state, (kind->has_timed_build ? 2 : 1) * (int64_t)count * bench_iterations(state));
}

static void add(const char *name, const struct kind *kind)
{
	struct bench *bench = bench_add(name, run, kind);
	bench_with_argument(bench, MAX_BLOCKS);
	bench_with_iterations(bench, 1);
	bench_with_hooks(bench, set_up, NULL);
}

BENCH_REGISTER(random_free)
{
	static const struct kind free_only = {false}, both = {true};
	add("free_random", &free_only);
	add("build_free_random", &both);
	bench_quick("free_random/500000/iterations:1");
}
