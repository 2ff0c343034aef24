/* SPDX-License-Identifier: MIT */
/* measure.c - runs one program and writes what it used
 *
 *    usage: measure FD PRELOAD PROGRAM [ARG ...]
 *
 * PRELOAD becomes the program's LD_PRELOAD; where it is empty the environment
 * stays as it is.  One line goes to file descriptor FD:
 *
 *    WALL USER SYSTEM PEAK MINOR MAJOR HOW CODE
 *
 * WALL in ns; USER and SYSTEM, CPU time, in us; PEAK, the largest resident set of
 * any one process, in KiB; MINOR and MAJOR, page faults.  HOW is `exit`, `signal`
 * or `spawn`, and CODE the status, the signal or the errno of the failed start.
 * All of it counts the program's children that it waited for.
 *
 * Why a program of its own: the kernel carries the peak of the memory that execve()
 * replaces into ru_maxrss of the new program (exec_mmap(): setmax_mm_hiwater_rss).
 * Whoever starts a program thus sets a floor under its figure.  An interpreter of
 * 10 MiB would hide every small program; this one is smaller than they are.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000LL
#define US_PER_S 1000000LL
#define LINE_BYTES 256

extern char **environ;

/* For the signal handler: the program's process, 0 until it runs; whether it was
 * told to end already. */
static volatile sig_atomic_t child;
static volatile sig_atomic_t told;

/* What happened to the program. */
struct outcome {
	long long wall_ns;
	struct rusage usage;
	const char *how;
	int code;
};

static long long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

static long long in_us(struct timeval time)
{
	return time.tv_sec * US_PER_S + time.tv_usec;
}

/* Passes SIGTERM and SIGHUP on, so that ending the measurement ends the program;
 * the second time with force. */
static void forward(int signal)
{
	if (child > 0)
		kill(child, told ? SIGKILL : signal);
	told = 1;
}

/* The terminal sends SIGINT and SIGQUIT to the program as well: wait for its end. */
static void ignore(int signal)
{
	(void)signal;
}

/* Handlers rather than SIG_IGN: execve() resets them to the default action. */
static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = forward, .sa_flags = SA_RESTART };

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	action.sa_handler = ignore;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGQUIT, &action, NULL);
}

/* Waits for the program and fills in usage, how and code. */
static void await(pid_t pid, struct outcome *outcome)
{
	int status;

	while (wait4(pid, &status, 0, &outcome->usage) < 0 && errno == EINTR)
		;
	outcome->how = WIFSIGNALED(status) ? "signal" : "exit";
	outcome->code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

/* Runs argv.  posix_spawn() shares our memory with the child until it executes,
 * so nothing is copied, whatever our size. */
static struct outcome run(char **argv)
{
	struct outcome outcome = { .how = "spawn" };
	long long start = now_ns();
	pid_t pid;

	outcome.code = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);
	if (outcome.code == 0) {
		child = pid;
		await(pid, &outcome);
	}
	outcome.wall_ns = now_ns() - start;
	return outcome;
}

/* Writes the line; 0 if all of it went out. */
static int report(int fd, const struct outcome *o)
{
	char line[LINE_BYTES];
	int length = snprintf(line, sizeof(line), "%lld %lld %lld %ld %ld %ld %s %d\n",
			      o->wall_ns, in_us(o->usage.ru_utime), in_us(o->usage.ru_stime),
			      o->usage.ru_maxrss, o->usage.ru_minflt, o->usage.ru_majflt,
			      o->how, o->code);

	return write(fd, line, (size_t)length) == length ? 0 : 1;
}

int main(int argc, char **argv)
{
	if (argc < 4) {
		fputs("usage: measure FD PRELOAD PROGRAM [ARG ...]\n", stderr);
		return 2;
	}
	int fd = atoi(argv[1]);

	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
		fprintf(stderr, "measure: file descriptor %s: %s\n", argv[1], strerror(errno));
		return 2;
	}
	if (argv[2][0] != '\0')
		setenv("LD_PRELOAD", argv[2], 1);
	catch_signals();
	struct outcome outcome = run(argv + 3);

	return report(fd, &outcome);
}
