/* SPDX-License-Identifier: MIT */
/* double_free_in_batch.c SIZE - one block twice among those of sea_free_batch */
#include "misuse.h"

int main(int argc, char **argv)
{
	void (*free_batch)(size_t, void **) = (void (*)(size_t, void **))dlsym(RTLD_DEFAULT, "sea_free_batch");
	size_t size = number(argv, argc - 1);
	void *blocks[4] = {block(size), block(size), block(size)};
	if (free_batch == NULL)
		return 3;
	blocks[3] = accused(blocks[1]);
	free_batch(4, blocks);
	return 0;
}
