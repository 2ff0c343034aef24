/* SPDX-License-Identifier: MIT */
/* double_free_deep.c SIZE COUNT - its first copy lies below COUNT others that were freed at
 * random */
#include "misuse.h"

enum { MAX_OTHERS = 100000 };

static char *others[MAX_OTHERS];

static void shuffle(size_t count)
{
	unsigned random = 1;
	for (size_t i = count - 1; i > 0; i--) {
		size_t k = (size_t)rand_r(&random) % (i + 1);
		char *other = others[i];
		others[i] = others[k];
		others[k] = other;
	}
}

int main(int argc, char **argv)
{
	size_t size = number(argv, argc - 2), count = number(argv, argc - 1);
	if (count < 2 || count > MAX_OTHERS)
		return 3;
	for (size_t i = 0; i < count / 2; i++)
		others[i] = block(size);
	char *p = block(size);
	for (size_t i = count / 2; i < count; i++)
		others[i] = block(size);
	shuffle(count);
	void *again = accused(p);
	free(p);
	for (size_t i = 0; i < count; i++)
		free(others[i]);
	free(again);
	return 0;
}
