/* SPDX-License-Identifier: MIT */
/* paths.c - where the libraries and the modules of `compare` are */
#define _GNU_SOURCE
#include "paths.h"
#include "say.h"
#include <glob.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What the loader would read as an end of name or as a variable in LD_PRELOAD (ld.so(8)). */
#define UNSAFE_IN_PRELOAD " :$"

/* The name of a library without its version is for those who link; who only runs
 * programs may have the other alone. */
static const char *const endings[] = { ".so", ".so.0" };

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

static const char *library_name(const char *engine)
{
	static const struct { const char *engine, *name; } names[] = {
		{ "seam", "libseamalloc" }, { "freelist", "libseamalloc-freelist" },
		{ "watermark", "libseamalloc-watermark" } };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i].engine, engine) == 0)
			return names[i].name;
	misused("no engine is called '%s'; there are seam, freelist, watermark", engine);
}

const char *paths_own_file(void)
{
	char path[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path));

	if (length <= 0)
		refuse(REFUSED, "/proc is not mounted here, so the library cannot be found");
	return text("%.*s", (int)length, path);
}

static char *own_folder(void)
{
	char *path = text("%s", paths_own_file());

	*strrchr(path, '/') = '\0';
	return path;
}

/* The library in a folder, or NULL. */
static const char *library_in(const char *folder, const char *name)
{
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		const char *path = text("%s/%s%s", folder, name, endings[i]);

		if (exists(path))
			return path;
	}
	return NULL;
}

/* The library in the first folder that matches a pattern and has it, or NULL. */
static const char *library_under(const char *pattern, const char *name)
{
	glob_t folders;
	const char *path = NULL;

	if (glob(pattern, 0, NULL, &folders) != 0)
		return NULL;
	for (size_t i = 0; i < folders.gl_pathc && path == NULL; i++)
		path = library_in(folders.gl_pathv[i], name);
	globfree(&folders);
	return path;
}

static const char *absolute(const char *path)
{
	char here[PATH_MAX];

	if (path[0] == '/' || getcwd(here, sizeof(here)) == NULL)
		return path;
	return text("%s/%s", here, path);
}

static const char *chosen_library(const char *folder, const char *name)
{
	const char *path = library_in(absolute(folder), name);

	if (path == NULL)
		refuse(REFUSED, "%s.so is not in %s: run make first, or name its folder with --libdir=DIR",
		       name, absolute(folder));
	return path;
}

static const char *usual_library(const char *name)
{
	char *folder = own_folder();
	/* bin/ of an installation has the library's folders beside it. */
	*strrchr(folder, '/') = '\0';
	const char *patterns[] = { text("%s/lib/seamalloc", folder), text("%s/lib", folder),
	                           text("%s/lib64", folder), text("%s/lib/*-linux-*", folder) };
	const char *path = library_in(own_folder(), name);

	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]) && path == NULL; i++)
		path = library_under(patterns[i], name);
	if (path == NULL)
		refuse(REFUSED, "%s.so is neither in %s nor in %s: name its folder with --libdir=DIR", name,
		       own_folder(), patterns[1]);
	return path;
}

const char *paths_library(const char *engine, const char *chosen)
{
	const char *folder = chosen ? chosen : getenv("SEAMALLOC_LIBDIR");
	const char *name = library_name(engine);
	const char *path = folder && *folder ? chosen_library(folder, name) : usual_library(name);

	if (strpbrk(path, UNSAFE_IN_PRELOAD))
		refuse(REFUSED, "%s: LD_PRELOAD cannot name a path with a space, a colon or a dollar sign", path);
	return path;
}

const char *paths_modules(void)
{
	const char *places[] = { text("%s/modules", own_folder()), text("%s/../lib/seamalloc", own_folder()) };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (exists(text("%s/compare.py", places[i])))
			return places[i];
	refuse(REFUSED, "the modules of `compare` are neither in %s nor in %s", places[0], places[1]);
}
