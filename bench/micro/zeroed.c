/* SPDX-License-Identifier: MIT */
/* zeroed.c - calloc and free of one size
 *
 * The two ends are written before the block is freed, so that memory which comes back has
 * something to clear; both ends and the middle are checked to be zero.  An iteration is a
 * pair.
 */
#include "block.h"
#include "shim.h"

#define OPERATIONS_PER_PAIR 2

static bool is_zero(uint64_t *words, size_t size)
{
	return is_marked(words, size, 0) && words[size / sizeof *words / 2] == 0;
}

static const char *run_pair(size_t size)
{
	uint64_t *words = calloc(1, size);
	if (!words)
		return OUT_OF_MEMORY;
	bool is_sound = is_zero(words, size);
	touch(words, size, size);
	free(words);
	return is_sound ? NULL : NOT_ZERO;
}

static void run(struct bench_state *state, const void *argument)
{
	(void)argument;
	size_t size = (size_t)bench_range(state, 0);
	while (bench_keep_running(state)) {
		const char *reason = run_pair(size);
		if (reason)
			bench_skip(state, reason);
	}
	bench_set_operations(state, OPERATIONS_PER_PAIR * bench_iterations(state));
}

BENCH_REGISTER(zeroed)
{
	struct bench *bench = bench_add("calloc", run, NULL);
	bench_with_argument(bench, 64);
	bench_with_argument(bench, 4 * KIB);
	bench_with_argument(bench, 1 * MIB);
	bench_quick("calloc/4096");
}
