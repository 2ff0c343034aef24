/* SPDX-License-Identifier: MIT */
/* loader.c - which libraries the loader would map for a program: ld.so --list */
#define _GNU_SOURCE
#include "loader.h"
#include "elf_file.h"
#include "say.h"
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* More libraries than this are not looked at. */
#define MAX_LIBRARIES 1024

/* The environment, with another LD_PRELOAD unless that is NULL. */
static char **environment_with(const char *preload)
{
	size_t count = 0, kept = 0;

	while (environ[count])
		count++;
	char **made = calloc(count + 2, sizeof(*made));

	if (made == NULL)
		refuse(REFUSED, "out of memory");
	for (size_t i = 0; i < count; i++)
		if (preload == NULL || strncmp(environ[i], "LD_PRELOAD=", strlen("LD_PRELOAD=")) != 0)
			made[kept++] = environ[i];
	if (preload)
		made[kept] = text("LD_PRELOAD=%s", preload);
	return made;
}

/* Starts the loader; what it prints can be read from the result, NULL on failure. */
static FILE *start(char *loader, const char *binary, const char *preload, pid_t *pid)
{
	char *argv[] = { loader, "--list", text("%s", binary), NULL };
	posix_spawn_file_actions_t actions;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return NULL;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	int failure = posix_spawn(pid, loader, &actions, NULL, argv, environment_with(preload));

	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	if (failure) {
		close(ends[0]);
		return NULL;
	}
	return fdopen(ends[0], "r");
}

/* The path in a line `name => /path (0x...)` or `/path (0x...)`, or NULL. */
static char *path_in(char *line)
{
	char *path = strchr(line, '/'), *end = path ? strstr(path, " (0x") : NULL;

	if (end == NULL)
		return NULL;
	*end = '\0';
	char *arrow = strstr(path, " => ");

	return text("%s", arrow ? arrow + 4 : path);
}

char **loader_list(const char *binary, const char *preload)
{
	char **paths = calloc(MAX_LIBRARIES + 1, sizeof(*paths));
	struct elf program;
	char *line = NULL;
	size_t room = 0, count = 0;
	pid_t pid;

	if (paths == NULL)
		refuse(REFUSED, "out of memory");
	if (elf_open(&program, binary) != ELF_SOUND || elf_interpreter(&program) == NULL)
		return paths;
	FILE *output = start(text("%s", elf_interpreter(&program)), binary, preload, &pid);

	elf_close(&program);
	if (output == NULL)
		return paths;
	while (count < MAX_LIBRARIES && getline(&line, &room, output) > 0)
		if ((paths[count] = path_in(line)))
			count++;
	fclose(output);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return paths;
}
