/* SPDX-License-Identifier: MIT */
/* exhaust.c - takes blocks until there is no memory, frees them, and does it again
 *
 * Arguments: the size of a block, and for how many rounds.  Prints the bytes of each round,
 * least first, and ends with 1 where a refusal is not NULL and ENOMEM.  The table of blocks is
 * a list through the blocks, so that it costs nothing beside them.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct block {
	struct block *next;
};

/* stdio may want a buffer. */
static void say(const char *format, size_t value)
{
	char line[128];
	int length = snprintf(line, sizeof(line), format, value);
	if (write(STDOUT_FILENO, line, (size_t)length) != length)
		_exit(2);
}

static size_t take_all(struct block **list, size_t size)
{
	size_t bytes = 0;
	struct block *block;
	for (errno = 0; (block = malloc(size)) != NULL; bytes += size) {
		memset(block, 1, size < 64 ? size : 64);
		block->next = *list;
		*list = block;
	}
	if (errno != ENOMEM) {
		say("errno is %zu\n", (size_t)errno);
		_exit(1);
	}
	return bytes;
}

static void free_all(struct block **list)
{
	for (struct block *next; *list != NULL; *list = next) {
		next = (*list)->next;
		free(*list);
	}
}

int main(int argc, char **argv)
{
	size_t size = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000, least = SIZE_MAX;
	struct block *list = NULL;
	for (int rounds = argc > 2 ? atoi(argv[2]) : 2; rounds > 0; rounds--) {
		size_t bytes = take_all(&list, size);
		free_all(&list);
		least = bytes < least ? bytes : least;
	}
	say("%zu\n", least);
	return 0;
}
