/* SPDX-License-Identifier: MIT */
/* observe.c - seamalloc_heap.h: questions
 *
 * Callbacks of the program are called with no lock held: each step copies what it has found first.
 */
#include <string.h>

#include "heaps/handle.h"

/* Blocks that one step of a walk copies: 4 KiB of stack. */
#define STEP_BLOCKS 256

void sea_heap_stats(sea_heap *heap, struct sea_heap_statistics *statistics)
{
	struct sea_named_stats stats;
	sea_named_stats(sea_handle_of(heap), "sea_heap_stats", &stats);
	*statistics = (struct sea_heap_statistics){
		.live = stats.live, .nr_live = stats.nr_live,
		.quota = stats.quota == SIZE_MAX ? 0 : stats.quota, .cached = stats.cached, .held = stats.held,
		.nr_zones = stats.nr_zones, .nr_large = stats.nr_large,
	};
}

int sea_heap_walk(sea_heap *heap, int (*visit)(void *block, size_t usable, void *context), void *context)
{
	struct sea_block blocks[STEP_BLOCKS];
	const char *from = NULL;
	unsigned nr;
	do {
		nr = sea_named_blocks(sea_handle_of(heap), "sea_heap_walk", from, blocks, STEP_BLOCKS);
		SEA_LEAVES_HERE();
		for (unsigned i = 0; i < nr; i++) {
			int result = visit(blocks[i].start, blocks[i].size, context);
			if (result)
				return result;
			from = blocks[i].start + blocks[i].size;
		}
	} while (nr == STEP_BLOCKS);
	return 0;
}

int sea_heap_each(int (*visit)(sea_heap *heap, const char *name, void *context), void *context)
{
	char name[SEA_NAME_ROOM];
	unsigned at = 0;
	uint64_t handle;
	while (sea_named_next(&at, &handle, name)) {
		SEA_LEAVES_HERE();
		int result = visit((sea_heap *)(uintptr_t)handle, name, context);
		if (result)
			return result;
	}
	return 0;
}

sea_heap *sea_heap_find(const char *name)
{
	char each[SEA_NAME_ROOM];
	unsigned at = 0;
	uint64_t handle;
	while (sea_named_next(&at, &handle, each))
		if (!strncmp(each, name, SEA_NAME_ROOM - 1))
			return (sea_heap *)(uintptr_t)handle;
	return NULL;
}

int sea_heap_check(sea_heap *heap)
{
	if (sea_named_is_sound(sea_handle_of(heap), "sea_heap_check"))
		return 0;
	errno = EBADMSG;
	return -1;
}
