/* SPDX-License-Identifier: MIT */
/* double_free_of_sleeper.c SIZE COUNT - a thread takes COUNT blocks, frees them and
 * sleeps; another frees one again
 *
 * The other has worked with blocks of the size itself.
 */
#include "misuse.h"

#include <pthread.h>

enum { MAX_BLOCKS = 100000 };

static char *blocks[MAX_BLOCKS], *own[MAX_BLOCKS];
static size_t size, count;
static pthread_barrier_t has_freed;

static void *work_and_sleep(void *argument)
{
	for (size_t i = 0; i < count; i++)
		blocks[i] = block(size);
	for (size_t i = 0; i < count; i++)
		free(blocks[i]);
	pthread_barrier_wait(&has_freed);
	pause();
	return argument;
}

int main(int argc, char **argv)
{
	pthread_t sleeper;
	size = number(argv, argc - 2);
	count = number(argv, argc - 1);
	if (count < 1 || count > MAX_BLOCKS)
		return 3;
	pthread_barrier_init(&has_freed, NULL, 2);
	for (size_t i = 0; i < count; i++)
		own[i] = block(size);
	for (size_t i = 0; i < count; i += 2)
		free(own[i]);
	if (pthread_create(&sleeper, NULL, work_and_sleep, NULL) != 0)
		return 3;
	pthread_barrier_wait(&has_freed);
	free(accused(blocks[count / 2]));
	return 0;
}
