/* SPDX-License-Identifier: MIT */
/* double_free_of_ended.c SIZE COUNT - a thread frees COUNT blocks and ends; this one
 * frees one of them again */
#include "misuse.h"

#include <pthread.h>

enum { MAX_BLOCKS = 100000 };

static char *blocks[MAX_BLOCKS];
static size_t size, count;

static void *work(void *argument)
{
	for (size_t i = 0; i < count; i++)
		blocks[i] = block(size);
	for (size_t i = 0; i < count; i++)
		free(blocks[i]);
	return argument;
}

int main(int argc, char **argv)
{
	pthread_t thread;
	size = number(argv, argc - 2);
	count = number(argv, argc - 1);
	if (count < 1 || count > MAX_BLOCKS || pthread_create(&thread, NULL, work, NULL) != 0)
		return 3;
	pthread_join(thread, NULL);
	free(accused(blocks[count / 2]));
	return 0;
}
