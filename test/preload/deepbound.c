/* SPDX-License-Identifier: MIT */
/* deepbound.c NAME [keep] - opens the library NAME, which only this program's run path
 * leads to, with RTLD_DEEPBIND, and passes blocks over its border.  keep: only looks
 * whether the flag has got through.  Exit status 0 if all is well.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *library;

static void *find(const char *name)
{
	void *symbol = dlsym(library, name);
	if (symbol == NULL)
		exit((fprintf(stderr, "%s\n", dlerror()), 1));
	return symbol;
}

static int say(const char *what)
{
	fprintf(stderr, "%s\n", what);
	return 1;
}

static int cross_border(void)
{
	int (*frees_of_libc)(void) = (int (*)(void))find("plugin_frees_of_libc");
	void *(*makes)(void) = (void *(*)(void))find("plugin_makes");
	void *(*grows)(void *) = (void *(*)(void *))find("plugin_grows");
	if (!frees_of_libc())
		return say("it cannot free what the C library made");
	char *made = makes();
	if (strcmp(made, "from the plugin") != 0)
		return say("what it made is not there");
	free(made);
	char *grown = grows(strdup("abc"));
	if (grown == NULL || strcmp(grown, "abc") != 0)
		return say("it cannot grow what we made");
	free(grown);
	return 0;
}

int main(int argc, char **argv)
{
	library = dlopen(argv[1], RTLD_NOW | RTLD_DEEPBIND);
	if (library == NULL)
		return say(dlerror());
	void *(*theirs)(void) = (void *(*)(void))find("plugin_malloc");
	if (argc > 2)
		return theirs() == (void *)malloc ? say("it has our malloc") : 0;
	return theirs() == (void *)malloc ? cross_border() : say("it has another malloc");
}
