/* SPDX-License-Identifier: MIT */
/* allocator.c - whose malloc an ELF file has, by its symbols and texts */
#define _GNU_SOURCE
#include "allocator.h"
#include "say.h"
#include <ctype.h>
#include <string.h>

/* No version is longer. */
#define VERSION_BYTES 32

/* What gives an allocator away: a symbol that it alone defines, or, in a program
 * whose symbols were stripped, a text that it alone has.  The digits behind the
 * text `version` are its version. */
static const struct mark {
	const char *name, *symbol, *text, *version;
} marks[] = {
	/* We have jemalloc's functions too: seamalloc comes first. */
	{ "seamalloc", "sea_malloc", "SEAMALLOC_CONF", "seamalloc " },
	{ "jemalloc", "malloc_stats_print", "<jemalloc>", NULL },
	{ "mimalloc", "mi_malloc", "mimalloc: ", NULL },
	{ "tcmalloc", "tc_malloc", "TCMALLOC_", "gperftools " },
	{ "Scudo", "__scudo_print_stats", "Scudo ERROR", NULL },
	{ "PartitionAlloc", NULL, "PartitionAlloc", NULL },
	{ "AddressSanitizer", "__asan_init", NULL, NULL },
	{ "glibc", "__libc_malloc", "GNU C Library", "stable release version " },
};

/* The digits and dots that follow a text, wherever a digit does. */
static const char *number_behind(const struct elf *file, const char *mark)
{
	size_t length = strlen(mark);

	for (const char *place = elf_search(file, NULL, mark); place; place = elf_search(file, place, mark)) {
		char number[VERSION_BYTES + 1] = "";

		for (size_t i = 0; i < VERSION_BYTES && length + i < elf_room(file, place); i++) {
			char c = place[length + i];

			if (!isdigit((unsigned char)c) && (c != '.' || i == 0))
				break;
			number[i] = c;
		}
		size_t end = strlen(number);

		if (end > 0 && number[end - 1] == '.')
			number[end - 1] = '\0';
		if (end > 0)
			return text("%s", number);
	}
	return NULL;
}

/* A version of the form 5.3.0-0-g54eaed1d, of which the first number counts. */
static const char *number_before_commit(const struct elf *file)
{
	for (const char *place = elf_search(file, NULL, "-0-g"); place; place = elf_search(file, place, "-0-g")) {
		const char *start = place;

		while (start > (const char *)file->data && (isdigit((unsigned char)start[-1]) || start[-1] == '.'))
			start--;
		if (start < place && isdigit((unsigned char)*start))
			return text("%.*s", (int)(place - start), start);
	}
	return NULL;
}

/* What stands behind ".so." in a file's name. */
static const char *number_in_name(const char *path)
{
	const char *behind = strstr(file_name(path), ".so.");

	return behind ? text("%.*s", (int)strspn(behind + 4, "0123456789."), behind + 4) : NULL;
}

static const char *version_of(const struct mark *mark, const struct elf *file, const char *path)
{
	if (strcmp(mark->name, "jemalloc") == 0)
		return number_before_commit(file);
	if (mark->version)
		return number_behind(file, mark->version);
	return number_in_name(path);
}

/* libseamalloc-freelist.so.0 has the engine "freelist". */
static const char *engine_of(const struct elf *file)
{
	const char *name = elf_soname(file), *prefix = "libseamalloc-";

	if (name == NULL || strncmp(name, prefix, strlen(prefix)) != 0)
		return "seam";
	name += strlen(prefix);
	return text("%.*s", (int)strcspn(name, "."), name);
}

/* A library is known by its symbols; a program may have lost those. */
static bool bears(const struct elf *file, const struct mark *mark)
{
	if (mark->symbol && elf_defines(file, mark->symbol))
		return true;
	return elf_soname(file) == NULL && mark->text && elf_search(file, NULL, mark->text);
}

/* The loader of musl is its C library too; glibc's never is libc.so. */
static bool is_musl(const char *path)
{
	const char *name = file_name(path);

	return strcmp(name, "libc.so") == 0 || strncmp(name, "ld-musl", strlen("ld-musl")) == 0 ||
	       strncmp(name, "libc.musl", strlen("libc.musl")) == 0;
}

struct allocator allocator_in(const struct elf *file, const char *path)
{
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		if (bears(file, &marks[i])) {
			struct allocator found = { marks[i].name, version_of(&marks[i], file, path), NULL };

			found.engine = allocator_is_ours(&found) ? engine_of(file) : NULL;
			return found;
		}
	}
	if (is_musl(path))
		return (struct allocator){ .name = "musl" };
	if (elf_has_section(file, ".go.buildinfo"))
		return (struct allocator){ .name = "Go's own allocator" };
	return (struct allocator){ 0 };
}

struct allocator allocator_beside(const struct elf *program, const char *path)
{
	static const char *const prefixed[] = { "jemalloc", "mimalloc" };

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		for (size_t j = 0; j < sizeof(prefixed) / sizeof(prefixed[0]); j++)
			if (strcmp(marks[i].name, prefixed[j]) == 0 && elf_search(program, NULL, marks[i].text))
				return (struct allocator){ marks[i].name, version_of(&marks[i], program, path), NULL };
	return (struct allocator){ 0 };
}

const char *allocator_in_words(const struct allocator *allocator)
{
	if (allocator->name == NULL)
		return "an allocator that is not known here";
	const char *version = allocator->version ? text(" %s", allocator->version) : "";

	return text("%s%s%s", allocator->name, version,
		    allocator->engine ? text(" (engine %s)", allocator->engine) : "");
}

bool allocator_is_ours(const struct allocator *allocator)
{
	return allocator->name && strcmp(allocator->name, "seamalloc") == 0;
}

bool allocator_is_name(const char *library)
{
	static const char *const names[] = { "libjemalloc", "libmimalloc", "libtcmalloc", "libseamalloc",
					     "libhoard", "libsnmalloc", "librpmalloc" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strncmp(library, names[i], strlen(names[i])) == 0 && strstr(library, ".so"))
			return true;
	return false;
}
