/* SPDX-License-Identifier: MIT */
/* system.c - what the harness asks the kernel, by system calls alone
 *
 * stdio would allocate buffers in the middle of a measurement, and might not work at all
 * where the allocator has just failed a check.
 */
#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* /proc/self/status has some 1,500 bytes; smaps_rollup less. */
#define FILE_BYTES 8192
#define SENTENCE_BYTES 512

static double seconds_of(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double system_wall_s(void)
{
	return seconds_of(CLOCK_MONOTONIC);
}

double system_cpu_s(void)
{
	return seconds_of(CLOCK_PROCESS_CPUTIME_ID);
}

void system_wait(double seconds)
{
	struct timespec rest = { .tv_sec = (time_t)seconds };
	rest.tv_nsec = (long)((seconds - (double)rest.tv_sec) * 1e9);
	while (nanosleep(&rest, &rest) && errno == EINTR)
		continue;
}

/* The file's text in `text`, empty if there is none. */
static void read_file(const char *path, char text[FILE_BYTES])
{
	size_t length = 0;
	int file = open(path, O_RDONLY | O_CLOEXEC);
	while (file >= 0 && length < FILE_BYTES - 1) {
		ssize_t got = read(file, text + length, FILE_BYTES - 1 - length);
		if (got <= 0)
			break;
		length += (size_t)got;
	}
	text[length] = 0;
	if (file >= 0)
		close(file);
}

/* The bytes of a line "field: number kB", 0 where there is no such line. */
static uint64_t field_bytes(const char *path, const char *field)
{
	char text[FILE_BYTES];
	read_file(path, text);
	const char *line = strstr(text, field);
	return line ? strtoull(line + strlen(field), NULL, 10) * 1024 : 0;
}

uint64_t system_rss(void)
{
	char text[FILE_BYTES];
	read_file("/proc/self/statm", text);
	const char *resident = strchr(text, ' ');
	return resident ? strtoull(resident, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

uint64_t system_rss_exact(void)
{
	uint64_t bytes = field_bytes("/proc/self/smaps_rollup", "\nRss:");
	return bytes ? bytes : system_rss();
}

uint64_t system_peak_rss(void)
{
	return field_bytes("/proc/self/status", "\nVmHWM:");
}

void system_write(int file, const char *text, size_t length)
{
	while (length) {
		ssize_t put = write(file, text, length);
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return;
		text += put;
		length -= (size_t)put;
	}
}

void system_say(const char *name, const char *format, va_list arguments)
{
	char line[SENTENCE_BYTES];
	int length = snprintf(line, sizeof(line), "%s: ", name);
	length += vsnprintf(line + length, sizeof(line) - (size_t)length, format, arguments);
	if (length > (int)sizeof(line) - 2)
		length = (int)sizeof(line) - 2;
	line[length] = '\n';
	system_write(STDERR_FILENO, line, (size_t)length + 1);
}
