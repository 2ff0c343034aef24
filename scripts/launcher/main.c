/* SPDX-License-Identifier: MIT */
/* main.c - the command line of `seamalloc`: finds the command
 *
 *    run, check    may a preload take effect?   target  effect  heaps  wrapper
 *    status        what does a process use?     process  scope  absence
 *    compare       the Python modules
 *    messages      which message heaps are there?   src/message
 *
 * `run` is one process that becomes the program, and changes nothing of what it was
 * given but LD_PRELOAD.  This program is static where it can be: then a start takes 66 to
 * 93 thousand instructions (true, node) up to execve(), and nothing that is preloaded
 * into it gets in the way.
 */
#include "commands.h"
#include "say.h"
#include "../../include/seamalloc.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
	"usage: seamalloc run [OPTION ...] [--] PROGRAM [ARG ...]\n"
	"       seamalloc check [OPTION ...] [--] PROGRAM [ARG ...]\n"
	"       seamalloc status PID|NAME ...\n"
	"       seamalloc compare [OPTION ...] [--] PROGRAM [ARG ...]\n"
	"       seamalloc messages [--clean]\n"
	"       seamalloc --help | --version\n"
	"\n"
	"  run       runs PROGRAM with seamalloc as its malloc\n"
	"  check     says whether that would take effect, and runs nothing\n"
	"  status    says which malloc a running process uses and, if it is not\n"
	"            seamalloc, why not\n"
	"  compare   runs PROGRAM in turn with each installed allocator, and shows time,\n"
	"            memory and page faults of each beside glibc's; needs python3\n"
	"  messages  lists the message heaps of this machine (seamalloc_message(3));\n"
	"            --clean removes those that no process has open\n"
	"\n"
	"`seamalloc COMMAND --help` lists the options; the manual page seamalloc(1) has\n"
	"the rest.\n";

static const struct {
	const char *name;
	int (*run)(char **argv);
} commands[] = {
	{ "run", command_run }, { "check", command_check },
	{ "status", command_status }, { "compare", command_compare },
	{ "messages", command_messages },
};

static int is_one_of(const char *word, const char *a, const char *b)
{
	return strcmp(word, a) == 0 || strcmp(word, b) == 0;
}

/* The exit status of the command named. */
static int run(const char *name, char **argv)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].name, name) == 0)
			return commands[i].run(argv);
	if (is_one_of(name, "--help", "-h") || strcmp(name, "help") == 0)
		return fputs(help, stdout) == EOF;
	if (is_one_of(name, "--version", "-V"))
		return printf("seamalloc %s\n", SEAMALLOC_VERSION) < 0;
	misused("no %s is called '%s'", name[0] == '-' ? "option" : "command", name);
}

int main(int argc, char **argv)
{
	if (argc < 2)
		misused("which command?");
	int status = run(argv[1], argv + 2);

	if (fflush(stdout) == EOF || ferror(stdout))
		refuse(REFUSED, "standard output: %s", strerror(errno));
	return status;
}
