/* SPDX-License-Identifier: MIT */
/* aligned.c - blocks with an alignment: NAME/ALIGNMENT/SIZE
 *
 * 64 is a cache line, 4096 a page; the sizes are those of a small object and of one that
 * is as large as the alignment.  An iteration is a pair of allocation and free.
 */
#include "block.h"
#include "shim.h"

#define OPERATIONS_PER_PAIR 2

typedef void *allocate_function(size_t alignment, size_t size);

static void *by_posix_memalign(size_t alignment, size_t size)
{
	void *block;
	return posix_memalign(&block, alignment, size) == 0 ? block : NULL;
}

struct kind {
	allocate_function *allocate;
};

static const char *run_pair(allocate_function *allocate, size_t alignment, size_t size)
{
	uint64_t *words = allocate(alignment, size);
	if (!words)
		return OUT_OF_MEMORY;
	bool is_aligned = (uintptr_t)words % alignment == 0;
	touch(words, size, size);
	free(words);
	return is_aligned ? NULL : NOT_ALIGNED;
}

static void run(struct bench_state *state, const void *argument)
{
	const struct kind *kind = argument;
	size_t alignment = (size_t)bench_range(state, 0), size = (size_t)bench_range(state, 1);
	while (bench_keep_running(state)) {
		const char *reason = run_pair(kind->allocate, alignment, size);
		if (reason)
			bench_skip(state, reason);
	}
	bench_set_operations(state, OPERATIONS_PER_PAIR * bench_iterations(state));
}

static void add(const char *name, const struct kind *kind)
{
	static const int64_t arguments[][2] = {{64, 256}, {4096, 256}, {4096, 8192}};
	struct bench *bench = bench_add(name, run, kind);
	for (unsigned i = 0; i < sizeof arguments / sizeof *arguments; i++)
		bench_with_arguments(bench, 2, arguments[i]);
}

BENCH_REGISTER(aligned)
{
	static const struct kind c11 = {aligned_alloc}, posix = {by_posix_memalign};
	add("aligned_alloc", &c11);
	add("posix_memalign", &posix);
	bench_quick("aligned_alloc/64/256");
}
