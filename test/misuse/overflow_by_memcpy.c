/* SPDX-License-Identifier: MIT */
/* overflow_by_memcpy.c SIZE BYTES - a copy that is too long */
#include "misuse.h"

int main(int argc, char **argv)
{
	(void)argc;
	size_t size = number(argv, 1);
	static char source[1 << 21];
	size_t bytes = size + number(argv, 2);
	char *p = block(size);
	memset(source, 'x', sizeof(source));
	memcpy(accused(p), source, bytes);
	free(p);
	return 0;
}
