/* SPDX-License-Identifier: MIT */
/* run.c - `seamalloc run`: becomes the program, with the library preloaded */
#include "commands.h"
#include "effect.h"
#include "heaps.h"
#include "options.h"
#include "paths.h"
#include "say.h"
#include "target.h"
#include "wrapper.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

static const char help[] =
	"usage: seamalloc run [--engine=NAME] [--libdir=DIR] [--] PROGRAM [ARG ...]\n"
	"\n"
	"Runs PROGRAM with seamalloc as its malloc, by LD_PRELOAD.\n"
	"\n"
	"  --engine=NAME   seam (the default), freelist or watermark\n"
	"  --libdir=DIR    folder of the libraries (default: $SEAMALLOC_LIBDIR, else\n"
	"                  this command's own folder or the lib folder beside it)\n"
	"  --help          this text\n"
	"\n"
	"Exit status: the program's own; 125 if seamalloc could not take effect in it or\n"
	"is not built, 126 if PROGRAM cannot be executed, 127 if it is not found, 2 for a\n"
	"command line that makes no sense.\n";

/* Puts `library` in front of what the environment preloads already. */
static void add_preload(const char *library)
{
	const char *present = getenv("LD_PRELOAD");
	const char *both = present && *present ? text("%s:%s", library, present) : library;

	if (setenv("LD_PRELOAD", both, 1) < 0)
		refuse(REFUSED, "out of memory");
}

/* Refuses a program in which the library cannot take effect. */
static void check(const struct target *target, const char *library)
{
	const char *reason = effect_mismatch(target->binary, library);

	reason = reason ? reason : effect_why_never(target->binary);
	if (reason)
		refuse(REFUSED, "%s %s", target_subject(target), reason);
}

/* One line where the program is linked to an allocator that it would go on to use. */
static void warn_of_two_heaps(const struct target *target, const char *library)
{
	const char *reason = heaps_are_likely(target->binary) ? heaps_two(target->binary, library) : NULL;

	if (reason)
		warn("%s %s", target_subject(target), reason);
}

/* One line where the program is a script around one in which the library has no effect. */
static void warn_of_wrapped(const struct target *target, const char *library)
{
	const char *script = target->is_text ? target->argv[1] : target->path;
	const char *wrapped = wrapper_target(script);

	if (wrapped == NULL)
		return;
	const char *reason = effect_mismatch(wrapped, library);

	reason = reason ? reason : effect_why_never(wrapped);
	if (reason)
		warn("%s starts %s, which %s", script, wrapped, reason);
}

static _Noreturn void become(const struct target *target)
{
	execve(target->path, target->argv, environ);
	refuse(errno == ENOENT ? NOT_FOUND : NOT_EXECUTABLE, "%s: %s", target->path, strerror(errno));
}

int command_run(char **argv)
{
	const char *engine = "seam", *folder = NULL;
	const struct option_of known[] = { { "engine", &engine, 1 }, { "libdir", &folder, 1 } };

	argv = options_read("run", argv, known, 2);
	if (argv == NULL)
		return fputs(help, stdout) == EOF;
	if (*argv == NULL)
		misused("run: which program?");
	const char *library = paths_library(engine, folder);
	struct target target = target_of(argv);

	check(&target, library);
	warn_of_two_heaps(&target, library);
	if (target.is_text || strcmp(target.path, target.binary) != 0)
		warn_of_wrapped(&target, library);
	add_preload(library);
	become(&target);
}
