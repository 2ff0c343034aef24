/* SPDX-License-Identifier: MIT */
/* libwrapper.c - a tool that wraps malloc, as tracers do: it finds the next malloc by
 * dlsym(), which itself allocates, at the first call
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>

static void *(*next_malloc)(size_t);
static void *(*next_calloc)(size_t, size_t);
static void *(*next_realloc)(void *, size_t);
static void (*next_free)(void *);

/* The failing lookup makes dlsym allocate its message, through this very wrapper. */
static void look_up(void)
{
	next_malloc = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
	next_calloc = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "calloc");
	next_realloc = (void *(*)(void *, size_t))dlsym(RTLD_NEXT, "realloc");
	next_free = (void (*)(void *))dlsym(RTLD_NEXT, "free");
	if (dlsym(RTLD_NEXT, "seamalloc_has_no_such_function") != NULL || dlerror() == NULL)
		abort();
}

void *malloc(size_t size)
{
	if (next_free == NULL)
		look_up();
	return next_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	if (next_free == NULL)
		look_up();
	return next_calloc(count, size);
}

void *realloc(void *block, size_t size)
{
	if (next_free == NULL)
		look_up();
	return next_realloc(block, size);
}

void free(void *block)
{
	if (next_free == NULL)
		look_up();
	next_free(block);
}
