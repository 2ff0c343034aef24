/* SPDX-License-Identifier: MIT */
/* libdeepbound.c - a plugin that is opened with RTLD_DEEPBIND: blocks cross its border
 * both ways, and the C library's
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int plugin_frees_of_libc(void);
void *plugin_makes(void);
void *plugin_grows(void *block);
void *plugin_malloc(void);

int plugin_frees_of_libc(void)
{
	char *text = NULL;
	int length = asprintf(&text, "%d words", 42);
	free(text);
	return length == 8;
}

void *plugin_makes(void) { return strcpy(malloc(64), "from the plugin"); }

void *plugin_grows(void *block) { return realloc(block, 4000); }

/* The malloc that it has found. */
void *plugin_malloc(void) { return (void *)malloc; }
