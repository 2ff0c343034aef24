/* SPDX-License-Identifier: MIT */
/* clients/jemalloc.c - linked to libjemalloc, takes blocks from either interface
 *
 * Prints jemalloc's version, or ours.  Both heaps end a process that frees a block of
 * the other, so that the end is the test.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *mallocx(size_t size, int flags);
void *rallocx(void *block, size_t size, int flags);
size_t sallocx(const void *block, int flags);
void dallocx(void *block, int flags);
void sdallocx(void *block, size_t size, int flags);
int mallctl(const char *name, void *old, size_t *old_size, void *new, size_t new_size);
void malloc_stats_print(void (*write)(void *, const char *), void *context, const char *options);
extern void (*malloc_message)(void *context, const char *text);

static size_t reported;

static void count(void *context, const char *text)
{
	(void)context;
	reported += strlen(text);
}

static int exchange(void)
{
	for (size_t size = 1; size < 8u << 20; size = size * 3 + 1) {
		char *block = mallocx(size, 0);
		if (malloc_usable_size(block) < size)
			return 0;
		free(block);
		block = malloc(size);
		if (sallocx(block, 0) < size)
			return 0;
		block = rallocx(block, 2 * size, 6);
		block = realloc(block, 3 * size);
		dallocx(block, 0);
		sdallocx(malloc(size), size, 0);
	}
	return 1;
}

int main(void)
{
	const char *version = NULL;
	size_t size = sizeof(version);
	if (!exchange())
		return 1;
	if (mallctl("version", &version, &size, NULL, 0))
		return 2;
	malloc_message = count;
	malloc_stats_print(NULL, NULL, NULL);
	if (!reported)
		return 3;
	return puts(version) < 0;
}
