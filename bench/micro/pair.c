/* SPDX-License-Identifier: MIT */
/* pair.c - malloc and free of one size, again and again
 *
 * The block comes from the thread's cache every time, where the allocator has one.  An
 * iteration is a pair.  glibc is faster while the process has one thread, so that its
 * figures with threads are not the single one's plus contention.
 */
#include "block.h"
#include "shim.h"

#define OPERATIONS_PER_PAIR 2

static void run(struct bench_state *state, const void *argument)
{
	(void)argument;
	size_t size = (size_t)bench_range(state, 0);
	while (bench_keep_running(state)) {
		uint64_t *words = malloc(size);
		if (!words) {
			bench_skip(state, OUT_OF_MEMORY);
			break;
		}
		touch(words, size, size);
		free(words);
	}
	bench_set_operations(state, OPERATIONS_PER_PAIR * bench_iterations(state));
}

BENCH_REGISTER(pair)
{
	static const int64_t sizes[] = {8, 16, 64, 256, 1 * KIB, 4 * KIB, 16 * KIB, 32 * KIB};
	struct bench *pair = bench_add("pair", run, NULL);
	for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++)
		bench_with_argument(pair, sizes[i]);
	struct bench *threaded = bench_add("pair", run, NULL);
	bench_with_argument(threaded, 64);
	bench_with_threads(threaded, 2);
	bench_with_threads(threaded, 4);
	bench_with_threads(threaded, 16);
	bench_quick("pair/64");
	bench_quick("pair/64/threads:4");
}
