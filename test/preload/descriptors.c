/* SPDX-License-Identifier: MIT */
/* descriptors.c - started with descriptors 0, 1 and 2 closed: the allocator holds none of
 * them, so the first three files that the program opens get those numbers
 */
#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void)
{
	for (int round = 0; round < 2; round++) {
		for (size_t size = 1; size < 3000000; size *= 7) {
			char *block = malloc(size);
			if (block == NULL)
				return 10;
			memset(block, 1, size);
			free(block);
		}
		malloc_trim(0);
		for (int fd = 0; fd < 3; fd++)
			if (open("/", O_RDONLY) != fd)
				return 20 + fd;
		for (int fd = 0; fd < 3; fd++)
			close(fd);
	}
	return 0;
}
