/* SPDX-License-Identifier: MIT */
/* scope.c - whose malloc the loader has bound a process's calls to */
#define _GNU_SOURCE
#include "scope.h"
#include "say.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* More names than this are not looked at. */
#define MAX_PRELOADS 64

static void add_names(char **names, size_t *count, const char *line)
{
	char *copy = text("%s", line);

	for (char *name = strtok(copy, " \t\n:"); name && *count < MAX_PRELOADS; name = strtok(NULL, " \t\n:"))
		names[(*count)++] = name;
}

char **scope_preloads(const struct process *process)
{
	char **names = calloc(MAX_PRELOADS + 1, sizeof(*names));
	const char *preload = process_variable(process, "LD_PRELOAD");
	FILE *file = fopen(process_path(process, "/etc/ld.so.preload"), "re");
	size_t count = 0, room = 0;
	char *line = NULL;

	if (names == NULL)
		refuse(REFUSED, "out of memory");
	if (preload && !process->is_secure)
		add_names(names, &count, preload);
	while (file && getline(&line, &room, file) > 0) {
		line[strcspn(line, "#")] = '\0';
		add_names(names, &count, line);
	}
	if (file)
		fclose(file);
	return names;
}

/* libx.so means libx.so.1.2 too: links have the shorter names. */
static bool is_short_for(const char *name, const char *full)
{
	size_t length = strlen(name);

	return strncmp(name, full, length) == 0 && (full[length] == '\0' || full[length] == '.');
}

static bool is_meant(const struct process *process, const struct module *module, const char *name)
{
	const char *soname = module->file.size ? elf_soname(&module->file) : NULL;
	struct stat status;

	if (name[0] == '/' && !module->is_deleted && stat(process_path(process, name), &status) == 0)
		return status.st_ino == module->inode;
	if (soname && strcmp(soname, file_name(name)) == 0)
		return true;
	return is_short_for(file_name(name), file_name(module->path));
}

bool scope_has(const struct scope *scope, const struct module *module)
{
	for (size_t i = 0; i < scope->count; i++)
		if (scope->module[i] == module)
			return true;
	return false;
}

/* Appends the module that `name` means, unless it is there or is not mapped. */
static void append(struct scope *scope, const struct process *process, const struct modules *modules, const char *name)
{
	for (size_t i = 0; i < modules->count; i++) {
		const struct module *module = &modules->module[i];

		if (is_meant(process, module, name)) {
			if (!scope_has(scope, module))
				scope->module[scope->count++] = module;
			return;
		}
	}
}

static bool defines_malloc(const struct module *module)
{
	return module->file.size && elf_defines(&module->file, "malloc");
}

/* A scope of the program alone. */
static struct scope begin(const struct modules *modules)
{
	struct scope scope = { .module = calloc(modules->count + 1, sizeof(*scope.module)) };

	if (scope.module == NULL)
		refuse(REFUSED, "out of memory");
	if (modules->count > 0)
		scope.module[scope.count++] = &modules->module[0];
	return scope;
}

/* Appends what its members need, and what that needs. */
static void follow(struct scope *scope, const struct process *process, const struct modules *modules)
{
	const char *name;

	for (size_t i = 0; i < scope->count; i++)
		for (unsigned j = 0; scope->module[i]->file.size && (name = elf_needed(&scope->module[i]->file, j)); j++)
			append(scope, process, modules, name);
}

/* Where the environment is lost: an allocator that is mapped without being needed by
 * anything was preloaded. */
static void append_unexplained(struct scope *scope, const struct process *process, const struct modules *modules)
{
	struct scope needed = begin(modules);

	follow(&needed, process, modules);
	for (size_t i = 1; i < modules->count; i++) {
		const struct module *module = &modules->module[i];

		if (!scope_has(&needed, module) && !scope_has(scope, module) && defines_malloc(module))
			scope->module[scope->count++] = module;
	}
}

struct scope scope_of(const struct process *process, const struct modules *modules)
{
	struct scope scope = begin(modules);

	for (char **preload = scope_preloads(process); *preload; preload++)
		append(&scope, process, modules, *preload);
	if (process_has_lost_environment(process))
		append_unexplained(&scope, process, modules);
	follow(&scope, process, modules);
	return scope;
}

const struct module *scope_malloc(const struct scope *scope)
{
	for (size_t i = 0; i < scope->count; i++)
		if (defines_malloc(scope->module[i]))
			return scope->module[i];
	return NULL;
}
