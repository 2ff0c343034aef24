/* SPDX-License-Identifier: MIT */
/* vector.c - a vector of numbers that grows by reallocarray(); run under tools that wrap malloc
 *
 * Such a tool knows malloc, calloc, realloc and free only.  reallocarray() must reach its
 * realloc, or it meets a block of the tool's that it knows nothing of.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <stdlib.h>

enum { NR_NUMBERS = 3000 };

int main(void)
{
	size_t room = 4;
	size_t *numbers = malloc(room * sizeof(*numbers));
	for (size_t i = 0; i < NR_NUMBERS; i++) {
		if (i == room) {
			room *= 2;
			numbers = reallocarray(numbers, room, sizeof(*numbers));
		}
		if (numbers == NULL)
			return 2;
		numbers[i] = i;
	}
	for (size_t i = 0; i < NR_NUMBERS; i++)
		if (numbers[i] != i)
			return 3;
	free(numbers);
	return 0;
}
