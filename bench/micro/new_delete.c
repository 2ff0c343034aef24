/* SPDX-License-Identifier: MIT */
/* new_delete.c - C++'s operator new and sized operator delete
 *
 * The caller knows the size when it deletes, so that an allocator need not look it up.
 * C calls the two by the names they have in object files (Itanium C++ ABI, 64 bits).
 */
#include "block.h"
#include "shim.h"

#define OPERATIONS_PER_PAIR 2

extern void *operator_new(size_t size) __asm__("_Znwm");
extern void operator_delete(void *block, size_t size) __asm__("_ZdlPvm");

/* operator new does not return without memory: it throws, and the program ends. */
static void run(struct bench_state *state, const void *argument)
{
	(void)argument;
	size_t size = (size_t)bench_range(state, 0);
	while (bench_keep_running(state)) {
		uint64_t *words = operator_new(size);
		touch(words, size, size);
		operator_delete(words, size);
	}
	bench_set_operations(state, OPERATIONS_PER_PAIR * bench_iterations(state));
}

BENCH_REGISTER(new_delete)
{
	struct bench *bench = bench_add("new_delete", run, NULL);
	bench_with_argument(bench, 64);
	bench_with_argument(bench, 1 * KIB);
}
