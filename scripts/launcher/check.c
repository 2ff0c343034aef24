/* SPDX-License-Identifier: MIT */
/* check.c - `seamalloc check`: what `run` would do, for people and for scripts
 *
 * Each line is a word, a tab and the rest.  For a program:
 *
 *    program   the file that would be executed
 *    shell     the text file that it is given, where it is the shell
 *    binary    the ELF file that would hold the process
 *    subject   the program as the subject of a sentence
 *    wraps     the ELF file that the program, a shell script, starts
 *    malloc    the file whose malloc it uses without us
 *    libc      the C library's file
 *    never     why no library at all takes effect
 *
 * And for each library:
 *
 *    library   its file
 *    version   its name and version, where they are known
 *    verdict   "takes effect", or why not
 *    mismatch  instead of `verdict`: machine or C library are others
 *    heaps     instead of `verdict`: the program would use two heaps
 */
#define _GNU_SOURCE
#include "allocator.h"
#include "commands.h"
#include "effect.h"
#include "heaps.h"
#include "loader.h"
#include "options.h"
#include "paths.h"
#include "say.h"
#include "target.h"
#include "wrapper.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Libraries that one command line may name. */
#define MAX_LIBRARIES 64

static const char help[] =
	"usage: seamalloc check [OPTION ...] [--] [PROGRAM [ARG ...]]\n"
	"\n"
	"Says whether seamalloc would take effect in PROGRAM, and runs nothing.  Without\n"
	"PROGRAM it says which library would be used.\n"
	"\n"
	"  --engine=NAME    seam (the default), freelist or watermark\n"
	"  --libdir=DIR     folder of the libraries\n"
	"  --library=FILE   a library to preload instead of seamalloc; may be repeated;\n"
	"                   `none` asks about PROGRAM only\n"
	"  --help           this text\n"
	"\n"
	"Exit status: 0 if it takes effect, 125 if not; 126, 127 and 2 as for run.\n";

static void tell(const char *word, const char *what)
{
	printf("%s\t%s\n", word, what);
}

static bool is_libc(const char *path)
{
	const char *name = file_name(path);

	return strcmp(name, "libc.so.6") == 0 || strncmp(name, "ld-musl", strlen("ld-musl")) == 0;
}

static bool has_malloc(const char *path)
{
	struct elf file;

	if (elf_open(&file, path) != ELF_SOUND)
		return false;
	bool has = elf_defines(&file, "malloc");

	elf_close(&file);
	return has;
}

/* Where the program's malloc is without us: the first file in the loader's order. */
static void tell_loaded(const char *binary)
{
	char **loaded = loader_list(binary, NULL);
	bool is_found = false;

	for (char **path = loaded; *path; path++) {
		if (!is_found && has_malloc(*path)) {
			tell("malloc", *path);
			is_found = true;
		}
		if (is_libc(*path))
			tell("libc", *path);
	}
}

static const char *tell_program(const struct target *target)
{
	const char *never = effect_why_never(target->binary);
	const char *wrapped = wrapper_target(target->is_text ? target->argv[1] : target->path);

	tell("program", target->path);
	if (target->is_text)
		tell("shell", target->argv[1]);
	tell("binary", target->binary);
	tell("subject", target_subject(target));
	if (wrapped)
		tell("wraps", wrapped);
	if (never)
		tell("never", never);
	else
		tell_loaded(target->binary);
	return never;
}

/* Whether the loader accepts `library`; yes where it tells nothing of this program. */
static bool is_loaded(const char *binary, const char *library)
{
	char *real = realpath(library, NULL);
	char **loaded = loader_list(binary, library);

	if (*loaded == NULL)
		return *loader_list(binary, NULL) == NULL;
	for (char **path = loaded; *path; path++) {
		char *other = realpath(*path, NULL);

		if (real && other && strcmp(real, other) == 0)
			return true;
	}
	return false;
}

static void tell_version(const char *library)
{
	struct elf file;

	if (elf_open(&file, library) != ELF_SOUND)
		return;
	char *real = realpath(library, NULL);
	struct allocator allocator = allocator_in(&file, real ? real : library);

	if (allocator.name)
		tell("version", allocator_in_words(&allocator));
	elf_close(&file);
}

/* The lines on one library in a program; whether it takes effect. */
static bool tell_library(const char *library, const char *binary, const char *never)
{
	tell("library", library);
	tell_version(library);
	const char *reason = binary ? effect_mismatch(binary, library) : NULL;

	if (reason) {
		tell("mismatch", reason);
		return false;
	}
	if (never || binary == NULL) {
		tell("verdict", never ? never : "is there");
		return never == NULL;
	}
	if (!is_loaded(binary, library)) {
		tell("verdict", text("does not load %s", library));
		return false;
	}
	reason = heaps_two(binary, library);
	tell(reason ? "heaps" : "verdict", reason ? reason : "takes effect");
	return reason == NULL;
}

int command_check(char **argv)
{
	const char *engine = "seam", *folder = NULL, *libraries[MAX_LIBRARIES + 1] = { NULL };
	const struct option_of known[] = { { "engine", &engine, 1 }, { "libdir", &folder, 1 },
					   { "library", libraries, MAX_LIBRARIES } };

	argv = options_read("check", argv, known, 3);
	if (argv == NULL)
		return fputs(help, stdout) == EOF;
	if (libraries[0] == NULL)
		libraries[0] = paths_library(engine, folder);
	struct target target = { .binary = NULL };
	const char *never = NULL;

	if (*argv) {
		target = target_of(argv);
		never = tell_program(&target);
	}
	bool take_effect = true;

	for (const char **library = libraries; *library && strcmp(*library, "none") != 0; library++)
		take_effect &= tell_library(*library, target.binary, never);
	return take_effect ? 0 : REFUSED;
}
