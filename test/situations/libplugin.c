/* SPDX-License-Identifier: MIT */
/* libplugin.c - opened by deepbind_host with RTLD_DEEPBIND */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int plugin_prints(void);
char *plugin_makes(void);
char *plugin_grows(char *string);

/* The C library allocates, the plugin frees. */
int plugin_prints(void)
{
	char *text = NULL;
	if (asprintf(&text, "%d words", 42) < 0)
		return 0;
	int is_right = strcmp(text, "42 words") == 0;
	free(text);
	return is_right;
}

/* The plugin allocates, the host frees. */
char *plugin_makes(void)
{
	char *text = malloc(64);
	return text == NULL ? NULL : strcpy(text, "from the plugin");
}

/* The host allocates, the plugin resizes. */
char *plugin_grows(char *string)
{
	return realloc(string, 4000);
}
