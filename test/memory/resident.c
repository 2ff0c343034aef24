/* SPDX-License-Identifier: MIT */
/* resident.c - runs a program and prints the KiB that it has resident when it ends
 *
 * Arguments: LIBRARY ("" for none) PROGRAM [ARGUMENT]...  The kernel's peak (ru_maxrss) would not
 * do: it includes what this process had, and is counted in steps for each processor.  The
 * program is stopped at its end (PTRACE_EVENT_EXIT), and smaps_rollup counts pages.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static void become(char **argv)
{
	int null = open("/dev/null", O_WRONLY);
	dup2(null, STDOUT_FILENO);
	if (*argv[1] != '\0')
		setenv("LD_PRELOAD", argv[1], 1);
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	execvp(argv[2], argv + 2);
	_exit(127);
}

static long resident_kib(pid_t child)
{
	char path[64], text[4096];
	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)child);
	int fd = open(path, O_RDONLY);
	ssize_t length = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	text[length > 0 ? length : 0] = '\0';
	const char *found = strstr(text, "\nRss:");
	return found == NULL ? -1 : atol(found + 5);
}

/* Lets it run to its exit event; false if it ends before. */
static int reaches_exit(pid_t child)
{
	int status, signal = 0;
	while (ptrace(PTRACE_CONT, child, NULL, (void *)(long)signal) == 0 && waitpid(child, &status, 0) == child) {
		if (!WIFSTOPPED(status))
			return 0;
		if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXIT << 8))
			return 1;
		signal = WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
	}
	return 0;
}

int main(int argc, char **argv)
{
	int status;
	if (argc < 3)
		return 2;
	pid_t child = fork();
	if (child == 0)
		become(argv);
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_SETOPTIONS, child, NULL, (void *)(long)(PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL)) != 0)
		return 77;
	if (!reaches_exit(child))
		return 1;
	printf("%ld\n", resident_kib(child));
	ptrace(PTRACE_CONT, child, NULL, NULL);
	waitpid(child, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : 1;
}
