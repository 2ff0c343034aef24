/* SPDX-License-Identifier: MIT */
/* target.c - which file a command line runs */
#define _GNU_SOURCE
#include "target.h"
#include "say.h"
#include "words.h"
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The kernel gives up at the fifth script that is interpreted by a script. */
#define MAX_INTERPRETERS 5
/* BINPRM_BUF_SIZE: bytes that the kernel reads of a first line. */
#define FIRST_LINE_BYTES 256
/* Where execvp(3) searches if there is no PATH. */
#define DEFAULT_PATH "/bin:/usr/bin"

static struct found is_at(const char *path)
{
	return (struct found){ .path = path };
}

static struct found lacks(int status, const char *why)
{
	return (struct found){ .status = status, .why = why };
}

/* `path` if it is a file that may be executed; what is wrong is said of `name`. */
static struct found checked(const char *path, const char *name)
{
	struct stat status;

	if (stat(path, &status) < 0)
		return lacks(errno == ENOENT || errno == ENOTDIR ? NOT_FOUND : NOT_EXECUTABLE,
			     text("%s: %s", name, strerror(errno)));
	if (!S_ISREG(status.st_mode))
		return lacks(NOT_EXECUTABLE, text("%s: is not a file that can be executed", name));
	if (access(path, X_OK) < 0)
		return lacks(NOT_EXECUTABLE, text("%s: %s", name, strerror(errno)));
	return is_at(path);
}

struct found target_find(const char *name)
{
	if (*name == '\0')
		return lacks(NOT_FOUND, "the program's name is empty");
	if (strchr(name, '/'))
		return checked(name, name);
	struct found best = lacks(NOT_FOUND, text("%s: no such program in PATH", name));
	const char *search = getenv("PATH");

	for (const char *folder = search ? search : DEFAULT_PATH; folder; ) {
		int length = (int)strcspn(folder, ":");
		const char *path = length ? text("%.*s/%s", length, folder, name) : text("./%s", name);
		struct found found = checked(path, name);

		if (found.path)
			return found;
		if (found.status == NOT_EXECUTABLE)
			best = found;
		folder = folder[length] ? folder + length + 1 : NULL;
	}
	return best;
}

/* The beginning of a file as the kernel sees it; empty if it may not be read. */
static void read_start(const char *path, char start[FIRST_LINE_BYTES + 1])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? 0 : read(fd, start, FIRST_LINE_BYTES);

	if (fd >= 0)
		close(fd);
	start[got > 0 ? got : 0] = '\0';
}

/* Neither ELF nor #!: execvp(3) hands such a file to the shell. */
static bool is_shell_text(const char *path)
{
	char start[FIRST_LINE_BYTES + 1];

	read_start(path, start);
	return start[0] != '\0' && strncmp(start, ELFMAG, SELFMAG) != 0 && strncmp(start, "#!", 2) != 0;
}

/* The file that interprets a script whose #! line says `line`. */
static struct found interpreter_of(const char *script, const char *line)
{
	line += strspn(line, " \t");
	int length = (int)strcspn(line, " \t");

	if (length == 0)
		return lacks(NOT_EXECUTABLE, text("%s: its first line names no interpreter", script));
	const char *name = text("%.*s", length, line);

	if (strcmp(file_name(name), "env") == 0) {
		const char *started = words_of_env(line + length);

		name = started ? started : name;
	}
	struct found found = target_find(name);

	if (!found.path)
		found.why = text("%s: its interpreter %s", script, found.why);
	return found;
}

struct found target_binary(const char *path)
{
	char start[FIRST_LINE_BYTES + 1];

	for (int i = 0; i < MAX_INTERPRETERS; i++) {
		read_start(path, start);
		if (strncmp(start, "#!", 2) != 0)
			return is_at(path);
		start[strcspn(start, "\n")] = '\0';
		struct found found = interpreter_of(path, start + 2);

		if (!found.path)
			return found;
		path = found.path;
	}
	return lacks(NOT_EXECUTABLE, text("%s: too many scripts interpret each other", path));
}

static const char *must(struct found found)
{
	if (!found.path)
		refuse(found.status, "%s", found.why);
	return found.path;
}

/* The program that env(1) starts, where the command line begins with env; else `path`. */
static const char *behind_env(const char *path, char **argv)
{
	if (strcmp(file_name(path), "env") != 0)
		return path;
	const char *name = words_program(argv + 1);
	struct found found = target_find(name ? name : path);

	return found.path ? found.path : path;
}

/* argv of the shell that runs the text file argv[0], found at `path`. */
static char **shell_argv(const char *path, char **argv)
{
	int count = 0;

	while (argv[count])
		count++;
	char **made = calloc((size_t)count + 2, sizeof(*made));

	if (made == NULL)
		refuse(REFUSED, "out of memory");
	made[0] = text("/bin/sh");
	made[1] = text("%s", path);
	memcpy(made + 2, argv + 1, (size_t)count * sizeof(*made));
	return made;
}

struct target target_of(char **argv)
{
	const char *path = must(target_find(argv[0]));
	struct target target = { .path = path, .argv = argv, .is_text = is_shell_text(path) };

	if (target.is_text) {
		target.argv = shell_argv(path, argv);
		target.path = target.argv[0];
	}
	target.binary = must(target_binary(behind_env(target.path, target.argv)));
	return target;
}

const char *target_subject(const struct target *target)
{
	if (strcmp(target->binary, target->path) == 0)
		return target->path;
	return text("%s runs %s, which", target->path, target->binary);
}
