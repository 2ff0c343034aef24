/* SPDX-License-Identifier: MIT */
/* overflow_of.c HOW SIZE BYTES - writes so many bytes behind a block that was made in that way */
#include <stdbool.h>

#include "misuse.h"

static char *page_aligned(size_t size)
{
	void *p = NULL;
	return posix_memalign(&p, 4096, size) ? NULL : (char *)p;
}

static char *made(const char *how, size_t size)
{
	if (!strcmp(how, "malloc"))
		return block(size);
	if (!strcmp(how, "calloc"))
		return (char *)calloc(size, 1);
	if (!strcmp(how, "grown"))
		return (char *)realloc(block(size / 2 + 1), size);
	if (!strcmp(how, "shrunk"))
		return (char *)realloc(block(2 * size + 10), size);
	if (!strcmp(how, "trimmed"))
		return (char *)realloc(block(size + 3), size);
	if (!strcmp(how, "array"))
		return (char *)reallocarray(NULL, 1, size);
	if (!strcmp(how, "aligned"))
		return (char *)aligned_alloc(64, size);
	return page_aligned(size);
}

static bool is_readable(const char *byte)
{
	int ends[2];
	if (pipe(ends))
		return true;
	bool is = write(ends[1], byte, 1) == 1;
	close(ends[0]);
	close(ends[1]);
	return is;
}

/* By chance a block is the last before memory without access, where the write itself would trap.
 * Large blocks all are. */
static char *made_before_others(const char *how, size_t size, size_t bytes)
{
	char *p = made(how, size);
	for (int i = 0; p && i < 50 && !is_readable(p + size + bytes - 1); i++)
		p = made(how, size);
	return p;
}

int main(int argc, char **argv)
{
	(void)argc;
	size_t size = number(argv, 2);
	char *p = made_before_others(argv[1], size, number(argv, 3));
	if (!p)
		return 3;
	p = (char *)accused(p);
	for (size_t i = 0; i < number(argv, 3); i++)
		p[size + i] = 0x41;
	free(p);
	return 0;
}
