/* SPDX-License-Identifier: MIT */
/* calls.c - a fuzz target: sequences of calls by one thread */
#include "blocks.h"

static struct block blocks[NR_BLOCKS];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	prepare();
	for (size_t n = 0; n < MOST_CALLS && 3 * n + 2 < size; n++, sim.now_ms++)
		call(blocks, data + 3 * n);
	sim_heal();
	drop_all(blocks);
	audit();
	return 0;
}
