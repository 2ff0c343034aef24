/* SPDX-License-Identifier: MIT */
/* libearly.c - a library that is initialised before the preloaded one
 *
 * Nothing orders its constructor after the allocator's.  It registers fork handlers
 * before anybody has allocated, and allocates; its destructor does so again when the
 * process ends.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *early_block;
int early_nr_handled;

static void allocate_a_little(void)
{
	for (size_t size = 1; size < 400000; size *= 5) {
		char *block = malloc(size);
		if (block == NULL)
			_exit(4);
		memset(block, 1, size);
		free(block);
	}
	early_nr_handled++;
}

__attribute__((constructor)) static void begin(void)
{
	if (pthread_atfork(allocate_a_little, allocate_a_little, allocate_a_little) != 0)
		_exit(4);
	early_block = malloc(1000);
	if (early_block == NULL)
		_exit(4);
	memset(early_block, 7, 1000);
	free(malloc(300000));
}

__attribute__((destructor)) static void end(void)
{
	allocate_a_little();
	free(early_block);
}
