/* SPDX-License-Identifier: MIT */
/* ifunc.c - allocates while the dynamic linker still relocates the program
 *
 * A resolver of an indirect function runs before any constructor, and before thread-
 * local variables have got their initial values: what it stores there is lost.
 */
#include <stdlib.h>
#include <string.h>

enum { NR_BLOCKS = 200 };

static char *blocks[NR_BLOCKS];

static int answer(void)
{
	return 42;
}

__attribute__((used)) static int (*resolve(void))(void)
{
	for (int i = 0; i < NR_BLOCKS; i++) {
		blocks[i] = malloc((size_t)i * i + 1);
		if (blocks[i] != NULL)
			memset(blocks[i], i, (size_t)i * i + 1);
		free(malloc(64));
	}
	free(blocks[NR_BLOCKS / 2]);
	blocks[NR_BLOCKS / 2] = NULL;
	return answer;
}

static int ask(void) __attribute__((ifunc("resolve")));

int main(void)
{
	if (ask() != 42)
		return 1;
	for (int i = 0; i < NR_BLOCKS; i++) {
		size_t size = (size_t)i * i + 1;
		if (i == NR_BLOCKS / 2)
			continue;
		if (blocks[i] == NULL || blocks[i][0] != (char)i || blocks[i][size - 1] != (char)i)
			return 2;
		char *other = malloc(size);
		if (other == NULL || other == blocks[i])
			return 3;
		free(blocks[i]);
		free(other);
	}
	return 0;
}
