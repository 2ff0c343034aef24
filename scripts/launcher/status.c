/* SPDX-License-Identifier: MIT */
/* status.c - `seamalloc status`: which malloc a running process uses, and why not ours */
#define _GNU_SOURCE
#include "absence.h"
#include "allocator.h"
#include "commands.h"
#include "options.h"
#include "process.h"
#include "say.h"
#include "scope.h"
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What was found out; of several processes the greatest counts. */
enum verdict { OURS, ANOTHERS, NOT_TOLD };
#define KIB_PER_MIB 1024.0
/* Digits of the greatest number that Linux gives a process, 4194304. */
#define PID_DIGITS 7

static const char help[] =
	"usage: seamalloc status PID|NAME ...\n"
	"\n"
	"Says of each running process which malloc it uses, how much memory it has and, if\n"
	"its malloc is not seamalloc, why not.  NAME names a program: all its processes.\n"
	"\n"
	"Exit status: 0 if all use seamalloc, 1 if one does not, 125 if one cannot\n"
	"be looked into (there is no such process, or you may not), 2 for a command line\n"
	"that makes no sense.\n";

static void tell(const char *word, const char *what)
{
	printf("  %-8s %s\n", word, what);
}

/* The allocator of the process, in words; `module` has its malloc. */
static struct allocator allocator_of(const struct module *module)
{
	return allocator_in(&module->file, module->path);
}

/* A process whose malloc is in no file that we can read: one that is static, or made
 * by a language that has its own. */
static struct allocator allocator_of_program(const struct modules *modules)
{
	if (modules->count == 0 || modules->module[0].file.size == 0)
		return (struct allocator){ 0 };
	return allocator_in(&modules->module[0].file, modules->module[0].path);
}

static const char *mib(long kib)
{
	return text("%.1f", (double)kib / KIB_PER_MIB);
}

static void tell_memory(const struct process *process)
{
	long resident = process_kib(process, "VmRSS"), anonymous = process_kib(process, "RssAnon");
	long peak = process_kib(process, "VmHWM"), swapped = process_kib(process, "VmSwap");

	if (resident < 0)
		return;
	tell("memory", text("%s MiB resident (%s of its own, %s of files), %s at the peak, %s swapped out",
			    mib(resident), mib(anonymous), mib(resident - anonymous), mib(peak), mib(swapped)));
}

static void tell_where(const struct process *process)
{
	if (process->inner_pid && process->inner_pid != process->pid)
		tell("where", text("in a container, as process %d", (int)process->inner_pid));
}

static void tell_module(const struct module *module, bool is_program)
{
	tell("file", text("%s%s%s", module->path, is_program ? ", the program itself" : "",
			  module->is_deleted ? " (removed or replaced since: a restart takes the new one)" : ""));
}

/* Another allocator, which the program calls by names that no library can take over. */
static void tell_beside(const struct module *program)
{
	if (program->file.size == 0)
		return;
	struct allocator beside = allocator_beside(&program->file, program->path);

	if (beside.name)
		tell("beside", text("%s, in the program itself under names of its own, which it may use instead",
				    allocator_in_words(&beside)));
}

/* The lines on a process of which something is known. */
static enum verdict tell_process(const struct process *process)
{
	struct modules modules = process_modules(process);
	struct scope scope = scope_of(process, &modules);
	const struct module *module = scope_malloc(&scope);
	struct allocator allocator = module ? allocator_of(module) : allocator_of_program(&modules);

	printf("%d %s: %s\n", (int)process->pid, process->name, allocator_in_words(&allocator));
	if (module)
		tell_module(module, module == &modules.module[0]);
	if (!allocator_is_ours(&allocator))
		tell("why", absence_reason(process, &modules, &scope));
	if (module && module != &modules.module[0])
		tell_beside(&modules.module[0]);
	tell_memory(process);
	tell_where(process);
	return allocator_is_ours(&allocator) ? OURS : ANOTHERS;
}

static enum verdict status_of(pid_t pid)
{
	struct process process;
	const char *reason = process_read(&process, pid);

	if (reason == NULL)
		return tell_process(&process);
	fflush(stdout);
	fprintf(stderr, "seamalloc: %s\n", reason);
	return NOT_TOLD;
}

/* --- processes by name --------------------------------------------------------------- */

static bool is_number(const char *word)
{
	size_t digits = strspn(word, "0123456789");

	return digits && digits <= PID_DIGITS && word[digits] == '\0';
}

/* Whether the process has that name, or runs a program of that name. */
static bool is_called(pid_t pid, const char *name)
{
	size_t bytes;
	const char *comm = process_contents(pid, "comm", &bytes);
	const char *command = process_contents(pid, "cmdline", &bytes);

	if (comm && strncmp(comm, name, strlen(name)) == 0 && comm[strlen(name)] == '\n')
		return true;
	return command && strcmp(file_name(command), name) == 0;
}

/* Every living process of that name but this one; how many there are is added to *count. */
static enum verdict status_of_all(const char *name, size_t *count)
{
	DIR *folder = opendir("/proc");
	enum verdict worst = OURS;

	if (folder == NULL)
		refuse(REFUSED, "/proc is not mounted here");
	for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
		pid_t pid = is_number(entry->d_name) ? (pid_t)atoi(entry->d_name) : 0;

		if (pid == 0 || pid == getpid() || !is_called(pid, name))
			continue;
		if (process_has_ended(pid))
			continue;
		enum verdict verdict = status_of(pid);

		worst = verdict > worst ? verdict : worst;
		(*count)++;
	}
	closedir(folder);
	return worst;
}

static enum verdict status_of_word(const char *word)
{
	size_t count = 0;

	if (*word == '\0')
		misused("status: a name is empty");
	if (is_number(word))
		return status_of((pid_t)strtol(word, NULL, 10));
	enum verdict verdict = status_of_all(word, &count);

	if (count > 0)
		return verdict;
	fflush(stdout);
	fprintf(stderr, "seamalloc: no process is called %s\n", word);
	return NOT_TOLD;
}

int command_status(char **argv)
{
	static const int statuses[] = { [OURS] = 0, [ANOTHERS] = 1, [NOT_TOLD] = REFUSED };
	enum verdict worst = OURS;

	argv = options_read("status", argv, NULL, 0);
	if (argv == NULL)
		return fputs(help, stdout) == EOF;
	if (*argv == NULL)
		misused("status: which process?");
	for (; *argv; argv++) {
		enum verdict verdict = status_of_word(*argv);

		worst = verdict > worst ? verdict : worst;
	}
	return statuses[worst];
}
