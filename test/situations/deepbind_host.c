/* SPDX-License-Identifier: MIT */
/* deepbind_host.c PLUGIN - opens a plugin with RTLD_DEEPBIND and exchanges blocks with it
 *
 * The flag makes the plugin look in its own libraries first, the C library among them: there
 * it finds another malloc than the program has.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *plugin;

static void *symbol(const char *name)
{
	void *address = dlsym(plugin, name);
	if (address == NULL) {
		fprintf(stderr, "%s\n", dlerror());
		exit(3);
	}
	return address;
}

static void expect(int claim, const char *what)
{
	if (claim)
		return;
	fprintf(stderr, "not so: %s\n", what);
	exit(1);
}

int main(int argc, char **argv)
{
	plugin = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_DEEPBIND) : NULL;
	if (plugin == NULL) {
		fprintf(stderr, "%s\n", dlerror());
		return 3;
	}
	int (*print)(void) = (int (*)(void))symbol("plugin_prints");
	char *(*make)(void) = (char *(*)(void))symbol("plugin_makes");
	char *(*grow)(char *) = (char *(*)(char *))symbol("plugin_grows");

	expect(print(), "the plugin frees what the C library allocated");
	char *made = make();
	expect(strcmp(made, "from the plugin") == 0, "the plugin makes a string");
	free(made);
	char *grown = grow(strdup("from the host"));
	expect(grown != NULL && strcmp(grown, "from the host") == 0, "the plugin grows a string of the host");
	free(grown);
	return 0;
}
