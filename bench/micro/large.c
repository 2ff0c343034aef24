/* SPDX-License-Identifier: MIT */
/* large.c - blocks of 64 KiB to 32 MiB
 *
 *   large/SIZE         allocate, write the first page, free: what a buffer costs that is
 *                      hardly used, and whether its pages come back each time
 *   large_live/LIVE    LIVE blocks of 64 KiB to 4 MiB, evenly, a word in each page written;
 *                      random ones are replaced
 *
 * An iteration is a malloc and a free.
 */
#include "block.h"
#include "memory.h"
#include "random.h"
#include "shim.h"

#define OPERATIONS_PER_PAIR 2
#define MAX_LIVE 8
#define LIVE_FIRST (64 * KIB)
#define LIVE_LAST (4 * MIB)
/* replacements before the clock starts: every slot is filled, nearly always */
#define WARM_UP (4 * MAX_LIVE)

static void run_alone(struct bench_state *state, const void *argument)
{
	(void)argument;
	size_t size = (size_t)bench_range(state, 0);
	while (bench_keep_running(state)) {
		uint64_t *words = malloc(size);
		if (!words) {
			bench_skip(state, OUT_OF_MEMORY);
			break;
		}
		touch(words, sizeof *words, size);
		free(words);
	}
	bench_set_operations(state, OPERATIONS_PER_PAIR * bench_iterations(state));
}

/* Replaces a random block. */
static const char *replace(struct block *blocks, uint32_t count, struct random_source *source, struct live_bytes *live)
{
	struct block *block = &blocks[random_below(source, count)];
	uint32_t size = (uint32_t)random_between(source, LIVE_FIRST, LIVE_LAST);
	live_shrink(live, block->words ? block->size : 0);
	live_grow(live, size);
	const char *reason = block_free(block);
	return reason ? reason : block_alloc(block, size, size);
}

static void run_live(struct bench_state *state, const void *argument)
{
	(void)argument;
	uint32_t count = (uint32_t)bench_range(state, 0);
	struct block blocks[MAX_LIVE] = {{0}};
	struct random_source source = random_from(count);
	struct live_bytes live = {0};
	const char *reason = NULL;
	for (int i = 0; i < WARM_UP && !reason; i++)
		reason = replace(blocks, count, &source, &live);
	if (reason)
		bench_skip(state, reason);
	while (bench_keep_running(state)) {
		reason = replace(blocks, count, &source, &live);
		if (reason)
			bench_skip(state, reason);
	}
	memory_report(state, live.peak);
	bench_set_operations(state, OPERATIONS_PER_PAIR * bench_iterations(state));
	reason = blocks_free(blocks, count);
	if (reason && !bench_is_skipped(state))
		bench_skip(state, reason);
}

static void note_base(const struct bench_state *state, const void *argument)
{
	(void)state, (void)argument;
	memory_note_base();
}

BENCH_REGISTER(large)
{
	static const int64_t sizes[] = {64 * KIB, 256 * KIB, 1 * MIB, 4 * MIB, 32 * MIB};
	struct bench *alone = bench_add("large", run_alone, NULL);
	for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++)
		bench_with_argument(alone, sizes[i]);
	struct bench *live = bench_add("large_live", run_live, NULL);
	bench_with_argument(live, MAX_LIVE);
	bench_with_hooks(live, note_base, NULL);
	bench_quick("large/1048576");
}
