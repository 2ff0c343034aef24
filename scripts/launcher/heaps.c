/* SPDX-License-Identifier: MIT */
/* heaps.c - whether a part of a program would keep another allocator */
#define _GNU_SOURCE
#include "heaps.h"
#include "allocator.h"
#include "elf_file.h"
#include "loader.h"
#include "say.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Names that are told of in one sentence. */
#define MAX_NAMES 64

/* Names of functions, in order of the alphabet. */
struct names {
	const char *name[MAX_NAMES];
	size_t count;
};

static bool begins(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

/* mallocx and its like, whatever comes before "allocx"; nallocx makes no block. */
static bool is_allocx(const char *name)
{
	size_t length = strlen(name), end = strlen("allocx");

	if (length <= end || strcmp(name + length - end, "allocx") != 0 || name[0] == 'n')
		return false;
	for (size_t i = 0; i < length; i++)
		if (!islower((unsigned char)name[i]))
			return false;
	return true;
}

/* Whether a function of another allocator makes or takes blocks, beside the standard ones. */
static bool is_of_blocks(const char *name)
{
	if (is_allocx(name))
		return true;
	if (!begins(name, "je_") && !begins(name, "mi_") && !begins(name, "tc_"))
		return false;
	return strstr(name, "alloc") || strstr(name, "free") || strstr(name, "memalign") ||
	       strstr(name, "new") || strstr(name, "delete");
}

static bool defined_in(const char *path, const char *name)
{
	struct elf file;

	if (elf_open(&file, path) != ELF_SOUND)
		return false;
	bool is_defined = elf_defines(&file, name);

	elf_close(&file);
	return is_defined;
}

/* Adds a name, unless it is there or there is no room. */
static void add(struct names *names, const char *name)
{
	size_t place = 0;

	while (place < names->count && strcmp(names->name[place], name) < 0)
		place++;
	if (names->count == MAX_NAMES || (place < names->count && strcmp(names->name[place], name) == 0))
		return;
	memmove(names->name + place + 1, names->name + place, (names->count - place) * sizeof(names->name[0]));
	names->name[place] = text("%s", name);
	names->count++;
}

/* Adds the functions of blocks that the file at `path` takes from others. */
static void add_wanted(struct names *names, const char *path)
{
	struct elf file;
	struct elf_symbol symbol;

	if (elf_open(&file, path) != ELF_SOUND)
		return;
	for (unsigned i = 0; elf_symbol(&file, i, &symbol); i++)
		if (!symbol.is_defined && is_of_blocks(symbol.name))
			add(names, symbol.name);
	elf_close(&file);
}

/* The wanted names that `other` has and `library` does not, as a list; NULL: none. */
static const char *only_in(const struct names *wanted, const char *other, const char *library)
{
	const char *list = NULL;

	for (size_t i = 0; i < wanted->count; i++) {
		const char *name = wanted->name[i];

		if (defined_in(other, name) && !defined_in(library, name))
			list = list ? text("%s, %s", list, name) : name;
	}
	return list;
}

bool heaps_are_likely(const char *binary)
{
	struct elf program;
	const char *name;
	bool is_likely = false;

	if (elf_open(&program, binary) != ELF_SOUND)
		return false;
	for (unsigned i = 0; !is_likely && (name = elf_needed(&program, i)); i++)
		is_likely = allocator_is_name(name);
	elf_close(&program);
	return is_likely;
}

const char *heaps_two(const char *binary, const char *library)
{
	char **loaded = loader_list(binary, NULL);
	struct names wanted = { .count = 0 };

	add_wanted(&wanted, binary);
	for (char **path = loaded; *path; path++)
		if (!allocator_is_name(file_name(*path)))
			add_wanted(&wanted, *path);
	for (char **path = loaded; *path; path++) {
		if (!allocator_is_name(file_name(*path)))
			continue;
		const char *list = only_in(&wanted, *path, library);

		if (list)
			return text("takes %s from %s, which %s does not have: two heaps", list, file_name(*path),
				    file_name(library));
	}
	return NULL;
}
