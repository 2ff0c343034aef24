/* SPDX-License-Identifier: MIT */
/* libmaphooks.c - a tool that watches mappings: its hooks allocate
 *
 * It has the names of the system's calls, as network stacks and profilers do, and keeps a
 * record of each call in memory of malloc.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { NR_RECORDS = 64 };

static __thread bool is_inside;
static __thread void *records[NR_RECORDS];
static __thread unsigned nr_calls;

static void record(void)
{
	if (is_inside)
		return;
	is_inside = true;
	unsigned i = nr_calls++ % NR_RECORDS;
	free(records[i]);
	records[i] = malloc(1000 + 37 * i);
	if (records[i] != NULL)
		memset(records[i], 1, 64);
	is_inside = false;
}

void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
	record();
	return (void *)syscall(SYS_mmap, address, size, protection, flags, fd, offset);
}

int munmap(void *address, size_t size)
{
	record();
	return (int)syscall(SYS_munmap, address, size);
}

int madvise(void *address, size_t size, int advice)
{
	record();
	return (int)syscall(SYS_madvise, address, size, advice);
}

int mprotect(void *address, size_t size, int protection)
{
	record();
	return (int)syscall(SYS_mprotect, address, size, protection);
}

void *mremap(void *address, size_t old_size, size_t size, int flags, ...)
{
	va_list arguments;
	va_start(arguments, flags);
	void *target = va_arg(arguments, void *);
	va_end(arguments);
	record();
	return (void *)syscall(SYS_mremap, address, old_size, size, flags, target);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	record();
	return (int)syscall(SYS_clock_gettime, clock, now);
}
